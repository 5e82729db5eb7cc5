use types::Timestamp;

use crate::{BucketName, Change, Decision, Intent, RowKey, Rows};

/// Removes an empty bucket.
#[derive(Debug, Clone)]
pub struct DeleteBucket {
    /// Which.
    pub name: BucketName,
}

/// Why a bucket was not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteBucketRefusal {
    /// There is none.
    NoSuchBucket,
    /// It holds objects or uploads.
    NotEmpty,
}

impl Intent for DeleteBucket {
    type Outcome = ();
    type Refusal = DeleteBucketRefusal;

    fn rows(&self) -> Vec<RowKey> {
        vec![RowKey::Bucket(self.name.clone()), RowKey::Occupancy(self.name.clone())]
    }

    /// Objects come and go without naming their bucket's occupancy.
    fn alone(&self) -> bool {
        true
    }

    fn decide(&self, rows: &Rows, _: Timestamp) -> Result<Decision<()>, DeleteBucketRefusal> {
        if rows.bucket(&self.name).is_none() {
            return Err(DeleteBucketRefusal::NoSuchBucket);
        }
        if rows.is_occupied(&self.name) {
            return Err(DeleteBucketRefusal::NotEmpty);
        }
        Ok(Decision { changes: vec![Change::DeleteBucket(self.name.clone())], outcome: () })
    }
}
