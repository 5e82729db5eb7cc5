use std::collections::HashMap;

use types::Timestamp;

use crate::{Bucket, BucketName, Change, Object, ObjectKey, Row, RowKey, StoredPart, Upload, UploadId};

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
    rows: HashMap<RowKey, Row>,
}

impl Rows {
    /// A bucket, if there is one.
    pub fn bucket(&self, name: &BucketName) -> Option<&Bucket> {
        match self.rows.get(&RowKey::Bucket(name.clone()))? {
            Row::Bucket(bucket) => Some(bucket),
            _ => None,
        }
    }

    /// Whether a bucket holds an object or an upload.
    pub fn is_occupied(&self, name: &BucketName) -> bool {
        self.rows.contains_key(&RowKey::Occupancy(name.clone()))
    }

    /// The current object of a key, if there is one.
    pub fn object(&self, bucket: &BucketName, key: &ObjectKey) -> Option<&Object> {
        match self.rows.get(&RowKey::Object(bucket.clone(), key.clone()))? {
            Row::Object(object) => Some(object),
            _ => None,
        }
    }

    /// An upload, if it is in progress.
    pub fn upload(&self, id: &UploadId) -> Option<&Upload> {
        match self.rows.get(&RowKey::Upload(*id))? {
            Row::Upload(upload) => Some(upload),
            _ => None,
        }
    }

    /// All parts of an upload by number; none where they were not asked for.
    pub fn parts(&self, id: &UploadId) -> &[StoredPart] {
        match self.rows.get(&RowKey::Parts(*id)) {
            Some(Row::Parts(parts)) => parts,
            _ => &[],
        }
    }
}
