//! Commits: one writer, which checks guards, stages all changes and writes them as one batch.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::atomic::{AtomicU64, Ordering},
};

use fjall::{Database, PersistMode, Slice};
use namespace::{
    BucketName, Change, Commit, CommitError, Guard, IntentId, ObjectKey, RowKey, RowVersion, Snapshot,
    StoreError, UploadId,
};
use parking_lot::Mutex;
use types::{Durability, FileId, Timestamp};

use crate::{
    keys::{self, UploadName},
    rows,
    spaces::{Space, Spaces, read_error},
};

/// Numbers that are never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Of the last commit: the version of the rows it wrote.
    sequence: u64,
    /// Of the next delete intent.
    next_intent: u64,
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

const COUNTERS_KEY: &str = "counters";

impl Counters {
    pub(crate) fn read(spaces: &Spaces) -> Result<Self, StoreError> {
        let Some(row) = spaces.get(Space::Meta).get(COUNTERS_KEY).map_err(read_error)? else {
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
    pub(crate) fn moment(&self) -> Snapshot {
        Snapshot(Some(self.committed.load(Ordering::Acquire)))
    }

    /// Every delete intent before this one is seen by reads that begin after this call.
    pub(crate) fn next_intent(&self) -> IntentId {
        IntentId(self.next_intent.load(Ordering::Acquire))
    }

    /// Blocks on the disk.
    pub(crate) fn commit(&self, spaces: &Spaces, commit: Commit) -> Result<(), CommitError> {
        let mut state = self.state.lock();
        if let Some(why) = &state.broken {
            return Err(read_only(why));
        }
        // One writer: nothing has changed since the last commit.
        if commit.snapshot.0 != Some(state.counters.sequence) {
            check_guards(spaces, &commit.guards)?;
        }
        let sequence = state.counters.sequence + 1;
        let mut staged = Staged::new(spaces, Counters { sequence, ..state.counters });
        for change in commit.changes {
            staged.stage(change)?;
        }
        let counters = staged.counters;
        match self.write(staged) {
            Ok(()) => {
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

    fn write(&self, staged: Staged<'_>) -> fjall::Result<()> {
        let mut batch = fjall::OwnedWriteBatch::with_capacity(self.db.clone(), staged.writes.len() + 1)
            .durability(Some(self.persist));
        batch.insert(staged.spaces.get(Space::Meta), COUNTERS_KEY, staged.counters.to_bytes());
        for ((space, key), value) in staged.writes {
            match value {
                Some(value) => batch.insert(staged.spaces.get(space), key, value),
                None => batch.remove(staged.spaces.get(space), key),
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

/// Whether a bucket holds an object or an upload.
pub(crate) fn is_occupied(spaces: &Spaces, bucket: &BucketName) -> Result<bool, StoreError> {
    Staged::new(spaces, Counters { sequence: 0, next_intent: 0 }).is_occupied(bucket)
}

/// Changes as writes: at most one a key, since all writes of a batch have one moment.
struct Staged<'s> {
    spaces: &'s Spaces,
    counters: Counters,
    /// `None` removes the row.
    writes: BTreeMap<(Space, Vec<u8>), Option<Vec<u8>>>,
}

impl<'s> Staged<'s> {
    fn new(spaces: &'s Spaces, counters: Counters) -> Self {
        Self { spaces, counters, writes: BTreeMap::new() }
    }

    fn stage(&mut self, change: Change) -> Result<(), CommitError> {
        let version = RowVersion(self.counters.sequence);
        let staged = match change {
            Change::PutBucket(bucket) => rows::encode_bucket(&bucket, version)
                .map(|row| self.put(Space::Buckets, bucket.name.as_str(), row)),
            Change::DeleteBucket(name) => match self.is_occupied(&name) {
                Ok(true) => return Err(CommitError::Conflict),
                Ok(false) => {
                    self.remove(Space::Buckets, name.as_str());
                    Ok(())
                }
                Err(error) => Err(error),
            },
            Change::PutObject(bucket, key, object) => rows::encode_object(&object, version)
                .and_then(|encoded| self.put_object(&bucket, &key, encoded)),
            Change::DeleteObject(bucket, key) => self.delete_object(&bucket, &key),
            Change::PutUpload(upload) => self.put_upload(&upload, version),
            Change::PutPart(id, part) => rows::encode_part(&part, version)
                .map(|row| self.put(Space::Parts, keys::part(&id, part.number), row)),
            Change::DeleteUpload(id) => self.delete_upload(&id),
            Change::Free(freed, needles) => self.free(freed, &needles),
            Change::Strike(id) => {
                self.remove(Space::Intents, keys::intent(id));
                Ok(())
            }
        };
        staged.map_err(CommitError::NotApplied)
    }

    fn put_object(
        &mut self,
        bucket: &BucketName,
        key: &ObjectKey,
        encoded: rows::EncodedObject,
    ) -> Result<(), StoreError> {
        let row_key = keys::object(bucket, key);
        match encoded.detail {
            Some(detail) => self.put(Space::Details, row_key.as_slice(), detail),
            None => self.remove_if_there(Space::Details, &row_key)?,
        }
        self.put(Space::Objects, row_key, encoded.row);
        Ok(())
    }

    fn delete_object(&mut self, bucket: &BucketName, key: &ObjectKey) -> Result<(), StoreError> {
        let row_key = keys::object(bucket, key);
        self.remove_if_there(Space::Details, &row_key)?;
        self.remove(Space::Objects, row_key);
        Ok(())
    }

    fn put_upload(&mut self, upload: &namespace::Upload, version: RowVersion) -> Result<(), StoreError> {
        if self.get(Space::Uploads, &upload.id.0)?.is_none() {
            let name = UploadName::of(&upload.bucket, upload.key.as_str(), &upload.id);
            self.put(Space::UploadNames, name, Vec::new());
        }
        self.put(Space::Uploads, upload.id.0, rows::encode_upload(upload, version)?);
        Ok(())
    }

    fn delete_upload(&mut self, id: &UploadId) -> Result<(), StoreError> {
        let Some(row) = self.get(Space::Uploads, &id.0)? else { return Ok(()) };
        let (upload, _) = rows::decode_upload(&row)?;
        self.remove(Space::UploadNames, UploadName::of(&upload.bucket, upload.key.as_str(), id));
        self.remove(Space::Uploads, id.0);
        let mut parts: Vec<_> = self.staged_under(Space::Parts, &id.0).map(|(key, _)| key.to_vec()).collect();
        for row in self.spaces.get(Space::Parts).prefix(id.0) {
            parts.push(row.key().map_err(read_error)?.to_vec());
        }
        for part in parts {
            self.remove(Space::Parts, part);
        }
        Ok(())
    }

    fn free(&mut self, freed: Timestamp, needles: &[FileId]) -> Result<(), StoreError> {
        let id = IntentId(self.counters.next_intent);
        self.put(Space::Intents, keys::intent(id), rows::encode_intent(freed, needles)?);
        self.counters.next_intent += 1;
        Ok(())
    }

    fn is_occupied(&self, bucket: &BucketName) -> Result<bool, StoreError> {
        let range = keys::in_bucket(bucket, b"");
        for space in [Space::Objects, Space::UploadNames] {
            if self.staged_under(space, &range).any(|(_, value)| value.is_some()) {
                return Ok(true);
            }
            for row in self.spaces.get(space).prefix(&range) {
                let key = row.key().map_err(read_error)?;
                if !self.writes.contains_key(&(space, key.to_vec())) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn staged_under(&self, space: Space, prefix: &[u8]) -> impl Iterator<Item = (&[u8], Option<&Vec<u8>>)> {
        let from = Bound::Included((space, prefix.to_vec()));
        self.writes
            .range((from, Bound::Unbounded))
            .take_while(move |((of, key), _)| *of == space && key.starts_with(prefix))
            .map(|((_, key), value)| (key.as_slice(), value.as_ref()))
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        match self.writes.get(&(space, key.to_vec())) {
            Some(staged) => Ok(staged.as_ref().map(|value| Slice::from(value.as_slice()))),
            None => self.spaces.get(space).get(key).map_err(read_error),
        }
    }

    fn put(&mut self, space: Space, key: impl Into<Vec<u8>>, value: Vec<u8>) {
        self.writes.insert((space, key.into()), Some(value));
    }

    fn remove(&mut self, space: Space, key: impl Into<Vec<u8>>) {
        self.writes.insert((space, key.into()), None);
    }

    /// For rows that are seldom there: a look costs less than a tombstone.
    fn remove_if_there(&mut self, space: Space, key: &[u8]) -> Result<(), StoreError> {
        if self.get(space, key)?.is_some() {
            self.remove(space, key);
        }
        Ok(())
    }
}
