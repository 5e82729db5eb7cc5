//! Commits: one writer, which checks guards, stages all changes and writes them as one batch.

use std::sync::atomic::{AtomicU64, Ordering};

use fjall::{Database, PersistMode};
use namespace::{Commit, CommitError, Guard, IntentId, RowKey, StoreError};
use parking_lot::Mutex;
use types::Durability;

use crate::{
    gaps::Gaps,
    keys, rows,
    spaces::{Space, Spaces, read_error},
    staged::Staged,
    walk::View,
};

/// Numbers that are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Of the last commit: the version of the rows it wrote.
    pub(crate) sequence: u64,
    /// Of the next delete intent.
    pub(crate) next_intent: u64,
}

/// The one writer of a store.
pub(crate) struct Writer {
    db: Database,
    persist: PersistMode,
    state: Mutex<State>,
    /// The last commit that can be read.
    committed: AtomicU64,
    /// Every delete intent before it can be read.
    next_intent: AtomicU64,
}

struct State {
    counters: Counters,
    /// Why nothing is written any more.
    broken: Option<String>,
}

/// Among the objects, before all of them, since no bucket's name begins with a NUL. In a space of their own they
/// would keep every journal alive: a space is written out when it has grown, and theirs never does.
const COUNTERS_KEY: [u8; 1] = [0];

impl Counters {
    pub(crate) fn read(spaces: &Spaces) -> Result<Self, StoreError> {
        let Some(row) = spaces.get(Space::Objects).get(COUNTERS_KEY).map_err(read_error)? else {
            return Ok(Self { sequence: 0, next_intent: 0 });
        };
        let bytes: [u8; 16] = row[..]
            .try_into()
            .map_err(|_| StoreError::Corrupt(format!("counters of {} bytes", row.len())))?;
        let value = u128::from_be_bytes(bytes);
        let sequence = u64::try_from(value >> 64).unwrap_or(u64::MAX);
        let next_intent = u64::try_from(value & u128::from(u64::MAX)).unwrap_or(u64::MAX);
        Ok(Self { sequence, next_intent })
    }

    fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.sequence) << 64 | u128::from(self.next_intent)).to_be_bytes()
    }
}

impl Writer {
    pub(crate) fn new(db: Database, durability: Durability, counters: Counters) -> Self {
        let persist = match durability {
            Durability::Disk => PersistMode::SyncData,
            Durability::Memory => PersistMode::Buffer,
        };
        Self {
            db,
            persist,
            state: Mutex::new(State { counters, broken: None }),
            committed: AtomicU64::new(counters.sequence),
            next_intent: AtomicU64::new(counters.next_intent),
        }
    }

    /// The moment that a read begins at: every commit up to it is seen by reads that begin after this call.
    pub(crate) fn moment(&self) -> u64 {
        self.committed.load(Ordering::Acquire)
    }

    /// Does something while no commit is under way.
    pub(crate) fn between_commits<T>(&self, act: impl FnOnce() -> T) -> T {
        let _state = self.state.lock();
        act()
    }

    /// Every delete intent before this one is seen by reads that begin after this call.
    pub(crate) fn next_intent(&self) -> IntentId {
        IntentId(self.next_intent.load(Ordering::Acquire))
    }

    /// Blocks on the disk.
    pub(crate) fn commit(&self, spaces: &Spaces, gaps: &Gaps, commit: Commit) -> Result<(), CommitError> {
        let mut state = self.state.lock();
        if let Some(why) = &state.broken {
            return Err(read_only(why));
        }
        // One writer: nothing has changed since the last commit.
        if commit.snapshot.0 != Some(state.counters.sequence) {
            check_guards(spaces, &commit.guards)?;
        }
        let sequence = state.counters.sequence + 1;
        let view = View::new(spaces, gaps, state.counters.sequence, self.db.snapshot());
        let mut staged = Staged::new(&view, Counters { sequence, ..state.counters });
        for change in commit.changes {
            staged.stage(change)?;
        }
        gaps.touch(staged.puts());
        let counters = staged.counters();
        // Until the write has come to a good end; a panic in it is none.
        state.broken = Some("a write did not come to its end".to_owned());
        match self.write(spaces, staged) {
            Ok(()) => {
                state.broken = None;
                state.counters = counters;
                self.committed.store(sequence, Ordering::Release);
                self.next_intent.store(counters.next_intent, Ordering::Release);
                Ok(())
            }
            // Refused before anything was written.
            Err(fjall::Error::Poisoned) => {
                let why = "the database failed in the background".to_owned();
                let refused = read_only(&why);
                state.broken = Some(why);
                Err(refused)
            }
            Err(error) => {
                tracing::error!(%error, "namespace write failed: read-only from now on");
                state.broken = Some(error.to_string());
                Err(CommitError::InDoubt(error.to_string()))
            }
        }
    }

    fn write(&self, spaces: &Spaces, staged: Staged<'_>) -> fjall::Result<()> {
        let counters = staged.counters().to_bytes();
        let writes = staged.into_writes();
        let mut batch = fjall::OwnedWriteBatch::with_capacity(self.db.clone(), writes.len() + 1)
            .durability(Some(self.persist));
        batch.insert(spaces.get(Space::Objects), COUNTERS_KEY, counters);
        for ((space, key), value) in writes {
            match value {
                Some(value) => batch.insert(spaces.get(space), key, value),
                None => batch.remove(spaces.get(space), key),
            }
        }
        batch.commit()
    }
}

fn read_only(why: &str) -> CommitError {
    CommitError::NotApplied(StoreError::Unavailable(format!(
        "read-only until the server is restarted: {why}"
    )))
}

fn check_guards(spaces: &Spaces, guards: &[Guard]) -> Result<(), CommitError> {
    for guard in guards {
        let row = match &guard.key {
            RowKey::Bucket(name) => spaces.get(Space::Buckets).get(name.as_str()),
            RowKey::Object(bucket, key) => spaces.get(Space::Objects).get(keys::object(bucket, key)),
            RowKey::Upload(id) => spaces.get(Space::Uploads).get(id.0),
            RowKey::Occupancy(_) | RowKey::Part(..) | RowKey::Parts(_) => continue,
        };
        let row = row.map_err(|error| CommitError::NotApplied(read_error(error)))?;
        let version = row.map(|row| rows::version(&row)).transpose().map_err(CommitError::NotApplied)?;
        if version != guard.version {
            return Err(CommitError::Conflict);
        }
    }
    Ok(())
}
