//! The part of a needle in braces: data and what describes it.

use bytes::Bytes;
use types::Ttl;

use super::{Damage, MAX_DATA_BYTES, Needle, be32};
use crate::superblock::Version;

const GZIPPED: u8 = 0x01;
const HAS_NAME: u8 = 0x02;
const HAS_MIME: u8 = 0x04;
const HAS_MODIFIED: u8 = 0x08;
const HAS_TTL: u8 = 0x10;
const HAS_PAIRS: u8 = 0x20;
const CHUNK_MANIFEST: u8 = 0x80;

const DATA_SIZE_BYTES: usize = 4;
const MODIFIED_BYTES: usize = 5;
const TTL_BYTES: usize = 2;
pub(super) const MAX_TEXT_BYTES: usize = u8::MAX as usize;
const MAX_PAIRS_BYTES: usize = u16::MAX as usize;

/// Flags, name, MIME type, time, TTL and pairs at their longest.
const MAX_META_BYTES: u64 =
    (1 + 2 * (1 + MAX_TEXT_BYTES) + MODIFIED_BYTES + TTL_BYTES + 2 + MAX_PAIRS_BYTES) as u64;

/// As SeaweedFS's volume server does, name, type and time are always there, even when empty.
fn flags(needle: &Needle) -> u8 {
    let mut flags = HAS_NAME | HAS_MIME | HAS_MODIFIED;
    for (set, flag) in [
        (needle.gzipped, GZIPPED),
        (!needle.ttl.is_never(), HAS_TTL),
        (!needle.pairs.is_empty(), HAS_PAIRS),
        (needle.chunk_manifest, CHUNK_MANIFEST),
    ] {
        if set {
            flags |= flag;
        }
    }
    flags
}

pub(super) fn size(needle: &Needle) -> Result<u32, String> {
    for (what, have, most) in [
        ("data", needle.data.len(), MAX_DATA_BYTES),
        ("name", needle.name.len(), MAX_TEXT_BYTES),
        ("mime type", needle.mime.len(), MAX_TEXT_BYTES),
        ("pairs", needle.pairs.len(), MAX_PAIRS_BYTES),
    ] {
        if have > most {
            return Err(format!("{what} of {have} bytes, at most {most}"));
        }
    }
    if needle.data.is_empty() {
        return Ok(0);
    }
    let ttl = if needle.ttl.is_never() { 0 } else { TTL_BYTES };
    let pairs = if needle.pairs.is_empty() { 0 } else { 2 + needle.pairs.len() };
    let texts = 1 + needle.name.len() + 1 + needle.mime.len();
    let size = DATA_SIZE_BYTES + needle.data.len() + 1 + texts + MODIFIED_BYTES + ttl + pairs;
    u32::try_from(size).map_err(|_| format!("{size} bytes in all"))
}

#[expect(clippy::cast_possible_truncation, reason = "`size` has checked the lengths")]
pub(super) fn encode_data_size(needle: &Needle, out: &mut Vec<u8>) {
    out.extend_from_slice(&(needle.data.len() as u32).to_be_bytes());
}

#[expect(clippy::cast_possible_truncation, reason = "`size` has checked the lengths")]
pub(super) fn encode_meta(needle: &Needle, out: &mut Vec<u8>) {
    out.push(flags(needle));
    out.push(needle.name.len() as u8);
    out.extend_from_slice(&needle.name);
    out.push(needle.mime.len() as u8);
    out.extend_from_slice(&needle.mime);
    out.extend_from_slice(&needle.modified_secs.to_be_bytes()[8 - MODIFIED_BYTES..]);
    if !needle.ttl.is_never() {
        out.extend_from_slice(&needle.ttl.to_bytes());
    }
    if !needle.pairs.is_empty() {
        out.extend_from_slice(&(needle.pairs.len() as u16).to_be_bytes());
        out.extend_from_slice(&needle.pairs);
    }
}

/// The needle without key and cookie, and whether it says when it was modified.
pub(super) fn decode(body: &Bytes, version: Version) -> Result<(Needle, bool), Damage> {
    if version == Version::V1 || body.is_empty() {
        return Ok((Needle { data: body.clone(), ..Needle::default() }, false));
    }
    let mut fields = Fields { rest: body.clone() };
    let data_size = be32(&fields.take(DATA_SIZE_BYTES)?, 0);
    let data = fields.take(data_size as usize)?;
    let (mut needle, has_modified) = decode_meta(fields)?;
    needle.data = data;
    Ok((needle, has_modified))
}

fn decode_meta(mut fields: Fields) -> Result<(Needle, bool), Damage> {
    let flags = if fields.rest.is_empty() { 0 } else { fields.byte()? };
    let mut needle = Needle {
        gzipped: flags & GZIPPED != 0,
        chunk_manifest: flags & CHUNK_MANIFEST != 0,
        ..Needle::default()
    };
    if flags & HAS_NAME != 0 {
        needle.name = fields.text()?;
    }
    if flags & HAS_MIME != 0 {
        needle.mime = fields.text()?;
    }
    if flags & HAS_MODIFIED != 0 {
        let low = fields.take(MODIFIED_BYTES)?;
        needle.modified_secs = low.iter().fold(0, |secs, byte| secs << 8 | u64::from(*byte));
    }
    if flags & HAS_TTL != 0 {
        let ttl = fields.take(TTL_BYTES)?;
        needle.ttl = Ttl::from_bytes([ttl[0], ttl[1]]);
    }
    if flags & HAS_PAIRS != 0 {
        let size = fields.take(2)?;
        needle.pairs = fields.take(u16::from_be_bytes([size[0], size[1]]).into())?;
    }
    if fields.rest.is_empty() { Ok((needle, flags & HAS_MODIFIED != 0)) } else { Err(Damage::Fields) }
}

/// Whether the bytes after the data of an unfinished write can be all there. Stricter than a read: the checksum
/// does not cover them, and a lost page reads as zeros, which pairs never hold.
pub(crate) fn meta_is_whole(meta: &[u8]) -> bool {
    meta.len() as u64 <= MAX_META_BYTES
        && decode_meta(Fields { rest: Bytes::copy_from_slice(meta) })
            .is_ok_and(|(needle, _)| !needle.pairs.contains(&0))
}

/// What is left of a body.
struct Fields {
    rest: Bytes,
}

impl Fields {
    fn take(&mut self, bytes: usize) -> Result<Bytes, Damage> {
        if bytes > self.rest.len() { Err(Damage::Fields) } else { Ok(self.rest.split_to(bytes)) }
    }

    fn byte(&mut self) -> Result<u8, Damage> {
        Ok(self.take(1)?[0])
    }

    fn text(&mut self) -> Result<Bytes, Damage> {
        let size = self.byte()?;
        self.take(size.into())
    }
}
