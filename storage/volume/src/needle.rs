//! One needle as bytes. Source: SeaweedFS `storage/needle/`.
//!
//! | v1 | cookie 4, key 8, size 4, data, crc 4, padding |
//! |---|---|
//! | v2 | cookie 4, key 8, size 4, { data size 4, data, flags 1, [name 1+n], [mime 1+n], [modified 5], [ttl 2], [pairs 2+n] }, crc 4, padding |
//! | v3 | as v2, then the moment of the append in nanoseconds 8, padding |
//!
//! `size` counts the bytes in braces. It is 0 for a tombstone and for an empty needle: nothing in braces is then
//! written. The checksum is of the data alone.

mod body;

use bytes::Bytes;
use types::{Cookie, NeedleKey, Ttl};

use crate::superblock::{HEADER_BYTES, Version};

pub(crate) use body::meta_is_whole;

/// Bytes of data that one needle may hold when it is appended: SeaweedFS's own default limit.
pub const MAX_DATA_BYTES: usize = 256 << 20;

/// One stored thing: data and what a volume server needs to serve it. Absent texts are empty.
///
/// An empty needle (no data) keeps its key and cookie only: the format stores nothing else of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needle {
    /// Its number.
    pub key: NeedleKey,
    /// Must be shown to read, overwrite or delete it.
    pub cookie: Cookie,
    /// The body as it is stored: compressed where `gzipped`. At most [`MAX_DATA_BYTES`].
    pub data: Bytes,
    /// File name; the first 255 bytes are kept.
    pub name: Bytes,
    /// MIME type, at most 255 bytes.
    pub mime: Bytes,
    /// JSON object of header names and values, under 64 KiB.
    pub pairs: Bytes,
    /// Last modified: seconds since the epoch, of which 40 bits are kept.
    pub modified_secs: u64,
    /// Its own life, counted from the append. In a volume with a TTL, never means that of the volume.
    pub ttl: Ttl,
    /// `data` is gzip.
    pub gzipped: bool,
    /// `data` is a chunk manifest.
    pub chunk_manifest: bool,
}

impl Needle {
    /// As it will be stored in a volume with this TTL.
    pub(crate) fn fit(mut self, volume_ttl: Ttl) -> Self {
        self.name.truncate(body::MAX_TEXT_BYTES);
        if self.ttl.is_never() {
            self.ttl = volume_ttl;
        }
        self
    }

    /// Whether storing `other` over this would change nothing but the time.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        // An empty needle keeps nothing but its key and cookie.
        let empty = self.data.is_empty() && other.data.is_empty();
        let flags = |needle: &Self| (needle.ttl, needle.gzipped, needle.chunk_manifest);
        let same_texts = self.name == other.name && self.mime == other.mime && self.pairs == other.pairs;
        empty || same_texts && flags(self) == flags(other) && self.data == other.data
    }
}

/// Why bytes are not the needle they should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("{have} bytes where {need} are needed")]
    Short { have: usize, need: usize },
    #[error("fields run past the end or leave bytes over")]
    Fields,
    #[error("checksum {actual:#010x}, expected {expected:#010x}")]
    Checksum { actual: u32, expected: u32 },
}

/// The first 16 bytes of a needle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) cookie: Cookie,
    pub(crate) key: NeedleKey,
    /// Bytes of the body. The format allows 31 bits.
    pub(crate) size: u32,
}

/// A needle read from disk and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) needle: Needle,
    /// Of the data, as computed.
    pub(crate) crc: u32,
    /// 0 before version 3.
    pub(crate) append_ns: u64,
    /// The needle says when it was modified: without that its TTL does not count.
    pub(crate) has_modified: bool,
}

/// What a record of the data file does to its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Stores data.
    Needle,
    /// Stores an empty needle.
    Empty,
    /// Deletes.
    Tombstone,
    /// SeaweedFS writes tombstones and empty needles alike: it deletes what is there, and stores an empty needle
    /// where nothing is.
    EmptyOrTombstone,
}

/// The checksum of our tombstones, so that they are not taken for empty needles; readers ignore it.
const TOMBSTONE_CRC: u32 = u32::MAX;

/// The padding of our empty needles, so that they are not taken for tombstones; readers ignore it.
const EMPTY_PADDING: [u8; 4] = [0, 0, 0, 1];

/// CRC-32C of stored data.
pub(crate) fn checksum(data: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(data)
}

/// CRC-32C of data that comes in parts.
pub(crate) struct Checksum(crc_fast::Digest);

impl Default for Checksum {
    fn default() -> Self {
        Self(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi))
    }
}

impl Checksum {
    pub(crate) fn update(&mut self, part: &[u8]) {
        self.0.update(part);
    }

