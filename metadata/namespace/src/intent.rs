use std::collections::HashMap;

use types::Timestamp;

use crate::{
    Bucket, BucketName, Change, Object, ObjectKey, PartNumber, Row, RowKey, StoredPart, Upload, UploadId,
};

/// Something a client wants changed: which rows it depends on, and the pure rule on them.
pub trait Intent: Send + 'static {
    /// What the client is told when it is done.
    type Outcome: Send + 'static;
    /// Why it is not.
    type Refusal: Send + 'static;

    /// Every row that [`Intent::decide`] looks at or changes.
    fn rows(&self) -> Vec<RowKey>;

    /// Whether it must be decided in a batch of its own, because it depends on rows that other intents of the
    /// batch may change without naming them.
    fn alone(&self) -> bool {
        false
    }

    /// Its share of a batch's memory, 1 for an intent on small rows: about one per 8 parts or chunks that it
    /// carries or loads. A batch takes intents up to a bound on the sum.
    fn weight(&self) -> usize {
        1
    }

    /// The rule. Called again, on fresh rows, when the commit met a conflict.
    fn decide(&self, rows: &Rows, now: Timestamp) -> Result<Decision<Self::Outcome>, Self::Refusal>;
}

/// What an intent changes, and what its client is told once that is durable.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision<T> {
    /// Committed together with those of the other intents of the batch, in order.
    pub changes: Vec<Change>,
    /// Told only after the commit.
    pub outcome: T,
}

/// The rows of a batch as they stand after the changes decided so far.
#[derive(Debug, Default)]
pub struct Rows {
    rows: HashMap<RowKey, Held>,
    /// The parts that are held one by one: they go with their upload.
    parts: HashMap<UploadId, Vec<PartNumber>>,
}

#[derive(Debug)]
struct Held {
    row: Option<Row>,
    /// More than one intent of the batch names the row, so a change of it must be seen by the next.
    shared: bool,
}

impl Rows {
    /// Rows as they were loaded. `shared`: more than one intent of the batch names the row; changes of rows that
    /// nobody else names need not be kept.
    pub(crate) fn new(loaded: impl IntoIterator<Item = (RowKey, Option<Row>, bool)>) -> Self {
        let mut rows = Self::default();
        for (key, row, shared) in loaded {
            if let RowKey::Part(id, number) = key {
                rows.parts.entry(id).or_default().push(number);
            }
            rows.rows.insert(key, Held { row, shared });
        }
        rows
    }

    /// A bucket, if there is one.
    pub fn bucket(&self, name: &BucketName) -> Option<&Bucket> {
        match self.row(&RowKey::Bucket(name.clone()))? {
            Row::Bucket(bucket) => Some(bucket),
            _ => None,
        }
    }

    /// Whether a bucket holds an object or an upload.
    pub fn is_occupied(&self, name: &BucketName) -> bool {
        self.row(&RowKey::Occupancy(name.clone())).is_some()
    }

    /// The current object of a key, if there is one.
    pub fn object(&self, bucket: &BucketName, key: &ObjectKey) -> Option<&Object> {
        match self.row(&RowKey::Object(bucket.clone(), key.clone()))? {
            Row::Object(object) => Some(object),
            _ => None,
        }
    }

    /// An upload, if it is in progress.
    pub fn upload(&self, id: &UploadId) -> Option<&Upload> {
        match self.row(&RowKey::Upload(*id))? {
            Row::Upload(upload) => Some(upload),
            _ => None,
        }
    }

    /// One part of an upload.
    pub fn part(&self, id: &UploadId, number: PartNumber) -> Option<&StoredPart> {
        match self.row(&RowKey::Part(*id, number))? {
            Row::Part(part) => Some(part),
            _ => None,
        }
    }

    /// All parts of an upload by number; none where they were not asked for.
    pub fn parts(&self, id: &UploadId) -> &[StoredPart] {
        match self.row(&RowKey::Parts(*id)) {
            Some(Row::Parts(parts)) => parts,
            _ => &[],
        }
    }

    /// Makes the changes of one intent visible to the next ones of its batch.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::PutBucket(bucket) => {
                self.put(&RowKey::Bucket(bucket.name.clone()), || Row::Bucket(bucket.clone()));
            }
            Change::DeleteBucket(name) => self.remove(&RowKey::Bucket(name.clone())),
            Change::PutObject(bucket, key, object) => {
                let key = RowKey::Object(bucket.clone(), key.clone());
                self.put(&key, || Row::Object(Object::clone(object)));
            }
            Change::DeleteObject(bucket, key) => self.remove(&RowKey::Object(bucket.clone(), key.clone())),
            Change::PutUpload(upload) => {
                self.put(&RowKey::Upload(upload.id), || Row::Upload(Upload::clone(upload)));
            }
            Change::PutPart(id, part) => self.put_part(*id, part),
            Change::DeleteUpload(id) => self.remove_upload(id),
            Change::Free(..) | Change::Strike(_) => {}
        }
    }

    fn row(&self, key: &RowKey) -> Option<&Row> {
        self.rows.get(key)?.row.as_ref()
    }

    fn put(&mut self, key: &RowKey, row: impl FnOnce() -> Row) {
        if let Some(held) = self.rows.get_mut(key)
            && held.shared
        {
            held.row = Some(row());
        }
    }

    fn remove(&mut self, key: &RowKey) {
        if let Some(held) = self.rows.get_mut(key) {
            held.row = None;
        }
    }

    fn remove_upload(&mut self, id: &UploadId) {
        self.remove(&RowKey::Upload(*id));
        for number in self.parts.get(id).into_iter().flatten() {
            if let Some(held) = self.rows.get_mut(&RowKey::Part(*id, *number)) {
                held.row = None;
            }
        }
        if let Some(held) = self.rows.get_mut(&RowKey::Parts(*id)) {
            held.row = Some(Row::Parts(Vec::new()));
        }
    }

    /// `Parts` is kept true whether it is shared or not: an intent that puts a part does not name it.
    fn put_part(&mut self, id: UploadId, part: &StoredPart) {
        self.put(&RowKey::Part(id, part.number), || Row::Part(part.clone()));
        let Some(Held { row: Some(Row::Parts(parts)), .. }) = self.rows.get_mut(&RowKey::Parts(id)) else {
            return;
        };
        match parts.binary_search_by_key(&part.number, |held| held.number) {
            Ok(index) => parts[index] = part.clone(),
            Err(index) => parts.insert(index, part.clone()),
        }
    }
}
