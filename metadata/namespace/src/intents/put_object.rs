use types::Timestamp;

use super::freed;
use crate::{
    BucketName, Change, Decision, Intent, Object, ObjectKey, PreconditionFailure, RowKey, Rows,
    WritePreconditions,
};

/// Makes an object visible, in place of the one before; `Object::modified` is set to the moment of the commit,
/// and never before that of the object it replaces.
#[derive(Debug, Clone)]
pub struct PutObject {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// The row to be. Its needles are written.
    pub object: Object,
    /// What must hold of the object before.
    pub preconditions: WritePreconditions,
}

/// Why an object was not put. Its needles are still the caller's to free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutObjectRefusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// `If-Match` of a key that has no object: 404.
    NoSuchKey,
    /// 412
    PreconditionFailed,
}

impl Intent for PutObject {
    /// The row as it was committed.
    type Outcome = Object;
    type Refusal = PutObjectRefusal;

    fn rows(&self) -> Vec<RowKey> {
        vec![RowKey::Bucket(self.bucket.clone()), RowKey::Object(self.bucket.clone(), self.key.clone())]
    }

    fn weight(&self) -> usize {
        1 + self.object.parts.iter().map(|part| 1 + part.chunks.len()).sum::<usize>() / 8
    }

    fn decide(&self, rows: &Rows, now: Timestamp) -> Result<Decision<Object>, PutObjectRefusal> {
        if rows.bucket(&self.bucket).is_none() {
            return Err(PutObjectRefusal::NoSuchBucket);
        }
        let before = rows.object(&self.bucket, &self.key);
        self.preconditions.check(before)?;
        let object = Object { modified: moment_after(before, now), ..self.object.clone() };
        Ok(Decision { changes: replace(&self.bucket, &self.key, before, &object, now), outcome: object })
    }
}

/// The moment of an object that replaces another: the clock may have stepped back, a key's history never does.
pub(super) fn moment_after(before: Option<&Object>, now: Timestamp) -> Timestamp {
    before.map_or(now, |before| before.modified.max(now))
}

/// The changes that put an object in place of another and free the other's needles.
pub(super) fn replace(
    bucket: &BucketName,
    key: &ObjectKey,
    before: Option<&Object>,
    object: &Object,
    now: Timestamp,
) -> Vec<Change> {
    let put = Change::PutObject(bucket.clone(), key.clone(), Box::new(object.clone()));
    let needles = before.into_iter().flat_map(Object::needles);
    std::iter::once(put).chain(freed(needles, now)).collect()
}

impl From<PreconditionFailure> for PutObjectRefusal {
    fn from(failure: PreconditionFailure) -> Self {
        match failure {
            PreconditionFailure::NoSuchKey => Self::NoSuchKey,
            PreconditionFailure::Failed => Self::PreconditionFailed,
        }
    }
}