    #[expect(clippy::cast_possible_truncation, reason = "32 bits, in a wider type")]
    pub(crate) fn finish(self) -> u32 {
        self.0.finalize() as u32
    }
}

/// Whether a stored checksum is that of the data: plain, or masked as SeaweedFS did before 3.09.
pub(crate) fn checksum_matches(stored: u32, actual: u32) -> bool {
    stored == actual || stored == actual.rotate_right(15).wrapping_add(0xa282_ead8)
}

impl Header {
    pub(crate) fn decode(bytes: &[u8; HEADER_BYTES]) -> Self {
        Self { cookie: Cookie(be32(bytes, 0)), key: NeedleKey(be64(bytes, 4)), size: be32(bytes, 12) }
    }

    /// From the start of a record, if enough of it is there.
    pub(crate) fn of(record: &[u8]) -> Result<Self, Damage> {
        let short = Damage::Short { have: record.len(), need: HEADER_BYTES };
        record.first_chunk().map(Self::decode).ok_or(short)
    }

    fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.cookie.0.to_be_bytes());
        out.extend_from_slice(&self.key.0.to_be_bytes());
        out.extend_from_slice(&self.size.to_be_bytes());
    }
}

/// Appends the bytes of a needle that go before its data. `size` is [`body::size`] of it.
pub(crate) fn encode_head(needle: &Needle, size: u32, out: &mut Vec<u8>) {
    Header { cookie: needle.cookie, key: needle.key, size }.encode(out);
    if size > 0 {
        body::encode_data_size(needle, out);
    }
}

/// Appends the bytes of a needle that go after its data.
pub(crate) fn encode_tail(needle: &Needle, size: u32, crc: u32, append_ns: u64, out: &mut Vec<u8>) {
    if size > 0 {
        body::encode_meta(needle, out);
    }
    let padding = if size > 0 { size.to_be_bytes() } else { EMPTY_PADDING };
    encode_trailer(size, crc, append_ns, padding, out);
}

/// Appends a tombstone.
pub(crate) fn encode_tombstone(key: NeedleKey, cookie: Cookie, append_ns: u64, out: &mut Vec<u8>) {
    Header { cookie, key, size: 0 }.encode(out);
    encode_trailer(0, TOMBSTONE_CRC, append_ns, [0; 4], out);
}

/// Checksum, moment and padding. SeaweedFS pads with what is left in a buffer: the size, then zeros.
fn encode_trailer(size: u32, crc: u32, append_ns: u64, padding: [u8; 4], out: &mut Vec<u8>) {
    out.extend_from_slice(&crc.to_be_bytes());
    out.extend_from_slice(&append_ns.to_be_bytes());
    let bare = HEADER_BYTES + size as usize + Version::V3.trailer_bytes();
    let mut full = [0; 8];
    full[..4].copy_from_slice(&padding);
    out.extend_from_slice(&full[..8 - bare % 8]);
}

/// The needle's size field, or what is too large in it.
pub(crate) fn size(needle: &Needle) -> Result<u32, String> {
    body::size(needle)
}

/// Reads and verifies a record from its header on; padding may be missing.
pub(crate) fn decode(record: &Bytes, version: Version) -> Result<Decoded, Damage> {
    let header = Header::of(record)?;
    let body_end = HEADER_BYTES + header.size as usize;
    let need = body_end + version.trailer_bytes();
    if record.len() < need {
        return Err(Damage::Short { have: record.len(), need });
    }
    let body = record.slice(HEADER_BYTES..body_end);
    let (mut needle, has_modified) = body::decode(&body, version)?;
    needle.key = header.key;
    needle.cookie = header.cookie;
    let actual = checksum(&needle.data);
    let expected = be32(record, body_end);
    if !needle.data.is_empty() && !checksum_matches(expected, actual) {
        return Err(Damage::Checksum { actual, expected });
    }
    let append_ns = if version == Version::V3 { be64(record, body_end + 4) } else { 0 };
    Ok(Decoded { needle, crc: actual, append_ns, has_modified })
}

/// What the record with this trailer (padding included) does to its key.
pub(crate) fn kind(size: u32, trailer: &[u8], version: Version) -> Kind {
    if size > 0 {
        return Kind::Needle;
    }
    let padding = trailer.get(version.trailer_bytes()..).unwrap_or_default();
    if be32(trailer, 0) != 0 {
        Kind::Tombstone
    } else if version == Version::V3 && padding.starts_with(&EMPTY_PADDING) {
        Kind::Empty
    } else {
        Kind::EmptyOrTombstone
    }
}

/// Big-endian; bytes past the end count as 0.
pub(crate) fn be32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u32::from_be_bytes(*chunk))
}

/// Big-endian; bytes past the end count as 0.
pub(crate) fn be64(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u64::from_be_bytes(*chunk))
}

#[cfg(test)]
mod tests;
