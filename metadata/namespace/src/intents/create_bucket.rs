use types::Timestamp;

use crate::{Bucket, Change, Decision, Intent, RowKey, Rows};

/// Makes a bucket.
#[derive(Debug, Clone)]
pub struct CreateBucket {
    /// The row to be.
    pub bucket: Bucket,
}

/// Why a bucket was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateBucketRefusal {
    /// By the same owner.
    OwnedByYou,
    /// By another.
    Exists,
}

impl Intent for CreateBucket {
    type Outcome = ();
    type Refusal = CreateBucketRefusal;

    fn rows(&self) -> Vec<RowKey> {
        vec![RowKey::Bucket(self.bucket.name.clone())]
    }

    fn decide(&self, rows: &Rows, _: Timestamp) -> Result<Decision<()>, CreateBucketRefusal> {
        match rows.bucket(&self.bucket.name) {
            None => Ok(Decision { changes: vec![Change::PutBucket(self.bucket.clone())], outcome: () }),
            Some(there) if there.owner == self.bucket.owner => Err(CreateBucketRefusal::OwnedByYou),
            Some(_) => Err(CreateBucketRefusal::Exists),
        }
    }
}
