//! Ranges of keys that are known to be empty.
//!
//! A deleted row leaves a mark until files are merged, and a scan reads every mark: over 100,000 of them it
//! takes 100 ms. A listing that was slow is therefore walked once more, in the background, and the ranges
//! that it found empty at great cost are kept here, in memory; scans jump over them.
//!
//! A range stays true because it is learnt under a watch: the writer tells of every key that it puts, before the
//! key can be read, and the watch begins when no commit is under way.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use parking_lot::Mutex;

use crate::spaces::Space;

/// An empty range of keys, `from` included and `to` not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: Vec<u8>,
    pub(crate) to: Vec<u8>,
}

/// The empty ranges of all spaces.
pub(crate) struct Gaps {
    state: Mutex<State>,
    /// Whether the writer has anything to tell.
    active: AtomicBool,
    /// A step of a scan that takes longer is worth a gap.
    slow_step: Duration,
    /// A scan that takes longer, and as long again for every 250 entries, is walked once more.
    slow_scan: Duration,
}

#[derive(Default)]
struct State {
    /// By where they begin.
    known: BTreeMap<(Space, Vec<u8>), Gap>,
    /// At most one scan at a time is watched.
    watch: Option<Watch>,
}

struct Gap {
    to: Vec<u8>,
    /// The commit at which it was seen: readers of earlier moments may see rows that were deleted since.
    since: u64,
    /// Puts into it that split it; the next one ends it. Many small gaps would cost more than they save.
    splits_left: u8,
}

#[derive(Default)]
struct Watch {
    touched: Vec<(Space, Vec<u8>)>,
}

const SPLITS: u8 = 16;
const MAX_GAPS: usize = 256;
const MAX_TOUCHED: usize = 10_000;

impl Default for Gaps {
    fn default() -> Self {
        Self::new(Duration::from_millis(1), Duration::from_millis(5))
    }
}

impl Gaps {
    pub(crate) fn new(slow_step: Duration, slow_scan: Duration) -> Self {
        Self { state: Mutex::default(), active: AtomicBool::new(false), slow_step, slow_scan }
    }

    /// Whether a scan is worth being walked once more.
    pub(crate) fn is_slow(&self, took: Duration, entries: usize) -> bool {
        took >= self.slow_scan.mul_f64(1.0 + entries as f64 / 250.0)
    }

    /// Whether a step of a scan shows a gap.
    pub(crate) fn is_slow_step(&self, took: Duration) -> bool {
        took >= self.slow_step
    }

    /// The next range from `from` to `end` that is to be read; `None`: nothing is left. `moment`: the last commit
    /// that the reader sees; its view must have been opened before.
    pub(crate) fn next_range(&self, space: Space, from: &[u8], end: &[u8], moment: u64) -> Option<Range> {
        let mut range = Range { from: from.to_vec(), to: end.to_vec() };
        if self.active.load(Ordering::Acquire) {
            let state = self.state.lock();
            // From the gap that begins at or before `from`.
            let first = state.known.range(..=(space, range.from.clone())).next_back().map(|(key, _)| key);
            let first =
                first.filter(|(of, _)| *of == space).cloned().unwrap_or_else(|| (space, range.from.clone()));
            let usable = |gap: &Gap| gap.since <= moment;
            for ((_, start), gap) in state
                .known
                .range(first..)
                .take_while(|((of, _), _)| *of == space)
                .filter(|(_, gap)| usable(gap))
            {
                if *start > range.from {
                    range.to = start.clone().min(range.to);
                    break;
                }
                if gap.to > range.from {
                    range.from.clone_from(&gap.to);
                }
            }
        }
        (range.from < range.to).then_some(range)
    }

    /// Begins to watch; false: another scan is watched. No commit may be under way.
    pub(crate) fn watch(&self) -> bool {
        let mut state = self.state.lock();
        if state.watch.is_some() {
            return false;
        }
        state.watch = Some(Watch::default());
        self.active.store(true, Ordering::Release);
        true
    }

    /// Ends the watch, and keeps the ranges into which nothing was put during it. `since`: the last commit that
    /// the watched scan saw.
    pub(crate) fn learn(&self, found: Vec<(Space, Range)>, since: u64) {
        let mut state = self.state.lock();
        if let Some(Watch { touched }) = state.watch.take()
            && touched.len() <= MAX_TOUCHED
        {
            for (space, range) in found {
                let holds =
                    |(of, key): &(Space, Vec<u8>)| *of == space && *key >= range.from && *key < range.to;
                if range.from < range.to && !touched.iter().any(holds) {
                    state.insert(space, range, since);
                }
            }
        }
        self.active.store(!state.known.is_empty(), Ordering::Release);
    }

    /// Told by the writer of every key that it puts, before the key can be read.
    pub(crate) fn touch<'k>(&self, keys: impl Iterator<Item = (Space, &'k [u8])>) {
        if !self.active.load(Ordering::Acquire) {
            return;
        }
        let mut state = self.state.lock();
        for (space, key) in keys {
            state.touch(space, key);
        }
    }
}

impl State {
    /// Gaps never meet: those that the new one meets become part of it.
    fn insert(&mut self, space: Space, range: Range, since: u64) {
        let Range { mut from, mut to } = range;
        let before = self.known.range(..=(space, from.clone())).next_back();
        if let Some(((of, start), gap)) = before
            && *of == space
            && gap.to >= from
        {
            from.clone_from(start);
        }
        let met: Vec<_> = self
            .known
            .range((space, from.clone())..=(space, to.clone()))
            .map(|(key, _)| key.clone())
            .collect();
        for key in met {
            if let Some(gap) = self.known.remove(&key) {
                to = to.max(gap.to);
            }
        }
        while self.known.len() >= MAX_GAPS {
            self.known.pop_first();
        }
        self.known.insert((space, from), Gap { to, since, splits_left: SPLITS });
    }

    fn touch(&mut self, space: Space, key: &[u8]) {
        if let Some(watch) = &mut self.watch
            && watch.touched.len() <= MAX_TOUCHED
        {
            watch.touched.push((space, key.to_vec()));
        }
        let before = self.known.range(..=(space, key.to_vec())).next_back();
        let holds = before.filter(|((of, _), gap)| *of == space && gap.to.as_slice() > key);
        let Some(place) = holds.map(|(place, _)| place.clone()) else { return };
        if let Some(gap) = self.known.remove(&place) {
            self.split(place, gap, key);
        }
    }

    fn split(&mut self, (space, from): (Space, Vec<u8>), gap: Gap, key: &[u8]) {
        let Some(splits_left) = gap.splits_left.checked_sub(1) else { return };
        let after = [key, &[0]].concat();
        if after < gap.to && self.known.len() < MAX_GAPS {
            self.known.insert((space, after), Gap { to: gap.to, since: gap.since, splits_left });
        }
        if from.as_slice() < key && self.known.len() < MAX_GAPS {
            self.known.insert((space, from), Gap { to: key.to_vec(), since: gap.since, splits_left });
        }
    }
}

#[cfg(test)]
mod tests;
