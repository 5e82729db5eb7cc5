//! The namespace: which buckets, objects and uploads exist, and every rule on how they change.
//!
//! An [`Intent`] names the rows it depends on and decides, purely, what changes or why not. The
//! [`Committer`] gathers concurrent intents, loads their rows, decides each in order, and commits all
//! changes in one batch, guarded by the versions of the rows they were decided on. A [`Store`] only
//! loads, lists and commits rows; both stores pass the suite in [`conformance`]. Start at [`Namespace`].
//!
//! Invariants:
//! - A visible object, its replaced predecessor and the needles to free change in one commit.
//! - Needles are never deleted here: freed ones become delete intents, struck when every copy is gone.
//! - An upload's row and its parts change together: the upload's version guards all of them.
//!
//! Deliberately absent: HTTP, XML, SQL, and the needles themselves.

mod assembly;
mod committer;
mod conditions;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod intent;
pub mod intents;
mod lister;
mod listing;
#[cfg(test)]
mod memory_store;
mod model;
mod namespace;
mod store;

pub use committer::{CommitFailure, Committer};
pub use conditions::{
    EtagCondition, PreconditionFailure, ReadOutcome, ReadPreconditions, WritePreconditions,
};
pub use intent::{Decision, Intent, Rows};
pub use lister::{Lister, Start, Step};
pub use listing::{Entry, Listing, Page, PartPage, UploadListing, UploadPage};
pub use model::{
    AccountId, Bucket, BucketName, Checksum, ChecksumAlgorithm, ChecksumKind, Chunk, ContentHeaders, ETag,
    InvalidBucketName, InvalidKey, InvalidUploadId, Object, ObjectKey, Part, PartNumber, StoredPart,
    UnknownAlgorithm, Upload, UploadChecksumKind, UploadId,
};
pub use namespace::Namespace;
pub use store::{
    Change, Commit, CommitError, DeleteIntent, Guard, IntentId, Loaded, Row, RowKey, RowVersion, Snapshot,
    Store, StoreError,
};
