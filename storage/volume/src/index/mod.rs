//! Where the live needles of a volume are, in memory.
//!
//! A small sorted head takes changes; when it is full it is merged into packed blocks, each of which is decoded
//! and packed again. So a change costs little, no merge is long, and a needle takes well under 16 bytes
//! (`docs/decisions/0002-needle-index.md`).

mod block;

use std::{
    collections::BTreeMap,
    mem::size_of,
    ops::Bound::{Excluded, Unbounded},
};

use types::NeedleKey;

use crate::superblock::{ALIGN_BYTES, Version};

use block::{BLOCK_ROWS, Block};

/// Changes held back before they are merged.
const HEAD_ROWS: usize = 256;

/// A map node of the standard library, shared out over the blocks it holds: about half of its slots are used.
const NODE_BYTES_PER_BLOCK: usize = 2 * (size_of::<u64>() + size_of::<Block>());

/// Where a needle starts and how large its body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Location {
    units: u64,
    /// The needle's size field.
    pub(crate) size: u32,
}

impl Location {
    /// `offset` is aligned: records are.
    pub(crate) fn new(offset: u64, size: u32) -> Self {
        Self { units: offset / ALIGN_BYTES, size }
    }

    /// Bytes from the start of the data file.
    pub(crate) fn offset(self) -> u64 {
        self.units * ALIGN_BYTES
    }
}

type Change = (u64, Option<Location>);

/// What a volume holds, counted as changes come in the order of the data file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    pub(crate) live: u64,
    /// Bytes that live needles take in the data file.
    pub(crate) live_bytes: u64,
    /// Needles overwritten or deleted.
    pub(crate) dead: u64,
    pub(crate) max_key: u64,
}

pub(crate) struct Index {
    version: Version,
    head: Vec<Change>,
    /// By first key.
    blocks: BTreeMap<u64, Block>,
    block_bytes: usize,
    counts: Counts,
}

impl Index {
    pub(crate) fn new(version: Version) -> Self {
        Self { version, head: Vec::new(), blocks: BTreeMap::new(), block_bytes: 0, counts: Counts::default() }
    }

    pub(crate) fn get(&self, key: NeedleKey) -> Option<Location> {
        match self.head.binary_search_by_key(&key.0, |change| change.0) {
            Ok(at) => self.head[at].1,
            Err(_) => self.get_packed(key.0),
        }
    }

    fn get_packed(&self, key: u64) -> Option<Location> {
        let (first, block) = self.blocks.range(..=key).next_back()?;
        block.get(*first, key)
    }

    pub(crate) fn put(&mut self, key: NeedleKey, location: Location) {
        self.change(key, Some(location));
    }

    pub(crate) fn remove(&mut self, key: NeedleKey) {
        self.change(key, None);
    }

    fn change(&mut self, key: NeedleKey, location: Option<Location>) {
        let found = self.head.binary_search_by_key(&key.0, |change| change.0);
        let old = match found {
            Ok(at) => self.head[at].1,
            Err(_) => self.get_packed(key.0),
        };
        self.count(key.0, old, location);
        match found {
            Ok(at) => self.head[at].1 = location,
            Err(at) => self.head.insert(at, (key.0, location)),
        }
        if self.head.len() >= HEAD_ROWS {
            self.pack_head();
        }
    }

    fn pack_head(&mut self) {
        let head = std::mem::take(&mut self.head);
        self.merge(&head);
        self.head = head;
        self.head.clear();
    }

    /// Takes many changes at once, in the order of the data file; leaves `changes` empty.
    pub(crate) fn load(&mut self, changes: &mut Vec<Change>) {
        self.pack_head();
        changes.sort_by_key(|change| change.0); // stable: the last change of a key stays last
        for run in changes.chunk_by(|a, b| a.0 == b.0) {
            let key = run[0].0;
            let mut old = if key <= self.counts.max_key { self.get_packed(key) } else { None };
            for (_, new) in run {
                self.count(key, old, *new);
                old = *new;
            }
        }
        changes.reverse();
        changes.dedup_by_key(|change| change.0); // keeps the last change of each key
        changes.reverse();
        self.merge(changes);
        changes.clear();
    }

    fn count(&mut self, key: u64, old: Option<Location>, new: Option<Location>) {
        let counts = &mut self.counts;
        counts.max_key = counts.max_key.max(key);
        if let Some(old) = old {
            counts.live -= 1;
            counts.live_bytes -= self.version.disk_bytes(old.size);
            counts.dead += 1;
        }
        if let Some(new) = new {
            counts.live += 1;
            counts.live_bytes += self.version.disk_bytes(new.size);
        }
    }

    /// Brings sorted changes, one per key, into the blocks.
    fn merge(&mut self, mut changes: &[Change]) {
        while let Some((first, _)) = changes.first() {
            let home = self.blocks.range(..=*first).next_back().or_else(|| self.blocks.first_key_value());
            let home = home.map(|(key, _)| *key);
            let next = home.and_then(|home| self.blocks.range((Excluded(home), Unbounded)).next());
            let next = next.map(|(key, _)| *key);
            let end = next.map_or(changes.len(), |next| changes.partition_point(|change| change.0 < next));
            let (here, rest) = changes.split_at(end);
            self.merge_block(home, here, next.is_none());
            changes = rest;
        }
    }

    fn merge_block(&mut self, home: Option<u64>, changes: &[Change], is_last: bool) {
        let mut old = Vec::new();
        if let Some((first, block)) = home.and_then(|home| self.blocks.remove_entry(&home)) {
            self.block_bytes -= block.heap_bytes();
            block.unpack(first, &mut old);
        }
        let rows = merged(&old, changes);
        // The last block grows by new keys, so it is cut into full ones; elsewhere room is left on both sides.
        let parts = rows.len().div_ceil(BLOCK_ROWS);
        let per_block = if is_last { BLOCK_ROWS } else { rows.len().div_ceil(parts.max(1)).max(1) };
        for rows in rows.chunks(per_block) {
            let block = Block::pack(rows);
            self.block_bytes += block.heap_bytes();
            self.blocks.insert(rows[0].0, block);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes of memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        self.head.capacity() * size_of::<Change>()
            + self.block_bytes
            + self.blocks.len() * NODE_BYTES_PER_BLOCK
    }
}

/// Rows with the changes made; both are sorted by key.
fn merged(rows: &[(u64, Location)], changes: &[Change]) -> Vec<(u64, Location)> {
    let mut out = Vec::with_capacity(rows.len() + changes.len());
    let mut rest = rows;
    for (key, new) in changes {
        let (before, from) = rest.split_at(rest.partition_point(|row| row.0 < *key));
        out.extend_from_slice(before);
        rest = if from.first().is_some_and(|row| row.0 == *key) { &from[1..] } else { from };
        out.extend(new.map(|location| (*key, location)));
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
mod tests;
