//! What ListObjects, ListObjectsV2 and ListMultipartUploads have in common.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use namespace::{ChecksumAlgorithm, ChecksumKind, ETag, Entry};
use s3s::{S3Error, S3ErrorCode, S3Result, dto::EncodingType};
use sha2::{Digest, Sha256};
use types::Timestamp;

use super::{checksums, times, xml::Xml};
use crate::{Caller, encoding, error::s3_error};

/// Lines of a page at most, and by default.
const PAGE_MAX: usize = 1000;

/// `max-keys`, `max-uploads` or `max-parts`, as the page is limited and as it is echoed.
pub(super) fn limit(name: &str, asked: Option<i32>) -> S3Result<usize> {
    let Some(asked) = asked else { return Ok(PAGE_MAX) };
    let asked = usize::try_from(asked).map_err(|_| {
        s3_error(
            S3ErrorCode::InvalidArgument,
            format!("Argument {name} must be an integer between 0 and 2147483647."),
        )
    })?;
    Ok(asked.min(PAGE_MAX))
}

/// An empty query value counts as absent.
pub(super) fn non_empty(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

/// How keys are written: `encoding-type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyEncoding {
    Plain,
    Url,
}

impl KeyEncoding {
    pub(super) fn parse(asked: Option<&EncodingType>) -> S3Result<Self> {
        match asked.map(EncodingType::as_str) {
            None | Some("") => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(_) => Err(s3_error(
                S3ErrorCode::InvalidArgument,
                "Invalid Encoding Method specified in Request: only url.",
            )),
        }
    }

    pub(super) fn write(self, xml: &mut Xml, name: &str, key: &str) {
        match self {
            Self::Plain => xml.text(name, key),
            Self::Url => xml.plain(name, |out| encoding::encode(key.as_bytes(), true, out)),
        }
    }

    pub(super) fn write_opt(self, xml: &mut Xml, name: &str, key: Option<&str>) {
        if let Some(key) = key {
            self.write(xml, name, key);
        }
    }

    /// The `EncodingType` element.
    pub(super) fn write_name(self, xml: &mut Xml) {
        if self == Self::Url {
            xml.text("EncodingType", EncodingType::URL);
        }
    }
}

/// Bytes of a page's XML, roughly: so that the buffer is not moved while it grows.
pub(super) fn capacity_bytes(entries: &[Entry]) -> usize {
    512 + entries.iter().map(|entry| 360 + entry.text().len()).sum::<usize>()
}

/// `Contents`, then `CommonPrefixes`, each in byte order. `owner`: shown with every object.
pub(super) fn write_entries(xml: &mut Xml, entries: &[Entry], keys: KeyEncoding, owner: Option<&Caller>) {
    for entry in entries {
        if let Entry::Object { key, size_bytes, etag, modified, storage_class, checksum } = entry {
            xml.open("Contents");
            keys.write(xml, "Key", key.as_str());
            write_moment(xml, "LastModified", *modified);
            write_etag(xml, etag);
            write_checksum(xml, *checksum);
            xml.number("Size", *size_bytes);
            write_owner(xml, "Owner", owner);
            xml.text("StorageClass", storage_class);
            xml.close("Contents");
        }
    }
    for entry in entries {
        if let Entry::CommonPrefix(prefix) = entry {
            write_common_prefix(xml, prefix, keys);
        }
    }
}

pub(super) fn write_common_prefix(xml: &mut Xml, prefix: &str, keys: KeyEncoding) {
    xml.open("CommonPrefixes");
    keys.write(xml, "Prefix", prefix);
    xml.close("CommonPrefixes");
}

pub(super) fn write_owner(xml: &mut Xml, name: &str, owner: Option<&Caller>) {
    if let Some(owner) = owner {
        xml.open(name);
        xml.text("ID", &owner.account.0);
        xml.text("DisplayName", &owner.display_name);
        xml.close(name);
    }
}

pub(super) fn write_moment(xml: &mut Xml, name: &str, moment: Timestamp) {
    xml.plain(name, |out| out.extend_from_slice(&times::iso8601(moment)));
}

fn write_etag(xml: &mut Xml, etag: &ETag) {
    xml.plain("ETag", |out| {
        let mut digits = [0; 32];
        let _ = hex::encode_to_slice(etag.md5, &mut digits); // fails only for another length
        out.push(b'"');
        out.extend_from_slice(&digits);
        if let Some(parts) = etag.parts {
            out.push(b'-');
            out.extend_from_slice(parts.to_string().as_bytes());
        }
        out.push(b'"');
    });
}

fn write_checksum(xml: &mut Xml, checksum: Option<(ChecksumAlgorithm, ChecksumKind)>) {
    if let Some((algorithm, kind)) = checksum {
        xml.text("ChecksumAlgorithm", algorithm.as_str());
        xml.text("ChecksumType", checksums::kind_name(kind));
    }
}

/// An opaque name of the place where the next page starts: a digest, so that what we did not make is refused, and
/// the text after which it goes on.
pub(super) fn token(after: &str) -> String {
    let mut token = token_digest(after).to_vec();
    token.extend_from_slice(after.as_bytes());
    URL_SAFE_NO_PAD.encode(token)
}

/// The text of a [`token`].
pub(super) fn read_token(token: &str) -> S3Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| bad_token())?;
    let (digest, after) = bytes.split_first_chunk::<4>().ok_or_else(bad_token)?;
    let after = std::str::from_utf8(after).map_err(|_| bad_token())?;
    if token_digest(after) == *digest { Ok(after.to_owned()) } else { Err(bad_token()) }
}

fn token_digest(after: &str) -> [u8; 4] {
    let digest: [u8; 32] = Sha256::digest(after.as_bytes()).into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

fn bad_token() -> S3Error {
    s3_error(S3ErrorCode::InvalidArgument, "The continuation token provided is incorrect.")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits() {
        let of = |asked| limit("max-keys", asked).map_err(|error| error.code().as_str().to_owned());
        assert_eq!(of(None), Ok(1000));
        assert_eq!(of(Some(0)), Ok(0));
        assert_eq!(of(Some(7)), Ok(7));
        assert_eq!(of(Some(5000)), Ok(1000));
        assert_eq!(of(Some(-1)), Err("InvalidArgument".into()));
    }

    #[test]
    fn keys_are_encoded_on_demand() {
        let written = |keys: KeyEncoding| {
            let mut xml = Xml::new("R", 0);
            keys.write(&mut xml, "Key", "a/b +ü\u{1}");
            keys.write_name(&mut xml);
            String::from_utf8_lossy(&xml.finish()).into_owned()
        };
        assert!(
            written(KeyEncoding::Url)
                .contains("<Key>a/b%20%2B%C3%BC%01</Key><EncodingType>url</EncodingType>")
        );
        assert!(written(KeyEncoding::Plain).contains("<Key>a/b +ü&#1;</Key></R>"));
        assert_eq!(KeyEncoding::parse(None).map_err(|error| error.to_string()), Ok(KeyEncoding::Plain));
        assert!(KeyEncoding::parse(Some(&EncodingType::from_static("base64"))).is_err());
    }

    proptest! {
        #[test]
        fn tokens_come_back(after in ".{0,40}") {
            prop_assert_eq!(read_token(&token(&after)).map_err(|error| error.to_string()), Ok(after));
        }

        #[test]
        fn what_is_no_token_is_refused(garbage in "[a-zA-Z0-9_/+=-]{0,40}") {
            prop_assert!(read_token(&garbage).is_err());
        }
    }
}
