//! The end of fjall's journal, looked at before fjall opens it.
//!
//! fjall cuts a journal at the first thing that it does not understand, wherever that is, and refuses one whose
//! last batch was half written by a power cut. Both are wrong for us: damage in the midst must not be cut away
//! silently, since what follows it was acknowledged; and a batch that never was acknowledged must not keep the
//! server from starting. So the tail is judged here: cut when nothing follows it, refused when something does.
//!
//! Form of a journal, fjall 3 (`src/journal/entry.rs`), little-endian: batches, then zeros. A batch:
//! `1 count:4 seqno:8`, as many items, `3 xxh3-of-items:8 "FJL" 3`. An item:
//! `2 type compression keyspace:8 key-len:2 value-len:4 stored-len:4 key value`, or `4 keyspace:8`.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::xxh3_64;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;
const TRAILER: &[u8] = b"FJL\x03";

/// How a journal ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// With a whole batch.
    Whole,
    /// With a batch, from here on, that was not written whole.
    Torn { at: usize },
    /// With whole batches after something that is none.
    Damaged { at: usize },
}

/// Why a journal must not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: damaged at byte {at}, with whole batches after it", path.display())]
    Damaged { path: PathBuf, at: usize },
}

/// What the writer of the journal promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// Every batch was synced before the next was written: only the last can be torn.
    Synced,
    /// Nothing was synced: after a power cut any batch may be missing, and all after it are void.
    Unsynced,
}

/// Cuts the torn tail of the newest journal in `dir`. Refuses damage, and changes nothing then.
pub(crate) fn mend(dir: &Path, promise: Promise) -> Result<(), JournalError> {
    let journals = journals(dir).map_err(|source| JournalError::Io { path: dir.to_owned(), source })?;
    let Some((newest, sealed)) = journals.split_last() else { return Ok(()) };
    for path in sealed {
        // Synced whole before the next was begun.
        match examine(path)? {
            End::Whole => {}
            End::Torn { at } | End::Damaged { at } => {
                return Err(JournalError::Damaged { path: path.clone(), at });
            }
        }
    }
    match (examine(newest)?, promise) {
        (End::Whole, _) => Ok(()),
        (End::Damaged { at }, Promise::Synced) => Err(JournalError::Damaged { path: newest.clone(), at }),
        (End::Torn { at }, _) | (End::Damaged { at }, Promise::Unsynced) => {
            tracing::warn!(journal = %newest.display(), at, "cut a batch that was not written whole");
            cut(newest, at).map_err(|source| JournalError::Io { path: newest.clone(), source })
        }
    }
}

/// By number, the newest last.
fn journals(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let number =
            path.file_name().and_then(|name| name.to_str()?.strip_suffix(".jnl")?.parse::<u64>().ok());
        journals.extend(number.map(|number| (number, path)));
    }
    journals.sort_unstable();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

fn examine(path: &Path) -> Result<End, JournalError> {
    let bytes = fs::read(path).map_err(|source| JournalError::Io { path: path.to_owned(), source })?;
    Ok(end_of(&bytes))
}

fn cut(path: &Path, at: usize) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(at as u64)?;
    file.sync_all()
}

fn end_of(journal: &[u8]) -> End {
    let mut rest = journal;
    while let Some(after) = after_batch(rest) {
        rest = after;
    }
    let at = journal.len() - rest.len();
    let rest = without_zeros(rest);
    if rest.is_empty() {
        return End::Whole;
    }
    let follows = (1..rest.len()).any(|from| rest[from] == START && after_batch(&rest[from..]).is_some());
    if follows { End::Damaged { at } } else { End::Torn { at } }
}

/// Without the zeros at the end: fjall makes a journal of 64 MiB of them beforehand.
fn without_zeros(mut bytes: &[u8]) -> &[u8] {
    const PAGE: [u8; 4096] = [0; 4096];
    while let Some(before) = bytes.strip_suffix(&PAGE) {
        bytes = before;
    }
    let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..written]
}

/// What follows a whole batch; `None`: there is no whole batch.
fn after_batch(bytes: &[u8]) -> Option<&[u8]> {
    let mut cursor = Cursor(bytes);
    (cursor.byte()? == START).then_some(())?;
    let count = u32::from_le_bytes(cursor.array()?);
    let _seqno: [u8; 8] = cursor.array()?;
    let items = cursor.0;
    for _ in 0..count {
        cursor.skip_item()?;
    }
    let items = &items[..items.len() - cursor.0.len()];
    (cursor.byte()? == END).then_some(())?;
    let checksum = u64::from_le_bytes(cursor.array()?);
    let rest = cursor.0.strip_prefix(TRAILER)?;
    (xxh3_64(items) == checksum).then_some(rest)
}

struct Cursor<'b>(&'b [u8]);

impl Cursor<'_> {
    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    fn skip_item(&mut self) -> Option<()> {
        match self.byte()? {
            ITEM => {
                let [_value_type, _compression] = self.array()?;
                let _keyspace: [u8; 8] = self.array()?;
                let key_len = u16::from_le_bytes(self.array()?);
                let _value_len: [u8; 4] = self.array()?;
                let stored_len = u32::from_le_bytes(self.array()?);
                self.skip(usize::from(key_len))?;
                self.skip(usize::try_from(stored_len).ok()?)
            }
            CLEAR => self.skip(8),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
