//! Reads a data file record by record: the part that the index file does not cover.

use std::io;

use types::NeedleKey;

use crate::{
    disk::DiskFile,
    index::Location,
    needle::{self, Header, Kind, be32, be64},
    superblock::{HEADER_BYTES, Version},
};

/// Bytes read at once, and the most of a file that is held in memory.
const WINDOW_BYTES: usize = 1 << 20;

/// What stands at one place of a data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    /// A needle or tombstone whose every byte is there.
    Whole { key: NeedleKey, location: Location, kind: Kind, append_ns: u64 },
    /// Its header makes sense, but its bytes are not what was written.
    Damaged { key: NeedleKey, location: Location },
    /// Not even a header that makes sense; where the next record starts is unknown.
    Unreadable,
}

/// Walks a data file from one record to the next.
pub(crate) struct Scanner<'a> {
    file: &'a dyn DiskFile,
    version: Version,
    /// Where the file ends.
    end: u64,
    window: Vec<u8>,
    window_start: u64,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(file: &'a dyn DiskFile, version: Version, end: u64) -> Self {
        Self { file, version, end, window: Vec::new(), window_start: 0 }
    }

    /// The record that starts at `offset`, which is before the end.
    pub(crate) fn record(&mut self, offset: u64) -> io::Result<Record> {
        let Some(header) = self.header(offset)? else { return Ok(Record::Unreadable) };
        let location = Location::new(offset, header.size);
        let disk_bytes = self.version.disk_bytes(header.size);
        if disk_bytes <= WINDOW_BYTES as u64 {
            self.bytes(offset, to_usize(disk_bytes))?; // one read for the whole record
        }
        let trailer_at = offset + HEADER_BYTES as u64 + u64::from(header.size);
        let trailer_bytes = offset + disk_bytes - trailer_at;
        let trailer = self.bytes(trailer_at, to_usize(trailer_bytes))?.to_vec();
        let append_ns = if self.version == Version::V3 { be64(&trailer, 4) } else { 0 };
        // Pages that were never written read as zeros: they are no tombstones of key 0.
        let blank = header.key.0 == 0 && header.cookie.0 == 0 && header.size == 0 && be32(&trailer, 0) == 0;
        if blank && append_ns == 0 {
            return Ok(Record::Unreadable);
        }
        if self.version == Version::V3 && append_ns == 0 || !self.body_is_whole(offset, header, &trailer)? {
            return Ok(Record::Damaged { key: header.key, location });
        }
        let kind = needle::kind(header.size, &trailer, self.version);
        Ok(Record::Whole { key: header.key, location, kind, append_ns })
    }

    /// The header at `offset`, if its record fits in the file.
    pub(crate) fn header(&mut self, offset: u64) -> io::Result<Option<Header>> {
        if self.end.saturating_sub(offset) < HEADER_BYTES as u64 {
            return Ok(None);
        }
        let Ok(header) = Header::of(self.bytes(offset, HEADER_BYTES)?) else { return Ok(None) };
        let fits =
            header.size <= i32::MAX as u32 && self.version.disk_bytes(header.size) <= self.end - offset;
        Ok(fits.then_some(header))
    }

    fn body_is_whole(&mut self, offset: u64, header: Header, trailer: &[u8]) -> io::Result<bool> {
        let body = offset + HEADER_BYTES as u64;
        let size = u64::from(header.size);
        if size == 0 {
            return Ok(true);
        }
        if self.version == Version::V1 {
            return Ok(needle::checksum_matches(be32(trailer, 0), self.checksum(body, size)?));
        }
        if size < 4 {
            return Ok(false);
        }
        let data_bytes = u64::from(be32(self.bytes(body, 4)?, 0));
        let Some(meta_bytes) = (size - 4).checked_sub(data_bytes) else { return Ok(false) };
        if meta_bytes > WINDOW_BYTES as u64 {
            return Ok(false);
        }
        let crc = self.checksum(body + 4, data_bytes)?;
        if data_bytes > 0 && !needle::checksum_matches(be32(trailer, 0), crc) {
            return Ok(false);
        }
        let meta = self.bytes(body + 4 + data_bytes, to_usize(meta_bytes))?;
        Ok(needle::meta_is_whole(meta))
    }

    fn checksum(&mut self, offset: u64, bytes: u64) -> io::Result<u32> {
        if bytes <= WINDOW_BYTES as u64 {
            return Ok(needle::checksum(self.bytes(offset, to_usize(bytes))?));
        }
        let mut digest = needle::Checksum::default();
        let mut done = 0;
        while done < bytes {
            let part = (bytes - done).min(WINDOW_BYTES as u64);
            digest.update(self.bytes(offset + done, to_usize(part))?);
            done += part;
        }
        Ok(digest.finish())
    }

    /// Whether there is nothing but zeros: pages that were never written.
    pub(crate) fn is_blank(&mut self, from: u64, to: u64) -> io::Result<bool> {
        let mut at = from;
        while at < to {
            let bytes = to_usize((to - at).min(WINDOW_BYTES as u64));
            if self.bytes(at, bytes)?.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += bytes as u64;
        }
        Ok(true)
    }

    /// Part of the file, at most a window; fails if the file has become shorter.
    pub(crate) fn bytes(&mut self, offset: u64, bytes: usize) -> io::Result<&[u8]> {
        let held = offset.checked_sub(self.window_start).map(to_usize);
        let held = held.filter(|from| from.saturating_add(bytes) <= self.window.len());
        let from = match held {
            Some(from) => from,
            None => {
                self.fill(offset)?;
                0
            }
        };
        self.window.get(from..from + bytes).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn fill(&mut self, offset: u64) -> io::Result<()> {
        let bytes = self.end.saturating_sub(offset).min(WINDOW_BYTES as u64);
        self.window.resize(to_usize(bytes), 0);
        let read = self.file.read_at(&mut self.window, offset)?;
        self.window.truncate(read);
        self.window_start = offset;
        Ok(())
    }
}

/// Lossless where it is used: what is converted is at most a window, or is compared with one.
fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
