//! The gate against AWS's documented examples, an independent signer, and everything that must be refused.

use std::sync::Arc;

use http::{Request, request::Parts};
use proptest::prelude::*;

use super::*;
use crate::{
    credentials::{RootCredentials, Secret},
    query::Query,
};

#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the whole door")]
#[path = "../../tests/support/signer.rs"]
pub(crate) mod signer;

use signer::{ACCESS_KEY, EMPTY_SHA256, SECRET_KEY, Signer, Unsigned};

/// 24 May 2013, 00:00 UTC: the moment of AWS's examples.
const EXAMPLE: i64 = 1_369_353_600;
const TIME: &str = "20130524T000000Z";

fn gate() -> Gate {
    Gate::new(Arc::new(RootCredentials::new(ACCESS_KEY, Secret::new(SECRET_KEY))), "us-east-1")
}

fn parts(request: &Unsigned) -> Parts {
    let mut builder = Request::builder().method(request.method.as_str()).uri(request.target());
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    builder.body(()).expect("a request").into_parts().0
}

fn check_at(parts: &Parts, bucket: Option<&str>, now: i64) -> Result<Verified, Refusal> {
    let query = Query::parse(parts.uri.query())?;
    let signed =
        Signed { method: &parts.method, raw_path: parts.uri.path(), query: &query, headers: &parts.headers };
    gate().check(&signed, bucket, now)
}

fn check(request: &Unsigned) -> Result<Verified, Refusal> {
    check_at(&parts(request), None, EXAMPLE)
}

fn code(request: &Unsigned) -> &'static str {
    check(request).expect_err("a refusal").code
}

/// What signs the chunks after a request that was signed with `seed`.
pub(crate) fn chunk_signer() -> (Signer, String, ChunkSigner) {
    let signer = Signer::at(TIME);
    let payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    let (request, seed) = signer.sign_all(Unsigned::new("PUT", "/b/k", &[("host", "localhost")]), payload);
    let chunks = check(&request).expect("a good request").signer.expect("a streaming request");
    (signer, seed, chunks)
}

fn example(method: &str, target: &str, headers: &[(&str, &str)], signed: &str, signature: &str) -> Parts {
    let mut builder = Request::builder().method(method).uri(target).header(
        "authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,\
             SignedHeaders={signed},Signature={signature}"
        ),
    );
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).expect("a request").into_parts().0
}

