//! Content-MD5 and the five checksums, as requests state them and answers show them.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use namespace::{Checksum, ChecksumAlgorithm, ChecksumKind, UploadChecksumKind};
use objects::{ExpectedChecksum, ExpectedValue, Integrity};
use s3s::{
    S3Error, S3ErrorCode, S3Result,
    dto::{self, ChecksumType},
    header::{
        CONTENT_MD5, X_AMZ_CHECKSUM_CRC32, X_AMZ_CHECKSUM_CRC32C, X_AMZ_CHECKSUM_CRC64NVME,
        X_AMZ_CHECKSUM_SHA1, X_AMZ_CHECKSUM_SHA256, X_AMZ_CHECKSUM_TYPE, X_AMZ_SDK_CHECKSUM_ALGORITHM,
    },
};

use super::headers::Headers;
use crate::{Trailers, error::s3_error};

/// What the request says of its body's bytes.
pub(super) fn integrity(
    headers: &Headers<'_>,
    trailers: Option<&Trailers>,
    size_bytes: u64,
) -> S3Result<Integrity> {
    Ok(Integrity {
        md5: content_md5(headers)?,
        size_bytes: Some(size_bytes),
        checksum: expected_checksum(headers, trailers)?,
    })
}

/// `Content-MD5`
pub(super) fn content_md5(headers: &Headers<'_>) -> S3Result<Option<[u8; 16]>> {
    let Some(value) = headers.all(&CONTENT_MD5).next() else { return Ok(None) };
    let decoded = STANDARD.decode(value.as_bytes()).ok().and_then(|md5| md5.try_into().ok());
    decoded.map(Some).ok_or_else(|| {
        s3_error(
            S3ErrorCode::InvalidDigest,
            "The Content-MD5 you specified was invalid: it must be base64 of 16 bytes.",
        )
    })
}

/// The one checksum that the request states, in a header or in a trailer.
pub(super) fn expected_checksum(
    headers: &Headers<'_>,
    trailers: Option<&Trailers>,
) -> S3Result<Option<ExpectedChecksum>> {
    let stated = in_headers(headers)?;
    let announced = in_trailers(trailers)?;
    let expected = match (stated, announced) {
        (Some(_), Some(_)) => return Err(several()),
        (Some((algorithm, text)), None) => {
            let value = decode(algorithm, text).ok_or_else(|| invalid_value(algorithm))?;
            Some(ExpectedChecksum { algorithm, value: ExpectedValue::Known(value) })
        }
        (None, Some(expected)) => Some(expected),
        (None, None) => None,
    };
    agrees_with_the_sdk(headers, expected.as_ref().map(|expected| expected.algorithm))?;
    Ok(expected)
}

/// The one `x-amz-checksum-*` header with a value, undecoded.
pub(super) fn in_headers<'a>(headers: &Headers<'a>) -> S3Result<Option<(ChecksumAlgorithm, &'a str)>> {
    let mut found = None;
    for (name, value) in headers.amz() {
        let Some(name) = name.strip_prefix("checksum-") else { continue };
        if matches!(name, "algorithm" | "type" | "mode") || value.is_empty() {
            continue;
        }
        let algorithm = known(name)?;
        let text = value.to_str().map_err(|_| invalid_value(algorithm))?;
        if found.replace((algorithm, text)).is_some() {
            return Err(several());
        }
    }
    Ok(found)
}

fn in_trailers(trailers: Option<&Trailers>) -> S3Result<Option<ExpectedChecksum>> {
    let mut found = None;
    for name in trailers.into_iter().flat_map(Trailers::names) {
        let Some(checksum) = name.as_str().strip_prefix("x-amz-checksum-") else { continue };
        let algorithm = known(checksum)?;
        let cell = trailers.and_then(|trailers| trailers.cell(name.as_str()));
        let value = cell.map_or(ExpectedValue::Unknown, ExpectedValue::Trailer);
        if found.replace(ExpectedChecksum { algorithm, value }).is_some() {
            return Err(several());
        }
    }
    Ok(found)
}

fn known(name: &str) -> S3Result<ChecksumAlgorithm> {
    name.parse().map_err(|_| {
        s3_error(
            S3ErrorCode::NotImplemented,
            format!(
                "The checksum x-amz-checksum-{name} is not implemented. \
                 Use one of CRC32, CRC32C, CRC64NVME, SHA1, SHA256."
            ),
        )
    })
}

