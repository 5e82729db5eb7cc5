use std::{
    fs::{self, File},
    io,
    path::Path,
};

use fjall::{Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};
use serde::{Serialize, de::DeserializeOwned};

/// The one small database of a master: log entries by index, and a few single values. Cheap to clone.
#[derive(Clone)]
pub(super) struct Database {
    inner: fjall::Database,
    log: Keyspace,
    values: Keyspace,
}

/// The single values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    NodeId,
    Vote,
    Committed,
    Purged,
    Snapshot,
}

/// The disk failed, or holds what was not written by us.
#[derive(Debug, thiserror::Error)]
pub(super) enum DatabaseError {
    #[error("raft store: {0}")]
    Store(#[from] fjall::Error),
    #[error("raft store: undecodable {what}: {source}")]
    Undecodable { what: String, source: postcard::Error },
    #[error("raft store: the writing thread died")]
    Stopped,
}

/// A change that is made whole or not at all.
pub(super) struct Change {
    database: Database,
    batch: OwnedWriteBatch,
}

const CACHE_BYTES: u64 = 1 << 20;
const MEMTABLE_BYTES: u64 = 1 << 20;
const MIN_JOURNAL_BYTES: u64 = 64 << 20;

impl Database {
    /// Opens or makes it. One process at a time: a second gets [`fjall::Error::Locked`].
    pub(super) fn open(dir: &Path) -> Result<Self, fjall::Error> {
        if is_empty(dir)? {
            Self::make(dir)?;
        }
        Self::open_made(dir)
    }

    /// Makes an empty one under another name, and gives it its own when it is whole: fjall does not open one whose
    /// making a killed process or a power cut ended. Who runs a master keeps others off its directory.
    fn make(dir: &Path) -> Result<(), fjall::Error> {
        let new = dir.with_added_extension("new");
        if new.try_exists()? {
            // A first start that did not come to its end: nothing was ever acknowledged from it.
            fs::remove_dir_all(&new)?;
        }
        Self::open_made(&new)?.inner.persist(PersistMode::SyncAll)?;
        fs::rename(&new, dir)?;
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        Ok(File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?)
    }

    fn open_made(dir: &Path) -> Result<Self, fjall::Error> {
        let inner = fjall::Database::builder(dir)
            .cache_size(CACHE_BYTES)
            .max_journaling_size(MIN_JOURNAL_BYTES)
            .worker_threads(1)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let log = inner.keyspace("log", options)?;
        let values = inner.keyspace("values", options)?;
        Ok(Self { inner, log, values })
    }

    pub(super) fn get<T: DeserializeOwned>(&self, value: Value) -> Result<Option<T>, DatabaseError> {
        let bytes = self.values.get(value.key())?;
        bytes.map(|bytes| decode(&bytes, || format!("{value:?}"))).transpose()
    }

    /// The entries of `start..end`, in order; those that are not there are left out.
    pub(super) fn entries<T: DeserializeOwned>(&self, start: u64, end: u64) -> Result<Vec<T>, DatabaseError> {
        let mut entries = Vec::new();
        if start >= end {
            return Ok(entries);
        }
        for row in self.log.range(start.to_be_bytes()..end.to_be_bytes()) {
            entries.push(decode(&row.value()?, || format!("log entry of {start}..{end}"))?);
        }
        Ok(entries)
    }

    pub(super) fn last_entry<T: DeserializeOwned>(&self) -> Result<Option<T>, DatabaseError> {
        let row = self.log.last_key_value();
        row.map(|row| decode(&row.value()?, || "last log entry".to_owned())).transpose()
    }

    fn indexes(&self, range: impl std::ops::RangeBounds<u64>) -> Result<Vec<[u8; 8]>, DatabaseError> {
        let bounds =
            (range.start_bound().map(|i| i.to_be_bytes()), range.end_bound().map(|i| i.to_be_bytes()));
        let mut keys = Vec::new();
        for row in self.log.range::<[u8; 8], _>(bounds) {
            keys.extend(<[u8; 8]>::try_from(&*row.key()?));
        }
        Ok(keys)
    }

    pub(super) fn change(&self) -> Change {
        Change { database: self.clone(), batch: self.inner.batch() }
    }
}

impl Change {
    pub(super) fn set<T: Serialize>(mut self, value: Value, to: &T) -> Result<Self, DatabaseError> {
        self.batch.insert(&self.database.values, value.key(), encode(to)?);
        Ok(self)
    }

    pub(super) fn put_entry<T: Serialize>(mut self, index: u64, entry: &T) -> Result<Self, DatabaseError> {
        self.batch.insert(&self.database.log, index.to_be_bytes(), encode(entry)?);
        Ok(self)
    }

    pub(super) fn remove_entries(
        mut self,
        range: impl std::ops::RangeBounds<u64>,
    ) -> Result<Self, DatabaseError> {
        for key in self.database.indexes(range)? {
            self.batch.remove(&self.database.log, key);
        }
        Ok(self)
    }

    /// Survives a power cut when this returns. The sync runs off the async workers.
    pub(super) async fn commit_to_disk(self) -> Result<(), DatabaseError> {
        let batch = self.batch.durability(Some(PersistMode::SyncData));
        let written = tokio::task::spawn_blocking(move || batch.commit()).await;
        Ok(written.map_err(|_| DatabaseError::Stopped)??)
    }

    /// Survives a killed process; a power cut loses it only together with all that was written later.
    pub(super) fn commit_to_page_cache(self) -> Result<(), DatabaseError> {
        Ok(self.batch.durability(Some(PersistMode::Buffer)).commit()?)
    }
}

/// Whether there is nothing, or a directory with nothing in it.
fn is_empty(dir: &Path) -> io::Result<bool> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().transpose()?.is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

impl Value {
    fn key(self) -> [u8; 1] {
        [match self {
            Self::NodeId => b'n',
            Self::Vote => b'v',
            Self::Committed => b'c',
            Self::Purged => b'p',
            Self::Snapshot => b's',
        }]
    }
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, DatabaseError> {
    postcard::to_stdvec(value)
        .map_err(|source| DatabaseError::Undecodable { what: std::any::type_name::<T>().to_owned(), source })
}

fn decode<T: DeserializeOwned>(bytes: &[u8], what: impl Fn() -> String) -> Result<T, DatabaseError> {
    postcard::from_bytes(bytes).map_err(|source| DatabaseError::Undecodable { what: what(), source })
}
