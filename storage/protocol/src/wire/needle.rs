use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as BASE64};
use bytes::Bytes;
use crc_fast::CrcAlgorithm;
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use types::Ttl;

use crate::{NewNeedle, StoredNeedle};

/// What a plain upload answers, 201.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadAnswer {
    /// The name as stored.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Bytes of the body as the client has it: before compression.
    pub size: u64,
    /// The needle's CRC, 8 hex digits.
    pub e_tag: String,
    /// The media type as stored.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mime: String,
}

/// Why a message carries no needle.
#[derive(Debug, thiserror::Error)]
#[error("needle header: {0}")]
pub struct BadNeedle(String);

/// All of a needle but its data. Absent means default, so that a plain needle's header is short.
#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Head {
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    mime: String,
    /// Base64: any bytes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pairs: String,
    modified: u64,
    #[serde(skip_serializing_if = "is_never")]
    ttl: Ttl,
    #[serde(skip_serializing_if = "is_false")]
    gzipped: bool,
    #[serde(skip_serializing_if = "is_false")]
    manifest: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_never(ttl: &Ttl) -> bool {
    ttl.is_never()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// All of `needle` but its data, as the value of [`super::header::NEEDLE`]: base64 of JSON, so that a name may
/// hold any character. Fails only where JSON does.
pub fn needle_header(needle: &NewNeedle) -> Result<HeaderValue, BadNeedle> {
    let head = Head {
        name: needle.name.clone(),
        mime: needle.mime.clone(),
        pairs: BASE64.encode(&needle.pairs),
        modified: needle.modified_secs,
        ttl: needle.ttl,
        gzipped: needle.gzipped,
        manifest: needle.chunk_manifest,
    };
    let json = serde_json::to_vec(&head).map_err(bad)?;
    HeaderValue::from_str(&BASE64.encode(json)).map_err(bad)
}

/// The reverse of [`needle_header`].
pub fn needle_from_header(header: &HeaderValue, data: Bytes) -> Result<NewNeedle, BadNeedle> {
    let json = BASE64.decode(header).map_err(bad)?;
    let head: Head = serde_json::from_slice(&json).map_err(bad)?;
    Ok(NewNeedle {
        data,
        name: head.name,
        mime: head.mime,
        pairs: BASE64.decode(head.pairs).map_err(bad)?.into(),
        modified_secs: head.modified,
        ttl: head.ttl,
        gzipped: head.gzipped,
        chunk_manifest: head.manifest,
    })
}

fn bad(error: impl std::fmt::Display) -> BadNeedle {
    BadNeedle(error.to_string())
}

/// CRC-32C, as needles carry it.
pub fn crc_of(data: &[u8]) -> u32 {
    // The value of a 32-bit CRC fits.
    u32::try_from(crc_fast::checksum(CrcAlgorithm::Crc32Iscsi, data)).unwrap_or_default()
}

/// The ETag of a needle with this CRC, quotes included.
pub fn etag(crc: u32) -> String {
    format!("\"{crc:08x}\"")
}

/// The reverse of [`etag`].
pub fn crc_of_etag(etag: &HeaderValue) -> Option<u32> {
    let digits = etag.to_str().ok()?.strip_prefix('"')?.strip_suffix('"')?;
    (digits.len() == 8).then(|| u32::from_str_radix(digits, 16).ok())?
}

/// Whether the data that arrived is the data that was sent.
pub fn check_needle(stored: &StoredNeedle) -> Result<(), String> {
    let actual = crc_of(&stored.needle.data);
    if actual == stored.crc {
        return Ok(());
    }
    Err(format!("checksum {actual:#010x} after the network, expected {:#010x}", stored.crc))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use types::TtlUnit;

    use super::*;

    proptest! {
        #[test]
        fn needles_round_trip(
            name in "\\PC{0,40}", mime in "[\\x00-\\x7f]{0,40}", pairs: Vec<u8>, modified_secs: u64,
            hours in 0..100u32, gzipped: bool, chunk_manifest: bool,
        ) {
            let needle = NewNeedle {
                data: Bytes::from_static(b"data"), name, mime, pairs: pairs.into(), modified_secs,
                ttl: Ttl::new(hours, TtlUnit::Hour), gzipped, chunk_manifest,
            };
            let header = needle_header(&needle).expect("makes a header");
            let back = needle_from_header(&header, needle.data.clone()).expect("reads it");
            prop_assert_eq!(back, needle);
        }

        #[test]
        fn no_header_panics(value in "[ -~]{0,80}") {
            let header = HeaderValue::from_str(&value).expect("printable");
            let _ = needle_from_header(&header, Bytes::new());
            let _ = crc_of_etag(&header);
        }

        #[test]
        fn etags_round_trip(crc: u32) {
            let header = HeaderValue::from_str(&etag(crc)).expect("printable");
            prop_assert_eq!(crc_of_etag(&header), Some(crc));
        }
    }

    #[test]
    fn crc_is_crc32c() {
        assert_eq!(crc_of(b"123456789"), 0xe306_9283); // the check value of CRC-32C
    }
}
