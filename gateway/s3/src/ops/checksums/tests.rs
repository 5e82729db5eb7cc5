use http::Extensions;

use super::*;

fn headers(sent: &[(&'static str, &'static str)]) -> HeaderMap {
    sent.iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

fn code(error: &S3Error) -> String {
    error.code().as_str().to_owned()
}

#[track_caller]
fn check(
    sent: &[(&'static str, &'static str)],
    trailers: &[&'static str],
    expected: Result<Option<&str>, &str>,
) {
    let headers = headers(sent);
    let trailers = (!trailers.is_empty())
        .then(|| Trailers::announced(trailers.iter().map(|name| HeaderName::from_static(name))));
    let found = expected_checksum(&Headers::new(&headers, &Extensions::new()), trailers.as_ref());
    let found = found.map(|found| {
        found.map(|found| match found.value {
            ExpectedValue::Unknown => format!("{} unknown", found.algorithm),
            ExpectedValue::Known(value) => format!("{} {}", found.algorithm, hex::encode(value)),
            ExpectedValue::Trailer(_) => format!("{} trailer", found.algorithm),
        })
    });
    let found = found.as_ref().map(|found| found.as_deref()).map_err(code);
    assert_eq!(found, expected.map_err(str::to_owned), "{sent:?} {trailers:?}");
}

#[test]
fn a_request_states_at_most_one_checksum() {
    check(&[], &[], Ok(None));
    check(&[("x-amz-checksum-crc32", "AAAAAQ==")], &[], Ok(Some("CRC32 00000001")));
    check(&[("x-amz-checksum-crc32", "")], &[], Ok(None));
    check(&[("x-amz-checksum-mode", "ENABLED")], &[], Ok(None));
    check(&[], &["x-amz-checksum-sha256"], Ok(Some("SHA256 trailer")));
    check(&[], &["x-amz-checksum-crc64nvme", "x-other"], Ok(Some("CRC64NVME trailer")));
    check(
        &[("x-amz-sdk-checksum-algorithm", "CRC32C"), ("x-amz-checksum-crc32c", "AAAAAQ==")],
        &[],
        Ok(Some("CRC32C 00000001")),
    );
    check(
        &[("x-amz-checksum-crc32", "AAAAAQ=="), ("x-amz-checksum-crc32c", "AAAAAQ==")],
        &[],
        Err("InvalidRequest"),
    );
    check(&[("x-amz-checksum-crc32", "AAAAAQ==")], &["x-amz-checksum-crc32"], Err("InvalidRequest"));
    check(&[], &["x-amz-checksum-crc32", "x-amz-checksum-sha1"], Err("InvalidRequest"));
    check(&[("x-amz-checksum-crc32", "AAAA")], &[], Err("InvalidRequest"));
    check(&[("x-amz-checksum-crc32", "not base64")], &[], Err("InvalidRequest"));
    check(&[("x-amz-checksum-xxhash3", "AAAA")], &[], Err("NotImplemented"));
    check(&[], &["x-amz-checksum-md5"], Err("NotImplemented"));
    check(&[("x-amz-sdk-checksum-algorithm", "CRC32")], &[], Err("InvalidRequest"));
    check(&[("x-amz-sdk-checksum-algorithm", "MD4")], &[], Err("InvalidRequest"));
    check(
        &[("x-amz-sdk-checksum-algorithm", "SHA1"), ("x-amz-checksum-crc32c", "AAAAAQ==")],
        &[],
        Err("InvalidRequest"),
    );
}

#[test]
fn content_md5_is_base64_of_16_bytes() {
    let of = |value: &'static str| {
        let headers = headers(&[("content-md5", value)]);
        content_md5(&Headers::new(&headers, &Extensions::new())).map_err(|error| code(&error))
    };
    assert_eq!(of("AAAAAAAAAAAAAAAAAAAAAA=="), Ok(Some([0; 16])));
    for invalid in ["", "AAAA", "bad", "AAAAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(of(invalid), Err("InvalidDigest".into()), "{invalid:?}");
    }
}

#[test]
fn an_upload_s_checksum_has_a_type_that_suits_its_algorithm() {
    use {ChecksumAlgorithm as Algorithm, UploadChecksumKind as Kind};
    let check = |algorithm, kind, expected: Result<_, &str>| {
        let outcome = of_upload(algorithm, kind).map_err(|error| code(&error));
        assert_eq!(outcome, expected.map_err(str::to_owned), "{algorithm:?} {kind:?}");
    };
    check(None, None, Ok(None));
    check(Some("CRC32"), None, Ok(Some((Algorithm::Crc32, Kind::Composite))));
    check(Some("crc32c"), Some("FULL_OBJECT"), Ok(Some((Algorithm::Crc32c, Kind::FullObject))));
    check(Some("CRC64NVME"), None, Ok(Some((Algorithm::Crc64Nvme, Kind::FullObject))));
    check(Some("SHA256"), None, Ok(Some((Algorithm::Sha256, Kind::Composite))));
    check(Some("CRC64NVME"), Some("COMPOSITE"), Err("InvalidRequest"));
    check(Some("SHA1"), Some("FULL_OBJECT"), Err("InvalidRequest"));
    check(None, Some("FULL_OBJECT"), Err("InvalidRequest"));
    check(Some("CRC32"), Some("HALF"), Err("InvalidRequest"));
    check(Some("MD5"), None, Err("InvalidRequest"));
}

#[test]
fn the_whole_of_an_upload_is_full_or_composite() {
    use {ChecksumAlgorithm as Algorithm, UploadChecksumKind as Kind};
    let kind = |algorithm, text, kind| {
        decode_of_upload(algorithm, text, kind, 3).map(|checksum| checksum.kind).map_err(|error| code(&error))
    };
    let composite = |parts| Ok(ChecksumKind::Composite { parts });
    assert_eq!(kind(Algorithm::Crc32, "AAAAAQ==", None), Ok(ChecksumKind::FullObject));
    assert_eq!(kind(Algorithm::Crc32, "AAAAAQ==-2", None), composite(2));
    assert_eq!(kind(Algorithm::Crc32, "AAAAAQ==", Some(Kind::Composite)), composite(3));
    assert_eq!(kind(Algorithm::Sha1, "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", None), composite(3));
    assert_eq!(kind(Algorithm::Crc32, "AAAAAQ==-x", None), Err("InvalidRequest".into()));
    assert_eq!(kind(Algorithm::Crc32, "AAAAAQ", None), Err("InvalidRequest".into()));
}

#[test]
fn composite_checksums_show_their_parts() {
    let checksum = |kind| Checksum { algorithm: ChecksumAlgorithm::Crc32, kind, value: vec![0, 0, 0, 1] };
    assert_eq!(text(&checksum(ChecksumKind::FullObject)), "AAAAAQ==");
    assert_eq!(text(&checksum(ChecksumKind::Composite { parts: 12 })), "AAAAAQ==-12");
    let mut shown = HeaderMap::new();
    show(&mut shown, &checksum(ChecksumKind::Composite { parts: 12 }), true);
    assert_eq!(
        shown,
        headers(&[("x-amz-checksum-crc32", "AAAAAQ==-12"), ("x-amz-checksum-type", "COMPOSITE")])
    );
}
