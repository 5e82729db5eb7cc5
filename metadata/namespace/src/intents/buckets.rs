use types::Timestamp;

use crate::{Bucket, BucketName, Decision, Intent, RowKey, Rows};

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

impl Intent for CreateBucket {
    type Outcome = ();
    type Refusal = CreateBucketRefusal;
    fn rows(&self) -> Vec<RowKey> {
        todo!()
    }
    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<()>, CreateBucketRefusal> {
        todo!()
    }
}

impl Intent for DeleteBucket {
    type Outcome = ();
    type Refusal = DeleteBucketRefusal;
    fn rows(&self) -> Vec<RowKey> {
        todo!()
    }
    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<()>, DeleteBucketRefusal> {
        todo!()
    }
}
