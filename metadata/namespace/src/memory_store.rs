//! A store in memory, plain enough to be right by reading: what the tests of this crate run on.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use types::{Durability, FileId, Timestamp};

use crate::{
    Bucket, BucketName, Change, Commit, CommitError, DeleteIntent, Entry, Guard, IntentId, Lister, Listing,
    Loaded, Object, ObjectKey, Page, PartNumber, PartPage, Row, RowKey, RowVersion, Snapshot, Step, Store,
    StoreError, StoredPart, Upload, UploadId, UploadListing, UploadPage,
};

#[derive(Default)]
pub(crate) struct MemoryStore {
    pub(crate) state: Mutex<State>,
}

#[derive(Default, Clone)]
pub(crate) struct State {
    pub(crate) buckets: BTreeMap<BucketName, (Bucket, RowVersion)>,
    pub(crate) objects: BTreeMap<(BucketName, ObjectKey), (Object, RowVersion)>,
    pub(crate) uploads: BTreeMap<UploadId, (Upload, RowVersion)>,
    pub(crate) parts: BTreeMap<(UploadId, PartNumber), StoredPart>,
    pub(crate) intents: BTreeMap<IntentId, (Timestamp, Vec<FileId>)>,
    sequence: u64,
    next_intent: u64,
}

impl State {
    pub(crate) fn row(&self, key: &RowKey) -> Option<(Row, RowVersion)> {
        let unguarded = |row| (row, RowVersion(0));
        match key {
            RowKey::Bucket(name) => {
                self.buckets.get(name).map(|(row, version)| (Row::Bucket(row.clone()), *version))
            }
            RowKey::Occupancy(name) => self.is_occupied(name).then_some(unguarded(Row::Occupied)),
            RowKey::Object(bucket, key) => {
                let found = self.objects.get(&(bucket.clone(), key.clone()));
                found.map(|(row, version)| (Row::Object(row.clone()), *version))
            }
            RowKey::Upload(id) => {
                self.uploads.get(id).map(|(row, version)| (Row::Upload(row.clone()), *version))
            }
            RowKey::Part(id, number) => {
                self.parts.get(&(*id, *number)).map(|part| unguarded(Row::Part(part.clone())))
            }
            RowKey::Parts(id) => {
                let parts = self.parts.iter().filter(|((of, _), _)| of == id).map(|(_, part)| part.clone());
                Some(unguarded(Row::Parts(parts.collect())))
            }
        }
    }

    pub(crate) fn commit(&mut self, commit: Commit) -> Result<(), CommitError> {
        let holds = |guard: &Guard| self.row(&guard.key).map(|(_, version)| version) == guard.version;
        if !commit.guards.iter().all(holds) {
            return Err(CommitError::Conflict);
        }
        let mut next = self.clone();
        next.sequence += 1;
        for change in commit.changes {
            next.apply(change)?;
        }
        *self = next;
        Ok(())
    }

    fn apply(&mut self, change: Change) -> Result<(), CommitError> {
        let version = RowVersion(self.sequence);
        match change {
            Change::PutBucket(bucket) => {
                self.buckets.insert(bucket.name.clone(), (bucket, version));
            }
            Change::DeleteBucket(name) if self.is_occupied(&name) => return Err(CommitError::Conflict),
            Change::DeleteBucket(name) => {
                self.buckets.remove(&name);
            }
            Change::PutObject(bucket, key, object) => {
                self.objects.insert((bucket, key), (*object, version));
            }
            Change::DeleteObject(bucket, key) => {
                self.objects.remove(&(bucket, key));
            }
            Change::PutUpload(upload) => {
                self.uploads.insert(upload.id, (*upload, version));
            }
            Change::PutPart(id, part) => {
                self.parts.insert((id, part.number), part);
            }
            Change::DeleteUpload(id) => {
                self.uploads.remove(&id);
                self.parts.retain(|(of, _), _| *of != id);
            }
            Change::Free(freed, needles) => {
                self.intents.insert(IntentId(self.next_intent), (freed, needles));
                self.next_intent += 1;
            }
            Change::Strike(id) => {
                self.intents.remove(&id);
            }
        }
        Ok(())
    }

    fn is_occupied(&self, name: &BucketName) -> bool {
        self.objects.keys().any(|(bucket, _)| bucket == name)
            || self.uploads.values().any(|(upload, _)| upload.bucket == *name)
    }
}

#[async_trait::async_trait]
impl Store for MemoryStore {
    fn durability(&self) -> Durability {
        Durability::Memory
    }

    async fn load(&self, keys: &[RowKey]) -> Result<Loaded, StoreError> {
        let state = self.state.lock();
        Ok(Loaded { rows: keys.iter().map(|key| state.row(key)).collect(), snapshot: Snapshot::default() })
    }

