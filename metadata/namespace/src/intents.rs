//! One file per intent: its rows, its rule, its refusals.

mod buckets;
mod cleanup;
mod objects;
mod uploads;

pub use buckets::{CreateBucket, CreateBucketRefusal, DeleteBucket, DeleteBucketRefusal};
pub use cleanup::{FreeNeedles, StrikeIntents};
pub use objects::{
    DeleteObject, DeleteObjectOutcome, DeleteObjectRefusal, PutObject, PutObjectRefusal, RewriteObject,
    RewriteObjectRefusal,
};
pub use uploads::{
    AbortUpload, CompleteUpload, CompleteUploadRefusal, CompletedPart, CreateUpload, CreateUploadRefusal,
    PutPart, PutPartRefusal, UploadRefusal,
};