/// `x-amz-sdk-checksum-algorithm` only repeats what the checksum's own header says: it must not say otherwise.
fn agrees_with_the_sdk(headers: &Headers<'_>, stated: Option<ChecksumAlgorithm>) -> S3Result<()> {
    let Some(named) = headers.text(&X_AMZ_SDK_CHECKSUM_ALGORITHM)? else { return Ok(()) };
    let named = algorithm(named)?;
    match stated {
        Some(stated) if stated == named => Ok(()),
        Some(_) => Err(s3_error(
            S3ErrorCode::InvalidRequest,
            "Value for x-amz-sdk-checksum-algorithm header is invalid.",
        )),
        None => Err(s3_error(
            S3ErrorCode::InvalidRequest,
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers \
             were found.",
        )),
    }
}

/// The algorithm of a header that names one.
pub(super) fn algorithm(name: &str) -> S3Result<ChecksumAlgorithm> {
    name.parse().map_err(|_| {
        s3_error(
            S3ErrorCode::InvalidRequest,
            "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
             [CRC32, CRC32C, CRC64NVME, SHA1, SHA256].",
        )
    })
}

fn several() -> S3Error {
    s3_error(
        S3ErrorCode::InvalidRequest,
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    )
}

pub(super) fn invalid_value(algorithm: ChecksumAlgorithm) -> S3Error {
    s3_error(S3ErrorCode::InvalidRequest, format!("Value for {} header is invalid.", header_name(algorithm)))
}

/// Base64 of as many bytes as the algorithm has.
fn decode(algorithm: ChecksumAlgorithm, text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok().filter(|value| value.len() == algorithm.size_bytes())
}

/// The checksum of a whole upload, as `<base64>` or `<base64>-<parts>`. `kind`: what the request says it is;
/// `parts`: how many parts it lists.
pub(super) fn decode_of_upload(
    algorithm: ChecksumAlgorithm,
    text: &str,
    kind: Option<UploadChecksumKind>,
    parts: usize,
) -> S3Result<Checksum> {
    let parts = u16::try_from(parts).unwrap_or(u16::MAX);
    let (text, suffix) = match text.split_once('-') {
        Some((text, suffix)) => (text, Some(suffix.parse().map_err(|_| invalid_value(algorithm))?)),
        None => (text, None),
    };
    let always_composite = matches!(algorithm, ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256);
    let kind = match (suffix, kind) {
        (Some(parts), _) => ChecksumKind::Composite { parts },
        (None, Some(UploadChecksumKind::Composite)) => ChecksumKind::Composite { parts },
        (None, None) if always_composite => ChecksumKind::Composite { parts },
        (None, _) => ChecksumKind::FullObject,
    };
    let value = decode(algorithm, text).ok_or_else(|| invalid_value(algorithm))?;
    Ok(Checksum { algorithm, kind, value })
}

/// What an upload is created with: `x-amz-checksum-algorithm` and `x-amz-checksum-type`.
pub(super) fn of_upload(
    algorithm_name: Option<&str>,
    kind: Option<&str>,
) -> S3Result<Option<(ChecksumAlgorithm, UploadChecksumKind)>> {
    use {ChecksumAlgorithm as Algorithm, UploadChecksumKind as Kind};
    let kind = kind.map(upload_kind).transpose()?;
    let Some(name) = algorithm_name else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(s3_error(
                S3ErrorCode::InvalidRequest,
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let algorithm = algorithm(name)?;
    let kind = match (algorithm, kind) {
        (Algorithm::Crc64Nvme, Some(Kind::Composite))
        | (Algorithm::Sha1 | Algorithm::Sha256, Some(Kind::FullObject)) => {
            let kind = if algorithm == Algorithm::Crc64Nvme { "COMPOSITE" } else { "FULL_OBJECT" };
            return Err(s3_error(
                S3ErrorCode::InvalidRequest,
                format!("The {kind} checksum type cannot be used with the {algorithm} checksum algorithm."),
            ));
        }
        (_, Some(kind)) => kind,
        (Algorithm::Crc64Nvme, None) => Kind::FullObject,
        (_, None) => Kind::Composite,
    };
    Ok(Some((algorithm, kind)))
}

pub(super) fn upload_kind(kind: &str) -> S3Result<UploadChecksumKind> {
    match kind {
        "FULL_OBJECT" => Ok(UploadChecksumKind::FullObject),
        "COMPOSITE" => Ok(UploadChecksumKind::Composite),
        _ => Err(s3_error(
            S3ErrorCode::InvalidRequest,
            "Value for x-amz-checksum-type header is invalid: FULL_OBJECT or COMPOSITE.",
        )),
    }
}

pub(super) fn upload_kind_name(kind: UploadChecksumKind) -> &'static str {
    match kind {
        UploadChecksumKind::FullObject => ChecksumType::FULL_OBJECT,
        UploadChecksumKind::Composite => ChecksumType::COMPOSITE,
    }
}

pub(super) fn kind_name(kind: ChecksumKind) -> &'static str {
    match kind {
        ChecksumKind::FullObject => ChecksumType::FULL_OBJECT,
        ChecksumKind::Composite { .. } => ChecksumType::COMPOSITE,
    }
}

