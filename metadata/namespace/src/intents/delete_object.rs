use types::Timestamp;

use super::freed;
use crate::{
    BucketName, Change, Decision, Intent, ObjectKey, PreconditionFailure, RowKey, Rows, WritePreconditions,
};

/// Removes an object.
#[derive(Debug, Clone)]
pub struct DeleteObject {
    /// Where.
    pub bucket: BucketName,
    /// Which.
    pub key: ObjectKey,
    /// What must hold of it.
    pub preconditions: WritePreconditions,
}

/// What a delete found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteObjectOutcome {
    /// It is gone.
    Deleted,
    /// There was none: also 204.
    Absent,
}

/// Why an object was not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteObjectRefusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// `If-Match` of a key that has no object.
    NoSuchKey,
    /// 412
    PreconditionFailed,
}

impl Intent for DeleteObject {
    type Outcome = DeleteObjectOutcome;
    type Refusal = DeleteObjectRefusal;

    fn rows(&self) -> Vec<RowKey> {
        vec![RowKey::Bucket(self.bucket.clone()), RowKey::Object(self.bucket.clone(), self.key.clone())]
    }

    fn decide(
        &self,
        rows: &Rows,
        now: Timestamp,
    ) -> Result<Decision<DeleteObjectOutcome>, DeleteObjectRefusal> {
        if rows.bucket(&self.bucket).is_none() {
            return Err(DeleteObjectRefusal::NoSuchBucket);
        }
        let before = rows.object(&self.bucket, &self.key);
        self.preconditions.check(before)?;
        let Some(before) = before else {
            return Ok(Decision { changes: Vec::new(), outcome: DeleteObjectOutcome::Absent });
        };
        let delete = Change::DeleteObject(self.bucket.clone(), self.key.clone());
        let changes = std::iter::once(delete).chain(freed(before.needles(), now)).collect();
        Ok(Decision { changes, outcome: DeleteObjectOutcome::Deleted })
    }
}

impl From<PreconditionFailure> for DeleteObjectRefusal {
    fn from(failure: PreconditionFailure) -> Self {
        match failure {
            PreconditionFailure::NoSuchKey => Self::NoSuchKey,
            PreconditionFailure::Failed => Self::PreconditionFailed,
        }
    }
}
