//! Rows of an index file: key 8, offset 4 or 5, size 4. Source: SeaweedFS `storage/idx`, `storage/types`.
//!
//! The file is a log: the last row of a key counts. A negative size deletes; the row then gives the offset of the
//! tombstone, or 0 where there is none.

use std::{
    io::{self, IoSlice},
    sync::Arc,
};

use types::NeedleKey;

use crate::{
    IndexWidth,
    disk::{DiskFile, write_all_at},
    superblock::ALIGN_BYTES,
};

const KEY_BYTES: usize = 8;
const SIZE_BYTES: usize = 4;

/// The size of a row that deletes.
const DELETED: i32 = -1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: NeedleKey,
    /// Of the needle or tombstone, as far as the offset's width can tell: larger ones have wrapped around.
    pub(crate) offset: u64,
    /// The needle's size field; none for a delete.
    pub(crate) size: Option<u32>,
}

/// Bytes of one row.
pub(crate) const fn row_bytes(width: IndexWidth) -> usize {
    KEY_BYTES + width.offset_bytes() + SIZE_BYTES
}

impl Row {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "offsets wrap around at the width, as they always did"
    )]
    pub(crate) fn encode(&self, width: IndexWidth, out: &mut Vec<u8>) {
        let units = self.offset / ALIGN_BYTES;
        out.extend_from_slice(&self.key.0.to_be_bytes());
        out.extend_from_slice(&(units as u32).to_be_bytes());
        if width == IndexWidth::Five {
            out.push((units >> 32) as u8); // the high byte goes last
        }
        let size = self.size.map_or(DELETED, |size| i32::try_from(size).unwrap_or(DELETED));
        out.extend_from_slice(&size.to_be_bytes());
    }

    /// From a slice of [`row_bytes`].
    pub(crate) fn decode(bytes: &[u8], width: IndexWidth) -> Self {
        let field = |at: usize| {
            bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |chunk| u32::from_be_bytes(*chunk))
        };
        let key = u64::from(field(0)) << 32 | u64::from(field(4));
        let high = match width {
            IndexWidth::Four => 0,
            IndexWidth::Five => bytes.get(12).map_or(0, |byte| u64::from(*byte)),
        };
        let units = high << 32 | u64::from(field(KEY_BYTES));
        let size = field(KEY_BYTES + width.offset_bytes());
        Self {
            key: NeedleKey(key),
            offset: units * ALIGN_BYTES,
            size: (size <= i32::MAX as u32).then_some(size),
        }
    }

    /// Whether it deletes without a tombstone in the data file.
    pub(crate) fn is_detached_delete(&self) -> bool {
        self.offset == 0 && self.size.is_none()
    }
}

/// The end of an index file. Rows gather in memory until they are flushed.
///
/// The file is a cache, so a write that fails ends its growth, not that of the volume: the next open reads the
/// missing rows from the data file.
pub(crate) struct RowWriter {
    /// None after a failure: no rows are written any more.
    file: Option<Arc<dyn DiskFile>>,
    width: IndexWidth,
    at: u64,
    rows: Vec<u8>,
}

impl RowWriter {
    /// `at` is where the next row goes: the end of the rows that are right.
    pub(crate) fn new(file: Arc<dyn DiskFile>, width: IndexWidth, at: u64) -> Self {
        Self { file: Some(file), width, at, rows: Vec::new() }
    }

    /// Writes nothing, for volumes whose files must not change.
    pub(crate) fn off(width: IndexWidth) -> Self {
        Self { file: None, width, at: 0, rows: Vec::new() }
    }

    pub(crate) fn width(&self) -> IndexWidth {
        self.width
    }

    pub(crate) fn push(&mut self, row: &Row) {
        if self.file.is_some() {
            row.encode(self.width, &mut self.rows);
        }
    }

    /// Bytes not flushed.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.rows.len()
    }

    /// Whether rows are lost on the way.
    pub(crate) fn has_failed(&self) -> bool {
        self.file.is_none()
    }

    pub(crate) fn flush(&mut self) {
        self.step(
            |file, rows, at| {
                if rows.is_empty() { Ok(()) } else { write_all_at(file, &mut [IoSlice::new(rows)], at) }
            },
        );
        self.at += self.rows.len() as u64;
        self.rows.clear();
    }

    /// Flushes and makes the rows durable.
    pub(crate) fn sync(&mut self) {
        self.flush();
        self.step(|file, _, _| file.sync_data());
    }

    fn step(&mut self, act: impl FnOnce(&dyn DiskFile, &[u8], u64) -> io::Result<()>) {
        let Some(file) = &self.file else { return };
        if let Err(error) = act(&**file, &self.rows, self.at) {
            tracing::warn!(%error, "index file cannot be written; the next open will catch it up");
            self.file = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(width: IndexWidth, row: Row, expected: &str) {
        let mut bytes = Vec::new();
        row.encode(width, &mut bytes);
        assert_eq!(hex::encode(&bytes), expected);
        assert_eq!(bytes.len(), row_bytes(width));
        assert_eq!(Row::decode(&bytes, width), row);
    }

    #[test]
    fn golden() {
        let put = Row { key: NeedleKey(6), offset: 8, size: Some(26) };
        check(IndexWidth::Four, put, "0000000000000006000000010000001a");
        check(IndexWidth::Five, put, "000000000000000600000001000000001a");
        let delete = Row { key: NeedleKey(18), offset: 2112, size: None };
        check(IndexWidth::Four, delete, "000000000000001200000108ffffffff");
        check(IndexWidth::Five, delete, "00000000000000120000010800ffffffff");
        let far = Row { key: NeedleKey(1), offset: (1 << 35) + 16, size: Some(1) };
        check(IndexWidth::Five, far, "000000000000000100000002010000 0001".replace(' ', "").as_str());
    }

    proptest! {
        #[test]
        fn rows_round_trip(key: u64, units in 0..1_u64 << 32, size in proptest::option::of(0..=i32::MAX as u32)) {
            for width in [IndexWidth::Four, IndexWidth::Five] {
                let row = Row { key: NeedleKey(key), offset: units * 8, size };
                let mut bytes = Vec::new();
                row.encode(width, &mut bytes);
                prop_assert_eq!(Row::decode(&bytes, width), row);
            }
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            for width in [IndexWidth::Four, IndexWidth::Five] {
                let _ = Row::decode(&bytes, width);
            }
        }
    }
}