/// As answers show it: base64, and `-<parts>` of a composite one.
pub(super) fn text(checksum: &Checksum) -> String {
    let base64 = STANDARD.encode(&checksum.value);
    match checksum.kind {
        ChecksumKind::FullObject => base64,
        ChecksumKind::Composite { parts } => format!("{base64}-{parts}"),
    }
}

pub(super) fn header_name(algorithm: ChecksumAlgorithm) -> HeaderName {
    match algorithm {
        ChecksumAlgorithm::Crc32 => X_AMZ_CHECKSUM_CRC32,
        ChecksumAlgorithm::Crc32c => X_AMZ_CHECKSUM_CRC32C,
        ChecksumAlgorithm::Crc64Nvme => X_AMZ_CHECKSUM_CRC64NVME,
        ChecksumAlgorithm::Sha1 => X_AMZ_CHECKSUM_SHA1,
        ChecksumAlgorithm::Sha256 => X_AMZ_CHECKSUM_SHA256,
    }
}

/// Shows the checksum in the headers of an answer; `with_kind`: and what it covers.
pub(super) fn show(headers: &mut HeaderMap, checksum: &Checksum, with_kind: bool) {
    if let Ok(value) = HeaderValue::try_from(text(checksum)) {
        headers.insert(header_name(checksum.algorithm), value);
    }
    if with_kind {
        headers.insert(X_AMZ_CHECKSUM_TYPE, HeaderValue::from_static(kind_name(checksum.kind)));
    }
}

/// The same for the XML of an answer.
pub(super) fn fields(checksum: Option<&Checksum>) -> dto::Checksum {
    let Some(checksum) = checksum else { return dto::Checksum::default() };
    let mut fields = dto::Checksum {
        checksum_type: Some(ChecksumType::from_static(kind_name(checksum.kind))),
        ..Default::default()
    };
    let field = match checksum.algorithm {
        ChecksumAlgorithm::Crc32 => &mut fields.checksum_crc32,
        ChecksumAlgorithm::Crc32c => &mut fields.checksum_crc32c,
        ChecksumAlgorithm::Crc64Nvme => &mut fields.checksum_crc64nvme,
        ChecksumAlgorithm::Sha1 => &mut fields.checksum_sha1,
        ChecksumAlgorithm::Sha256 => &mut fields.checksum_sha256,
    };
    *field = Some(text(checksum));
    fields
}

/// The one checksum among the five fields of a part in a Complete.
pub(super) fn of_completed_part(part: &dto::CompletedPart) -> S3Result<Option<Checksum>> {
    let fields = [
        (ChecksumAlgorithm::Crc32, &part.checksum_crc32),
        (ChecksumAlgorithm::Crc32c, &part.checksum_crc32c),
        (ChecksumAlgorithm::Crc64Nvme, &part.checksum_crc64nvme),
        (ChecksumAlgorithm::Sha1, &part.checksum_sha1),
        (ChecksumAlgorithm::Sha256, &part.checksum_sha256),
    ];
    let mut found = None;
    for (algorithm, text) in fields {
        let Some(text) = text else { continue };
        let value = decode(algorithm, text).ok_or_else(|| invalid_value(algorithm))?;
        let checksum = Checksum { algorithm, kind: ChecksumKind::FullObject, value };
        if found.replace(checksum).is_some() {
            return Err(several());
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
