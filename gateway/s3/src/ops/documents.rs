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
    refuse_what_is_skipped(&bytes)?;
    Ok(Body::from(with_characters(bytes)))
}

/// The document with characters in place of those references to them that s3s does not take: of control
/// characters, which are in keys and in our listings, and of the planes from U+10000 on, which it overlooks.
fn with_characters(document: Bytes) -> Bytes {
    let Ok(text) = std::str::from_utf8(&document) else { return document };
    let mut changed = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("&#") {
        let (before, reference) = rest.split_at(at);
        let end = reference.find(';').map_or(reference.len(), |at| at + 1);
        changed.push_str(before);
        match character(&reference[..end]).filter(|character| is_unknown_to_s3s(*character)) {
            Some(character) => changed.push(character),
            None => changed.push_str(&reference[..end]),
        }
        rest = &reference[end..];
    }
    if changed.is_empty() {
        return document;
    }
    changed.push_str(rest);
    changed.into()
}

/// Of `&#1;` or `&#x1;`
fn character(reference: &str) -> Option<char> {
    let number = reference.strip_prefix("&#")?.strip_suffix(';')?;
    let code = match number.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?)
}

fn is_unknown_to_s3s(character: char) -> bool {
    let code = u32::from(character);
    !matches!(code, 0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x10_0000..)
}

/// s3s skips CDATA sections: of a key with one in it, another key would be left.
fn refuse_what_is_skipped(document: &[u8]) -> S3Result<()> {
    if document.windows(CDATA.len()).any(|window| window == CDATA) {
        return Err(s3_error(
            S3ErrorCode::MalformedXML,
            "The XML you provided has a CDATA section, which is not supported: escape the text instead.",
        ));
    }
    Ok(())
}

const CDATA: &[u8] = b"<![CDATA[";

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

/// `POST /bucket?delete`, whatever the value: s3s routes by the name alone.
fn is_delete(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.split('&').any(|pair| pair.split('=').next() == Some("delete")))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references_become_characters_where_s3s_would_refuse_them() {
        let of = |document: &str| with_characters(Bytes::copy_from_slice(document.as_bytes()));
        assert_eq!(of("<Key>a</Key>"), "<Key>a</Key>");
        assert_eq!(of("&#1;b&#x1F980;c&#129408;"), "\u{1}b\u{1f980}c\u{1f980}");
        for kept in [
            "&#38;&#60;&#x3c;&#13;&#xFC;",
            "&#xD800;",
            "&#;",
            "&#",
            "&#12",
            "&#-1;",
            "&#x110000;",
            "&amp;#1;",
        ] {
            assert_eq!(of(kept), kept);
        }
    }

    proptest! {
        #[test]
        fn markup_is_never_made_of_references(document in "(&#x?[0-9a-f]{0,6};?|[<>&a]){0,12}") {
            let count = |text: &[u8], byte| text.iter().filter(|found| **found == byte).count();
            let after = with_characters(Bytes::copy_from_slice(document.as_bytes()));
            prop_assert_eq!(count(&after, b'<'), count(document.as_bytes(), b'<'));
        }
    }
}
