//! The changes of one commit, as writes of rows.

use std::{collections::BTreeMap, ops::Bound};

use fjall::Slice;
use namespace::{
    BucketName, Change, CommitError, IntentId, ObjectKey, RowVersion, StoreError, Upload, UploadId,
};
use types::{FileId, Timestamp};

use crate::{
    commit::Counters,
    keys::{self, UploadName},
    rows,
    spaces::{Space, read_error},
    walk::View,
};

/// Changes as writes: at most one a key, since all writes of a batch have one moment.
pub(crate) struct Staged<'v> {
    /// The rows before.
    view: &'v View<'v>,
    counters: Counters,
    writes: Writes,
}

/// By row; `None` removes it.
pub(crate) type Writes = BTreeMap<(Space, Vec<u8>), Option<Vec<u8>>>;

impl<'v> Staged<'v> {
    /// `counters`: of this commit.
    pub(crate) fn new(view: &'v View<'v>, counters: Counters) -> Self {
        Self { view, counters, writes: BTreeMap::new() }
    }

    /// As they stand after the changes staged.
    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    /// The keys of rows that are made or replaced.
    pub(crate) fn puts(&self) -> impl Iterator<Item = (Space, &[u8])> {
        self.writes
            .iter()
            .filter(|(_, value)| value.is_some())
            .map(|((space, key), _)| (*space, key.as_slice()))
    }

    pub(crate) fn into_writes(self) -> Writes {
        self.writes
    }

    pub(crate) fn stage(&mut self, change: Change) -> Result<(), CommitError> {
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

    fn put_upload(&mut self, upload: &Upload, version: RowVersion) -> Result<(), StoreError> {
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
        for row in self.view.range(Space::Parts, id.0.to_vec(), keys::end_of_parts(id)) {
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
            let mut before = self.view.walk(space, bucket, range.clone());
            while let Some((key, _)) = before.next()? {
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
            None => self.view.get(space, key),
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
