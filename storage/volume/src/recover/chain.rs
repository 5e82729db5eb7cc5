//! How far the index file can be believed.

use std::{collections::HashSet, io};

use types::NeedleKey;

use super::Files;
use crate::{
    idx_file::{Row, row_bytes},
    index::{Index, Location},
    needle::{self, Header, Kind, be64},
    superblock::{ALIGN_BYTES, HEADER_BYTES, Version},
};

/// Rows read at once.
const ROWS_AT_ONCE: usize = 1 << 16;

/// Rows between two that are compared with the data file, whatever the chain says.
const ROWS_PER_SAMPLE: u64 = 1 << 16;

/// Changes sorted into the index at once: more is faster where keys are in no order.
const CHANGES_AT_ONCE: usize = 1 << 18;

/// The rows that are believed.
pub(super) struct Chain {
    pub(super) index: Index,
    pub(super) rows: u64,
    /// Where the last believed record ends.
    pub(super) end: u64,
    pub(super) last_append_ns: u64,
    /// All of the file was believed.
    is_whole: bool,
    /// Rows that make a chain contradict the data file: they belong to another one.
    pub(super) is_foreign: bool,
}

impl Chain {
    pub(super) fn nothing(files: &Files) -> Self {
        Self {
            index: Index::new(files.version),
            rows: 0,
            end: files.first_needle,
            last_append_ns: 0,
            is_whole: false,
            is_foreign: false,
        }
    }
}

pub(super) fn read(files: &Files) -> io::Result<Chain> {
    let mut reader = Reader {
        files,
        idx_bytes: files.idx.len_bytes()?,
        dat_bytes: files.dat.len_bytes()?,
        chain: Chain::nothing(files),
        changes: Vec::new(),
        last: None,
        before_last: None,
    };
    reader.read()?;
    reader.confirm_last()?;
    let mut chain = reader.chain;
    if chain.is_foreign {
        return Ok(Chain { is_foreign: true, ..Chain::nothing(files) });
    }
    chain.index.load(&mut reader.changes);
    Ok(chain)
}

/// Keys whose last row deletes them without a tombstone in the data file, among the rows that are not believed.
/// SeaweedFS writes such rows when it turns an erasure-coded volume back.
pub(super) fn detached_deletes(files: &Files, chain: &Chain) -> io::Result<HashSet<NeedleKey>> {
    let mut deleted = HashSet::new();
    if chain.is_whole {
        return Ok(deleted);
    }
    for_each_row(files, chain.rows, |row| {
        if row.is_detached_delete() {
            deleted.insert(row.key);
        } else {
            deleted.remove(&row.key);
        }
        Ok(true)
    })?;
    Ok(deleted)
}

/// Hands out rows from number `first` on until there are no more, or `take` returns false.
fn for_each_row(files: &Files, first: u64, mut take: impl FnMut(Row) -> io::Result<bool>) -> io::Result<()> {
    let row_bytes = row_bytes(files.width);
    let mut at = first * row_bytes as u64;
    let rest = usize::try_from(files.idx.len_bytes()?.saturating_sub(at)).unwrap_or(usize::MAX);
    let mut buf = vec![0; row_bytes * (rest / row_bytes).min(ROWS_AT_ONCE)];
    loop {
        let read = files.idx.read_at(&mut buf, at)?;
        let rows = buf[..read].chunks_exact(row_bytes);
        if rows.len() == 0 {
            return Ok(());
        }
        at += (rows.len() * row_bytes) as u64;
        for bytes in rows {
            if !take(Row::decode(bytes, files.width))? {
                return Ok(());
            }
        }
    }
}

struct Reader<'a> {
    files: &'a Files,
    idx_bytes: u64,
    dat_bytes: u64,
    chain: Chain,
    /// Not yet in the chain's index.
    changes: Vec<(u64, Option<Location>)>,
    /// The last row that fits, with its true offset. Its size is confirmed by a follower only.
    last: Option<(Row, u64)>,
    before_last: Option<(Row, u64)>,
}

