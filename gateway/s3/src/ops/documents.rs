//! Bodies that are documents: read whole and compared with their digests before s3s parses them.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{Method, Uri, request::Parts};
use namespace::ChecksumAlgorithm;
use objects::{ExpectedChecksum, ExpectedValue, PutError};
use s3s::{
    Body, S3ErrorCode, S3Result,
    crypto::{Checksum, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256},
};

use super::{checksums, errors, headers::Headers};
use crate::error::{body_error, s3_error};

/// A document at most: a Delete of 1000 keys or a Complete of 10,000 parts is smaller.
pub(super) const DOCUMENT_MAX_BYTES: usize = 8 << 20;

/// The body, whole where it is a document: every POST that is served has one. Any other is left a stream.
pub(super) async fn gather(request: &Parts, body: Body) -> S3Result<Body> {
    if request.method != Method::POST {
        return Ok(body);
    }
    let bytes = match body.bytes() {
        Some(bytes) => bytes,
        None => read(body).await?,
    };
    verify(&bytes, request)?;
    Ok(Body::from(bytes))
}

async fn read(mut body: Body) -> S3Result<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| body_error(&*error))?;
        if whole.len() + piece.len() > DOCUMENT_MAX_BYTES {
            return Err(s3_error(
                S3ErrorCode::MaxMessageLengthExceeded,
                format!("Your request was too big: a document has {DOCUMENT_MAX_BYTES} bytes at most."),
            ));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// Compares the document with what its request says of it. Only a Delete has its checksum in the headers: those of
/// a Complete are of the object.
fn verify(document: &[u8], request: &Parts) -> S3Result<()> {
    let headers = Headers::new(&request.headers, &request.extensions);
    if let Some(expected) = checksums::content_md5(&headers)?
        && Md5::checksum(document) != expected
    {
        return Err(errors::put(PutError::BadDigest));
    }
    if !is_delete(&request.uri) {
        return Ok(());
    }
    match checksums::expected_checksum(&headers, request.extensions.get())? {
        Some(expected) => verify_checksum(document, expected).map_err(errors::put),
        None => Ok(()),
    }
}

/// `POST /bucket?delete`
fn is_delete(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "delete" || pair == "delete="))
}

fn verify_checksum(document: &[u8], expected: ExpectedChecksum) -> Result<(), PutError> {
    let algorithm = expected.algorithm;
    let stated = match expected.value {
        ExpectedValue::Unknown => return Ok(()),
        ExpectedValue::Known(value) => value,
        ExpectedValue::Trailer(cell) => {
            let text = cell.get().ok_or(PutError::MissingTrailer)?;
            STANDARD.decode(text).map_err(|_| PutError::InvalidChecksum(algorithm))?
        }
    };
    if stated == digest(algorithm, document) { Ok(()) } else { Err(PutError::BadChecksum(algorithm)) }
}

fn digest(algorithm: ChecksumAlgorithm, document: &[u8]) -> Vec<u8> {
    match algorithm {
        ChecksumAlgorithm::Crc32 => Crc32::checksum(document).to_vec(),
        ChecksumAlgorithm::Crc32c => Crc32c::checksum(document).to_vec(),
        ChecksumAlgorithm::Crc64Nvme => Crc64Nvme::checksum(document).to_vec(),
        ChecksumAlgorithm::Sha1 => Sha1::checksum(document).to_vec(),
        ChecksumAlgorithm::Sha256 => Sha256::checksum(document).to_vec(),
    }
}
