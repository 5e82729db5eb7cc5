//! What a reader sees, and walks over it.

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use fjall::{Iter, Readable, Slice, Snapshot};
use namespace::{BucketName, StoreError};

use crate::{
    gaps::{Gaps, Range},
    keys,
    spaces::{Space, Spaces, read_error},
};

/// All rows as of one moment.
pub(crate) struct View<'s> {
    spaces: &'s Spaces,
    gaps: &'s Gaps,
    /// The last commit that is seen for sure.
    moment: u64,
    snapshot: Snapshot,
    /// Where the steps of walks that took long are kept; `None`: time is not taken.
    slow_steps: Option<RefCell<Vec<(Space, Range)>>>,
}

impl<'s> View<'s> {
    /// `moment` must have been read before the snapshot was opened.
    pub(crate) fn new(spaces: &'s Spaces, gaps: &'s Gaps, moment: u64, snapshot: Snapshot) -> Self {
        Self { spaces, gaps, moment, snapshot, slow_steps: None }
    }

    /// A view whose walks keep account of slow steps. It jumps over no gaps, since they may be old.
    pub(crate) fn watched(self) -> Self {
        Self { slow_steps: Some(RefCell::default()), ..self }
    }

    /// The ranges of slow steps, and the moment since when they are empty.
    pub(crate) fn into_slow_steps(self) -> (Vec<(Space, Range)>, u64) {
        (self.slow_steps.map(RefCell::into_inner).unwrap_or_default(), self.moment)
    }

    pub(crate) fn moment(&self) -> u64 {
        self.moment
    }

    pub(crate) fn get(&self, space: Space, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        self.snapshot.get(self.spaces.get(space), key).map_err(read_error)
    }

    /// The rows from `from` to `end`, gaps or not.
    pub(crate) fn range(&self, space: Space, from: Vec<u8>, end: Vec<u8>) -> Iter {
        self.snapshot.range(self.spaces.get(space), from..end)
    }

    /// The rows of one bucket in one space, from `start` on.
    pub(crate) fn walk(&self, space: Space, bucket: &BucketName, start: Vec<u8>) -> Walk<'_> {
        let mut walk = Walk {
            view: self,
            space,
            position: start,
            end: keys::end_of(bucket),
            rows: None,
            ahead: None,
            patience: MOST_PATIENCE,
        };
        walk.open();
        walk
    }

    fn next_range(&self, space: Space, from: &[u8], end: &[u8]) -> Option<Range> {
        if self.slow_steps.is_some() {
            return (from < end).then(|| Range { from: from.to_vec(), to: end.to_vec() });
        }
        self.gaps.next_range(space, from, end, self.moment)
    }

    fn took(&self, space: Space, from: &[u8], to: &[u8], time: Duration) {
        if let Some(steps) = &self.slow_steps
            && self.gaps.is_slow_step(time)
        {
            steps.borrow_mut().push((space, Range { from: from.to_vec(), to: to.to_vec() }));
        }
    }
}

/// A walk over the rows of one bucket in one space, range by range between the gaps.
pub(crate) struct Walk<'v> {
    view: &'v View<'v>,
    space: Space,
    /// Every row before it has been read.
    position: Vec<u8>,
    end: Vec<u8>,
    /// The range that is being read, and where it ends.
    rows: Option<(Iter, Vec<u8>)>,
    /// Read, and not yet handed out.
    ahead: Option<(Slice, Slice)>,
    /// Keys under the next common prefix that are stepped over before a seek.
    patience: usize,
}

/// A step is cheap, a seek costs about ten: so many steps are tried before one, where prefixes hold few keys.
const MOST_PATIENCE: usize = 8;

impl Walk<'_> {
    pub(crate) fn next(&mut self) -> Result<Option<(Slice, Slice)>, StoreError> {
        if let Some(row) = self.ahead.take() {
            return Ok(Some(row));
        }
        while let Some((rows, to)) = &mut self.rows {
            let watch = self.view.slow_steps.is_some().then(Instant::now);
            let row = rows.next().map(|row| row.into_inner().map_err(read_error)).transpose()?;
            if let Some(begin) = watch {
                let to = row.as_ref().map_or(to.as_slice(), |(key, _)| key);
                self.view.took(self.space, &self.position, to, begin.elapsed());
                self.position = [to, if row.is_some() { &[0] } else { &[] }].concat();
            }
            if row.is_some() {
                return Ok(row);
            }
            self.position = std::mem::take(to);
            self.open();
        }
        Ok(None)
    }

    /// Goes on at the first row that is not `under`, which is the first from `past` on.
    pub(crate) fn skip(&mut self, under: &[u8], past: impl FnOnce() -> Vec<u8>) -> Result<(), StoreError> {
        for _ in 0..self.patience {
            match self.next()? {
                Some((key, _)) if key.starts_with(under) => {}
                ahead => {
                    self.ahead = ahead;
                    self.patience = (self.patience * 2).min(MOST_PATIENCE);
                    return Ok(());
                }
            }
        }
        // The next prefix holds many keys, too, most likely.
        self.patience = 1;
        self.position = past();
        self.open();
        Ok(())
    }

    /// Opens the next range that holds anything.
    fn open(&mut self) {
        self.rows = self.view.next_range(self.space, &self.position, &self.end).map(|range| {
            self.position.clone_from(&range.from);
            (self.view.range(self.space, range.from, range.to.clone()), range.to)
        });
    }
}