    /// Looks at every key from the start on, and skips by looking.
    async fn list_objects(&self, listing: &Listing) -> Result<Page, StoreError> {
        let state = self.state.lock();
        let mut lister = Lister::new(
            &listing.prefix,
            listing.delimiter.as_deref(),
            listing.after.as_deref(),
            listing.limit,
        );
        let mut from = lister.start().into_bytes();
        let mut page = Page::default();
        for ((_, key), (object, _)) in
            state.objects.iter().filter(|((bucket, _), _)| *bucket == listing.bucket)
        {
            if key.as_str().as_bytes() < from.as_slice() {
                continue;
            }
            match lister.next(key.as_str()) {
                Step::Key => page.entries.push(entry(key, object)),
                Step::CommonPrefix(prefix) => {
                    from = lister.past(prefix);
                    page.entries.push(Entry::CommonPrefix(prefix.to_owned()));
                }
                Step::End { truncated } => {
                    page.truncated = truncated;
                    break;
                }
            }
        }
        Ok(page)
    }

    async fn list_buckets(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Bucket>, StoreError> {
        let state = self.state.lock();
        let shown = |name: &str| name.starts_with(prefix) && after.is_none_or(|after| name > after);
        Ok(state
            .buckets
            .values()
            .map(|(bucket, _)| bucket)
            .filter(|bucket| shown(bucket.name.as_str()))
            .take(limit)
            .cloned()
            .collect())
    }

    async fn list_uploads(&self, listing: &UploadListing) -> Result<UploadPage, StoreError> {
        let state = self.state.lock();
        let mut uploads: Vec<_> = state
            .uploads
            .values()
            .map(|(upload, _)| upload)
            .filter(|upload| upload.bucket == listing.bucket)
            .collect();
        uploads.sort_by_key(|upload| (&upload.key, upload.id));
        let after = listing.after.as_ref();
        let after_key = after.map(|(key, _)| key.as_str());
        let mut lister = Lister::new(&listing.prefix, listing.delimiter.as_deref(), after_key, listing.limit);
        let mut from = lister.start();
        let within = after.and_then(|(key, id)| id.map(|id| (key.as_str(), id)));
        let mut page = UploadPage::default();
        for upload in uploads {
            let key = upload.key.as_str();
            let skipped = match &from {
                crate::Start::At(bytes) => key.as_bytes() < bytes.as_slice(),
                crate::Start::After(text) => {
                    key < *text || key == *text && within.is_none_or(|(_, after)| upload.id <= after)
                }
            };
            if skipped {
                continue;
            }
            match lister.next(key) {
                Step::Key => page.uploads.push(upload.clone()),
                Step::CommonPrefix(prefix) => {
                    from = crate::Start::At(lister.past(prefix));
                    page.common_prefixes.push(prefix.to_owned());
                }
                Step::End { truncated } => {
                    page.truncated = truncated;
                    break;
                }
            }
        }
        Ok(page)
    }

    async fn list_parts(
        &self,
        upload: &UploadId,
        after: Option<PartNumber>,
        limit: usize,
    ) -> Result<PartPage, StoreError> {
        let state = self.state.lock();
        let mut parts = state
            .parts
            .iter()
            .filter(|((of, number), _)| of == upload && after.is_none_or(|after| *number > after))
            .map(|(_, part)| part.clone());
        let page: Vec<_> = parts.by_ref().take(limit).collect();
        Ok(PartPage { parts: page, truncated: limit > 0 && parts.next().is_some() })
    }

    async fn delete_intents(
        &self,
        after: Option<IntentId>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeleteIntent>, StoreError> {
        let state = self.state.lock();
        Ok(state
            .intents
            .iter()
            .filter(|(id, (freed, _))| after.is_none_or(|after| **id > after) && *freed <= until)
            .take(limit)
            .map(|(id, (freed, needles))| DeleteIntent { id: *id, freed: *freed, needles: needles.clone() })
            .collect())
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.state.lock().commit(commit)
    }
}

fn entry(key: &ObjectKey, object: &Object) -> Entry {
    Entry::Object {
        key: key.clone(),
        size_bytes: object.size_bytes,
        etag: object.etag,
        modified: object.modified,
        storage_class: object.storage_class.clone(),
        checksum: object.checksum.as_ref().map(|checksum| (checksum.algorithm, checksum.kind)),
    }
}

/// The suite is tried on a store that is plain enough to be right by reading.
mod tests {
    use std::sync::Arc;

    use super::{MemoryStore, Store};
    use crate::conformance::Fixture;

    /// Memory that outlives the handle.
    struct Kept(Arc<MemoryStore>);

    #[async_trait::async_trait]
    impl Fixture for Kept {
        async fn open(&mut self) -> Arc<dyn Store> {
            Arc::clone(&self.0) as _
        }
    }

    crate::conformance_suite!(Kept(Arc::default()));
}