impl Reader<'_> {
    fn read(&mut self) -> io::Result<()> {
        let files = self.files;
        for_each_row(files, 0, |row| self.take(row))?;
        self.chain.is_whole = self.chain.rows * row_bytes(files.width) as u64 == self.idx_bytes;
        Ok(())
    }

    /// Takes a row if it starts where the one before ended.
    fn take(&mut self, row: Row) -> io::Result<bool> {
        let offset = self.chain.end;
        let next = offset + self.files.version.disk_bytes(row.size.unwrap_or(0));
        // Offsets wrap around where a volume has outgrown their width: the chain knows better.
        let wraps_at = ALIGN_BYTES << (8 * self.files.width.offset_bytes());
        if row.offset != offset % wraps_at || next > self.dat_bytes {
            return Ok(false);
        }
        let is_sample = self.chain.rows.is_multiple_of(ROWS_PER_SAMPLE);
        if is_sample && !is_in_data(self.files, &row, offset)? {
            self.chain.is_foreign = true;
            return Ok(false);
        }
        self.before_last = self.last.replace((row, offset));
        self.push(self.before_last);
        self.chain.rows += 1;
        self.chain.end = next;
        Ok(true)
    }

    fn push(&mut self, row: Option<(Row, u64)>) {
        self.changes
            .extend(row.map(|(row, offset)| (row.key.0, row.size.map(|size| Location::new(offset, size)))));
        if self.changes.len() >= CHANGES_AT_ONCE {
            self.chain.index.load(&mut self.changes);
        }
    }

    /// The last row may be torn: the data file decides. If it was, the one before must be right.
    fn confirm_last(&mut self) -> io::Result<()> {
        let Some((row, offset)) = self.last else { return Ok(()) };
        if is_in_data(self.files, &row, offset)? && self.kind_is_certain(&row, offset)? {
            self.push(self.last);
        } else {
            (self.chain.rows, self.chain.end) = (self.chain.rows - 1, offset);
            self.chain.is_whole = false;
            self.last = self.before_last;
            self.chain.is_foreign |= match self.last {
                Some((row, offset)) => !is_in_data(self.files, &row, offset)?,
                None => true,
            };
        }
        if let Some((row, offset)) = self.last {
            self.chain.last_append_ns = append_ns(self.files, &row, offset)?;
        }
        Ok(())
    }

    /// The size of a delete, torn to zeros, is that of an empty needle. Where the file ends with this row it was
    /// not torn, and what SeaweedFS wrote can be told by its row alone.
    fn kind_is_certain(&self, row: &Row, offset: u64) -> io::Result<bool> {
        if row.size.unwrap_or(0) > 0 {
            return Ok(true);
        }
        let version = self.files.version;
        let mut trailer = [0; 16];
        let read = self.files.dat.read_at(&mut trailer, offset + HEADER_BYTES as u64)?;
        Ok(match needle::kind(0, &trailer[..read], version) {
            Kind::Needle | Kind::EmptyOrTombstone => self.chain.is_whole,
            Kind::Empty => row.size.is_some(),
            Kind::Tombstone => row.size.is_none(),
        })
    }
}

/// Whether the data file has at `offset` what the row says.
fn is_in_data(files: &Files, row: &Row, offset: u64) -> io::Result<bool> {
    let mut header = [0; HEADER_BYTES];
    if files.dat.read_at(&mut header, offset)? < HEADER_BYTES {
        return Ok(false);
    }
    let header = Header::decode(&header);
    Ok(header.key == row.key && header.size == row.size.unwrap_or(0))
}

fn append_ns(files: &Files, row: &Row, offset: u64) -> io::Result<u64> {
    if files.version < Version::V3 {
        return Ok(0);
    }
    let mut bytes = [0; 8];
    let crc_bytes = 4;
    let at = offset + HEADER_BYTES as u64 + u64::from(row.size.unwrap_or(0)) + crc_bytes;
    files.dat.read_at(&mut bytes, at)?;
    Ok(be64(&bytes, 0))
}