/// Source: S3 API reference, "Examples: Signature Calculations".
#[test]
fn awss_examples_of_v4_are_accepted() {
    let host = ("host", "examplebucket.s3.amazonaws.com");
    let date = ("x-amz-date", TIME);
    let empty = ("x-amz-content-sha256", EMPTY_SHA256);
    let examples = [
        example(
            "GET",
            "/test.txt",
            &[host, ("range", "bytes=0-9"), empty, date],
            "host;range;x-amz-content-sha256;x-amz-date",
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        example(
            "PUT",
            "/test$file.text",
            &[
                host,
                ("date", "Fri, 24 May 2013 00:00:00 GMT"),
                date,
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
            ],
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        example(
            "GET",
            "/?lifecycle",
            &[host, date, empty],
            "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        example(
            "GET",
            "/?prefix=J&max-keys=2",
            &[host, date, empty],
            "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ];
    for parts in examples {
        check_at(&parts, Some("examplebucket"), EXAMPLE)
            .unwrap_or_else(|refusal| panic!("{}: {refusal:?}", parts.uri));
    }
}

/// Source: S3 API reference, "Authenticating Requests: Using Query Parameters".
#[test]
fn awss_presigned_example_holds_for_its_day() {
    let uri = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2F\
               s3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
               &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let request =
        Request::get(uri).header("host", "examplebucket.s3.amazonaws.com").body(()).expect("a request");
    let (parts, ()) = request.into_parts();
    let at = |now| check_at(&parts, Some("examplebucket"), now).map(|verified| verified.presigned);
    assert_eq!(at(EXAMPLE - 900), Ok(true));
    assert_eq!(at(EXAMPLE + 86_400), Ok(true));
    assert_eq!(at(EXAMPLE + 86_401).expect_err("expired").message, "Request has expired");
    assert_eq!(at(EXAMPLE - 901).expect_err("early").message, "Request is not valid yet");
}

/// Source: S3 API reference, "Transferring Payload in Multiple Chunks", without and with trailing headers.
#[test]
fn awss_seeds_of_chunked_uploads_are_accepted() {
    let headers = [
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", TIME),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
        ("content-length", "66824"),
    ];
    let parts = example(
        "PUT",
        "/examplebucket/chunkObject.txt",
        &headers,
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;\
         x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let mut signer =
        check_at(&parts, None, EXAMPLE).expect("AWS's example").signer.expect("chunks are signed");
    let digest = |data: &[u8]| <sha2::Sha256 as sha2::Digest>::digest(data).into();
    for (size, signature) in [
        (65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ] {
        assert!(signer.accepts_chunk(&digest(&vec![b'a'; size]), signature.as_bytes()), "{size}");
    }
    assert!(
        !signer
            .accepts_chunk(&digest(b""), b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9")
    );
}

#[test]
fn awss_seed_and_chunks_with_a_trailer_are_accepted() {
    let headers = [
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", TIME),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
        ("x-amz-trailer", "x-amz-checksum-crc32c"),
    ];
    let parts = example(
        "PUT",
        "/examplebucket/chunkObject.txt",
        &headers,
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;\
         x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    );
    let mut signer =
        check_at(&parts, None, EXAMPLE).expect("AWS's example").signer.expect("chunks are signed");
    let digest = |data: &[u8]| <sha2::Sha256 as sha2::Digest>::digest(data).into();
    for (size, signature) in [
        (65536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
        (1024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
        (0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"),
    ] {
        assert!(signer.accepts_chunk(&digest(&vec![b'a'; size]), signature.as_bytes()), "{size}");
    }
    let trailer = digest(b"x-amz-checksum-crc32c:sOO8/Q==\n");
    assert!(
        signer.accepts_trailer(&trailer, b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435")
    );
}

fn good() -> Unsigned {
    Unsigned::new("GET", "/b/k", &[("host", "localhost")])
}

fn signed() -> Unsigned {
    Signer::at(TIME).sign_all(good(), EMPTY_SHA256).0
}

fn with_authorization(value: &str) -> Unsigned {
    let mut request = signed();
    request.headers.retain(|(name, _)| name != "authorization");
    request.header("authorization", value)
}

#[test]
fn malformed_authorizations_have_their_codes() {
    let credential = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
    let rest = "SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=00";
    let v4 = |text: String| with_authorization(&format!("AWS4-HMAC-SHA256 {text}"));
    for (request, expected) in [
        (with_authorization(""), "AccessDenied"),
        (with_authorization("Bearer x"), "InvalidArgument"),
        (with_authorization("AWS4-HMAC-SHA256"), "AuthorizationHeaderMalformed"),
        (with_authorization("AWS HAHAHA"), "InvalidArgument"),
        (v4(String::new()), "AuthorizationHeaderMalformed"),
        (v4("Credential=HAHAHA".into()), "AuthorizationHeaderMalformed"),
        (v4(format!("{credential}, {rest}, Signature=01")), "AuthorizationHeaderMalformed"),
        (v4(format!("{credential}, {rest}, Extra=01")), "AuthorizationHeaderMalformed"),
        (
            v4(format!("Credential=/20130524/us-east-1/s3/aws4_request, {rest}")),
            "AuthorizationHeaderMalformed",
        ),
        (v4(format!("{credential}, SignedHeaders=Host, Signature=00")), "AuthorizationHeaderMalformed"),
        (v4(format!("{credential}, SignedHeaders=host;, Signature=00")), "AuthorizationHeaderMalformed"),
        (
            v4(format!("{}, {rest}", credential.replace("us-east-1", "eu-west-1"))),
            "AuthorizationHeaderMalformed",
        ),
        (v4(format!("{}, {rest}", credential.replace("/s3/", "/iam/"))), "AuthorizationHeaderMalformed"),
        (
            v4(format!("{}, {rest}", credential.replace("aws4_request", "aws5"))),
            "AuthorizationHeaderMalformed",
        ),
        (
            v4(format!("{}, {rest}", credential.replace("20130524", "20130523"))),
            "AuthorizationHeaderMalformed",
        ),
        (v4(format!("{}, {rest}", credential.replace("EXAMPLE", "NOBODY"))), "InvalidAccessKeyId"),
        (v4(format!("{credential}, {rest}")), "SignatureDoesNotMatch"),
        (v4(format!("{credential}, SignedHeaders=host, Signature=00")), "AccessDenied"),
        (signed().header("authorization", "AWS4-HMAC-SHA256 x"), "InvalidArgument"),
    ] {
        assert_eq!(code(&request), expected, "{:?}", request.headers.last());
    }
}

#[test]
fn requests_without_credentials_are_denied() {
    let refusal = check(&good()).expect_err("anonymous");
    assert_eq!((refusal.code, refusal.status.as_u16()), ("AccessDenied", 403));
}

#[test]
fn two_ways_at_once_are_refused() {
    let signer = Signer::at(TIME);
    let presigned = signer.presign(good(), "60");
    for request in [
        signed().query("X-Amz-Signature", "00"),
        signed().query("Signature", "00"),
        presigned.clone().query("AWSAccessKeyId", "AK"),
        presigned.header("authorization", "AWS a:b"),
    ] {
        assert_eq!(code(&request), "InvalidArgument");
    }
}

#[test]
fn whatever_was_signed_must_not_change() {
    let mut changed = signed();
    changed.method = "PUT".into();
    assert_eq!(code(&changed), "SignatureDoesNotMatch");
    let mut changed = signed();
    changed.path = "/b/K".into();
    assert_eq!(code(&changed), "SignatureDoesNotMatch");
    assert_eq!(code(&signed().query("acl", "")), "SignatureDoesNotMatch");
    let mut changed = signed();
    changed.headers[0].1 = "elsewhere".into();
    let refusal = check(&changed).expect_err("another host");
    assert_eq!(refusal.code, "SignatureDoesNotMatch");
    let details: Vec<_> = refusal.details.iter().map(|(name, _)| *name).collect();
    assert_eq!(details, ["AWSAccessKeyId", "StringToSign", "SignatureProvided", "CanonicalRequest"]);
    assert!(refusal.details[3].1.starts_with("GET\n/b/k\n\nhost:elsewhere\n"), "{}", refusal.details[3].1);
}

#[test]
fn headers_that_change_a_request_must_be_signed() {
    let refusal = check(&signed().header("x-amz-acl", "public-read")).expect_err("not signed");
    assert_eq!((refusal.code, refusal.status.as_u16()), ("AccessDenied", 403));
    assert_eq!(refusal.details, [("HeadersNotSigned", "x-amz-acl".to_owned())]);
    let without_host = Signer::at(TIME).sign_all(Unsigned::new("GET", "/b/k", &[]), EMPTY_SHA256).0;
    assert_eq!(code(&without_host.header("host", "localhost")), "AccessDenied");
    let presigned = Signer::at(TIME).presign(good(), "60").header("x-amz-acl", "public-read");
    assert_eq!(code(&presigned), "AccessDenied");
    // Content-Type may be added to a presigned upload, as with S3.
    let presigned = Signer::at(TIME).presign(good(), "60").header("content-type", "text/plain");
    check(&presigned).expect("a good request");
}

#[test]
fn dates_must_be_there_and_now() {
    let at = |time: &str, payload: &str| Signer::at(time).sign_all(good(), payload).0;
    assert_eq!(code(&at("20130523T234459Z", EMPTY_SHA256)), "RequestTimeTooSkewed");
    assert_eq!(code(&at("20130524T001501Z", EMPTY_SHA256)), "RequestTimeTooSkewed");
    check(&at("20130523T234500Z", EMPTY_SHA256)).expect("15 minutes ago");
    check(&at("20130524T001500Z", EMPTY_SHA256)).expect("in 15 minutes");
    let mut undated = signed();
    undated.headers.retain(|(name, _)| name != "x-amz-date");
    assert_eq!(code(&undated), "AccessDenied");
    undated.headers.push(("x-amz-date".into(), "yesterday".into()));
    assert_eq!(code(&undated), "AccessDenied");
}

#[test]
fn date_stands_in_for_x_amz_date() {
    let request =
        good().header("date", "Fri, 24 May 2013 00:00:00 GMT").header("x-amz-content-sha256", EMPTY_SHA256);
    check(&Signer::at(TIME).sign(request, EMPTY_SHA256).0).expect("a good request");
}

#[test]
fn the_payload_must_be_told() {
    let (request, _) = Signer::at(TIME).sign(good().header("x-amz-date", TIME), EMPTY_SHA256);
    assert_eq!(code(&request), "InvalidRequest");
    assert_eq!(code(&Signer::at(TIME).sign_all(good(), "nonsense").0), "InvalidArgument");
}

#[test]
fn session_tokens_are_refused() {
    let (request, _) = Signer::at(TIME).sign_all(good().header("x-amz-security-token", "t"), EMPTY_SHA256);
    assert_eq!(code(&request), "InvalidToken");
    assert_eq!(
        code(&Signer::at(TIME).presign(good().query("X-Amz-Security-Token", "t"), "60")),
        "InvalidToken"
    );
}

#[test]
fn presigned_parameters_are_checked() {
    let presigned = |expires: &str| Signer::at(TIME).presign(good(), expires);
    check(&presigned("1")).expect("a second");
    check(&presigned("604800")).expect("a week");
    for expires in ["0", "-7", "604801", "99999999999999999999", "1.5", "x"] {
        let refusal = check(&presigned(expires)).expect_err(expires);
        assert_eq!(
            (refusal.code, refusal.status.as_u16()),
            ("AuthorizationQueryParametersError", 403),
            "{expires}"
        );
    }
    for missing in [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
    ] {
        let mut request = presigned("60");
        request.query.retain(|(name, _)| name != missing);
        assert_eq!(code(&request), "AuthorizationQueryParametersError", "without {missing}");
        let mut request = presigned("60");
        request
            .query
            .iter_mut()
            .filter(|(name, _)| name == missing)
            .for_each(|(_, value)| *value = "x y".into());
        assert!(check(&request).is_err(), "wrong {missing}");
        let mut request = presigned("60");
        let twice = request.query.iter().find(|(name, _)| name == missing).cloned().expect("a parameter");
        request.query.push(twice);
        assert_eq!(code(&request), "AuthorizationQueryParametersError", "twice {missing}");
    }
    let elsewhere = Signer { region: "eu-west-1".into(), ..Signer::at(TIME) };
    let refusal = check(&elsewhere.presign(good(), "60")).expect_err("another region");
    assert_eq!(refusal.details, [("Region", "us-east-1".to_owned())]);
}

#[test]
fn a_presigned_digest_is_taken_from_the_query_in_any_case() {
    let signer = Signer::at(TIME);
    for name in ["X-Amz-Content-Sha256", "x-amz-content-sha256"] {
        let mut request = signer.presign(good().query(name, EMPTY_SHA256), "60");
        request.query.retain(|(name, _)| name != "X-Amz-Signature");
        let (_, signature) = signer.signature(&request, EMPTY_SHA256);
        let verified = check(&request.query("X-Amz-Signature", &signature)).expect(name);
        assert!(matches!(verified.claim, PayloadClaim::Sha256(_)), "{name}");
    }
}

#[test]
fn bare_reserved_characters_may_be_signed_either_way() {
    for signed_path in ["/b/a%24%28%29", "/b/a$()"] {
        let mut request = Unsigned::new("GET", signed_path, &[("host", "localhost")]);
        request = Signer::at(TIME).sign_all(request, EMPTY_SHA256).0;
        request.path = "/b/a$()".into();
        check(&request).expect(signed_path);
    }
}

/// `cargo test -p s3 --release --lib cost_of -- --nocapture` prints what a verification costs.
#[test]
fn cost_of_a_verification_is_printed() {
    let gate = gate();
    let requests = [
        ("V4 header", signed()),
        ("V4 header, list query", {
            let request = good().query("list-type", "2").query("prefix", "a/b").query("max-keys", "1000");
            Signer::at(TIME).sign_all(request, EMPTY_SHA256).0
        }),
        ("V4 presigned", Signer::at(TIME).presign(good(), "60")),
        ("V2 presigned", {
            let end = (EXAMPLE + 60).to_string();
            let signature = Signer::at(TIME).signature_v2(&Unsigned::new("GET", "/b/k", &[]), &end, "/b/k");
            good().query("AWSAccessKeyId", ACCESS_KEY).query("Expires", &end).query("Signature", &signature)
        }),
    ];
    for (name, request) in requests {
        let parts = parts(&request);
        let rounds = if cfg!(debug_assertions) { 200 } else { 100_000 };
        let begun = std::time::Instant::now();
        for _ in 0..rounds {
            let query = Query::parse(parts.uri.query()).expect("a query");
            let signed = Signed {
                method: &parts.method,
                raw_path: parts.uri.path(),
                query: &query,
                headers: &parts.headers,
            };
            gate.check(&signed, None, EXAMPLE).expect(name);
        }
        println!("{name}: {:.2} us", begun.elapsed().as_secs_f64() * 1e6 / f64::from(rounds));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_signed_is_accepted(
        key in "[^\0]{1,20}",
        query in proptest::collection::vec(("[a-z][^\0]{0,8}", ".{0,8}"), 0..4),
        value in "[!-~]{1,8}( {1}[!-~]{1,8})?",
        presigned: bool,
    ) {
        let path = format!("/b/{}", key.split('/').map(signer::escape).collect::<Vec<_>>().join("/"));
        let mut request = Unsigned::new("PUT", &path, &[("host", "localhost"), ("x-amz-meta-a", &value)]);
        request.query = query;
        let signer = Signer::at(TIME);
        let request = if presigned { signer.presign(request, "60") } else { signer.sign_all(request, "UNSIGNED-PAYLOAD").0 };
        let verified = check(&request);
        prop_assert!(verified.is_ok(), "{:?}", verified);
    }

    #[test]
    fn any_authorization_is_parsed_or_refused(
        text in prop_oneof![
            "[ -~]{0,60}",
            "AWS4-HMAC-SHA256 (Credential=[a-z0-9/]{0,40}|SignedHeaders=[a-z;]{0,10}|Signature=[0-9a-f]{0,8}|[,= ]){0,6}",
            "AWS [ -~]{0,20}",
        ],
    ) {
        prop_assert!(check(&with_authorization(&text)).is_err());
    }

    #[test]
    fn any_presigned_query_is_parsed_or_refused(
        values in proptest::collection::vec("[ -~]{0,12}", 6),
        present in proptest::collection::vec(any::<bool>(), 6),
    ) {
        let names = ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"];
        let mut request = good();
        for ((name, value), present) in names.iter().zip(&values).zip(present) {
            if present {
                request = request.query(name, value);
            }
        }
        prop_assert!(check(&request).is_err());
    }
}
