//! Objects as clients know them, made of namespace rows and needles: put, get, copy, list, multipart.
//!
//! Start at [`Objects`]. A body is streamed: hashed in one pass, cut into chunks, each chunk written as a needle
//! to a leased address, a bounded number in flight; then one namespace intent makes it visible. What a
//! failed request wrote is freed. The reaper carries delete intents to the volumes and strikes them.
//!
//! Invariants:
//! - Nothing is acknowledged before its needles and its row are durable.
//! - A needle missing under a listed object is an error and an alarm, never "no such key".
//! - Needles describe themselves: `pairs` carry bucket, key, part and offset.
//!
//! Deliberately absent: HTTP, XML, authentication; the rules of what may change (crate `namespace`).
#![allow(missing_docs, unused, clippy::todo)] // TEMPORARY while the floor is laid

use std::{ops::Range, pin::Pin, sync::{Arc, OnceLock}, time::Duration};

use bytes::Bytes;
use futures::Stream;
use namespace::*;
use protocol::{Master, Servers};
use types::{Durability, Placement, Timestamp};

/// The bytes of a request. An error ends the request, and frees what was written.
pub type Body = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// The bytes of an answer: verified before they are yielded.
pub type Content = Pin<Box<dyn Stream<Item = Result<Bytes, ReadFailure>> + Send>>;

/// Whatever the door found wrong with the body: handed back to it untouched inside the operation's error.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of a needle of a large object; 8 MiB.
    pub chunk_bytes: usize,
    /// Chunks of one request being written while the next is filled.
    pub chunks_in_flight: usize,
    /// Bytes of chunk buffers of all requests together; requests wait for room.
    pub buffer_budget_bytes: usize,
    /// Copies of new volumes.
    pub placement: Placement,
    /// How long freed needles stay readable for requests under way.
    pub reap_delay: Duration,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    namespace: Namespace,
}

/// What a client wants stored, besides the bytes.
pub struct Put {
    pub bucket: BucketName,
    pub key: ObjectKey,
    pub headers: ContentHeaders,
    pub metadata: Vec<(String, String)>,
    pub storage_class: String,
    pub preconditions: WritePreconditions,
    pub integrity: Integrity,
}

/// What the bytes must be.
#[derive(Default)]
pub struct Integrity {
    /// `Content-MD5`
    pub md5: Option<[u8; 16]>,
    /// Declared length of the decoded body. A shorter or longer one is refused.
    pub size_bytes: Option<u64>,
    /// Which checksum to compute, verify and store. `None`: CRC64NVME, unverified.
    pub checksum: Option<ExpectedChecksum>,
}

pub struct ExpectedChecksum {
    pub algorithm: ChecksumAlgorithm,
    pub value: ExpectedValue,
}

pub enum ExpectedValue {
    /// Only the algorithm was named: compute and store.
    Unknown,
    /// From a header: base64 decoded.
    Known(Vec<u8>),
    /// From a trailer: the door fills the cell before it ends the body. Empty at the end of the body: refused
    /// as [`PutError::MissingTrailer`]. The text is base64 as sent; one that does not decode is [`PutError::InvalidChecksum`].
    Trailer(Arc<OnceLock<String>>),
}

/// What was stored.
pub struct Stored {
    pub object: Object,
    pub durability: Durability,
}

#[derive(Debug, thiserror::Error)]
pub enum PutError {
    #[error("no such bucket")]
    NoSuchBucket,
    #[error("no such key")]
    NoSuchKey,
    #[error("precondition failed")]
    PreconditionFailed,
    /// Content-MD5
    #[error("the Content-MD5 does not match the body")]
    BadDigest,
    #[error("the {0} checksum does not match the body")]
    BadChecksum(ChecksumAlgorithm),
    #[error("the {0} checksum is not valid base64 of the right length")]
    InvalidChecksum(ChecksumAlgorithm),
    #[error("the body ended without the announced checksum trailer")]
    MissingTrailer,
    #[error("the body is {actual} bytes, {declared} were declared")]
    IncompleteBody { declared: u64, actual: u64 },
    #[error("the body is larger than 5 GiB")]
    TooLarge,
    /// The door's own finding.
    #[error("body: {0}")]
    Body(BodyError),
    /// 503: nothing was stored, try again.
    #[error("{0}")]
    Unavailable(String),
    /// 500: it may have been stored.
    #[error("{0}")]
    InDoubt(String),
}

#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    #[error("no such bucket")]
    NoSuchBucket,
    #[error("no such key")]
    NoSuchKey,
    #[error("{0}")]
    Unavailable(String),
}

/// Why stored bytes could not be read. Never 404: the row listed them.
#[derive(Debug, thiserror::Error)]
pub enum ReadFailure {
    /// The object was replaced or deleted since its row was looked up. From [`Objects::read`]: look it up again
    /// and start over, conditions and range included (a few times at most; then 503). Within a stream: the
    /// connection breaks.
    #[error("the object changed while it was read")]
    Changed,
    /// Every copy of its bytes is missing or wrong: 500. The alarm was raised.
    #[error("{0}")]
    Damaged(String),
    /// No copy can be reached now: 503.
    #[error("{0}")]
    Unavailable(String),
}

#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    #[error("no such bucket")]
    NoSuchBucket,
    #[error("the bucket is not empty")]
    NotEmpty,
    #[error("the bucket is yours already")]
    OwnedByYou,
    #[error("the bucket exists")]
    Exists,
    #[error("{0}")]
    Unavailable(String),
}

#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    #[error("no such bucket")]
    NoSuchBucket,
    #[error("no such key")]
    NoSuchKey,
    #[error("precondition failed")]
    PreconditionFailed,
    #[error("{0}")]
    Unavailable(String),
}

/// The source of a copy.
pub struct Source {
    pub bucket: BucketName,
    pub key: ObjectKey,
    pub preconditions: ReadPreconditions,
}

/// A copy of a whole object.
pub struct Copy {
    pub source: Source,
    pub bucket: BucketName,
    pub key: ObjectKey,
    /// `x-amz-metadata-directive: REPLACE`; `None`: COPY.
    pub replacement: Option<(ContentHeaders, Vec<(String, String)>)>,
    /// `None`: as the source.
    pub storage_class: Option<String>,
    /// A new algorithm; `None`: as the source.
    pub checksum: Option<ChecksumAlgorithm>,
    pub preconditions: WritePreconditions,
}

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("no such source bucket")]
    NoSuchSourceBucket,
    #[error("no such source key")]
    NoSuchSourceKey,
    /// Of the source: 412.
    #[error("source precondition failed")]
    SourcePreconditionFailed,
    /// Onto itself, changing nothing: 400.
    #[error("a copy onto itself must change metadata, headers or storage class")]
    OntoItself,
    #[error("source range outside the object of {size_bytes} bytes")]
    InvalidRange { size_bytes: u64 },
    #[error("the source is larger than 5 GiB")]
    SourceTooLarge,
    /// The source's bytes cannot be read: 500 or 503.
    #[error(transparent)]
    Source(#[from] ReadFailure),
    #[error(transparent)]
    Part(#[from] PartError),
    #[error(transparent)]
    Put(#[from] PutError),
}

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("no such bucket")]
    NoSuchBucket,
    #[error("no such upload")]
    NoSuchUpload,
    #[error("{0}")]
    Unavailable(String),
}

#[derive(Debug, thiserror::Error)]
pub enum PartError {
    #[error("no such upload")]
    NoSuchUpload,
    /// The algorithm is not the upload's.
    #[error("the upload's checksum algorithm is {0}")]
    WrongAlgorithm(ChecksumAlgorithm),
    #[error(transparent)]
    Put(#[from] PutError),
}

#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    #[error("refused: {0:?}")]
    Refused(namespace::intents::CompleteUploadRefusal),
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    InDoubt(String),
}

impl Objects {
    /// Must be called within a tokio runtime: starts the reaper, which ends with [`Objects::close`].
    pub fn new(namespace: Namespace, master: Arc<dyn Master>, servers: Servers, settings: Settings) -> Self {
        todo!()
    }
    /// Ends the background tasks, waiting for the step under way.
    pub async fn close(&self) { todo!() }

    pub async fn create_bucket(&self, name: &BucketName, owner: &AccountId) -> Result<Bucket, BucketError> { todo!() }
    pub async fn bucket(&self, name: &BucketName) -> Result<Bucket, BucketError> { todo!() }
    /// Uploads in progress do not hold a bucket: they are aborted.
    pub async fn delete_bucket(&self, name: &BucketName) -> Result<(), BucketError> { todo!() }
    pub async fn buckets(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<Bucket>, BucketError> { todo!() }

    pub async fn put(&self, put: Put, body: Body) -> Result<Stored, PutError> { todo!() }
    pub async fn lookup(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Object, LookupError> { todo!() }
    /// Reads `range` of `object`. The first chunk is read and verified before this returns, so that damage found
    /// there is still an answer of its own; later damage ends the stream with an error. On
    /// [`ReadFailure::Changed`] look the object up again and start over.
    pub async fn read(&self, bucket: &BucketName, key: &ObjectKey, object: &Object, range: Range<u64>) -> Result<Content, ReadFailure> { todo!() }
    pub async fn delete(&self, bucket: &BucketName, key: &ObjectKey, preconditions: WritePreconditions) -> Result<(), DeleteError> { todo!() }
    /// Each on its own, decided together where they meet; results in the order given.
    pub async fn delete_many(&self, bucket: &BucketName, keys: Vec<(ObjectKey, WritePreconditions)>) -> Vec<Result<(), DeleteError>> { todo!() }
    pub async fn list(&self, listing: &Listing) -> Result<Page, BucketError> { todo!() }
    pub async fn copy(&self, copy: Copy) -> Result<Stored, CopyError> { todo!() }

    /// `checksum`: what the client asked for, validated by the door.
    #[allow(clippy::too_many_arguments)]
    pub async fn create_upload(&self, upload: Upload) -> Result<(), UploadError> { todo!() }
    pub async fn put_part(&self, bucket: &BucketName, key: &ObjectKey, upload: &UploadId, number: PartNumber, integrity: Integrity, body: Body) -> Result<StoredPart, PartError> { todo!() }
    pub async fn copy_part(&self, source: Source, range: Option<Range<u64>>, bucket: &BucketName, key: &ObjectKey, upload: &UploadId, number: PartNumber) -> Result<StoredPart, CopyError> { todo!() }
    pub async fn complete(&self, intent: namespace::intents::CompleteUpload) -> Result<Stored, CompleteError> { todo!() }
    pub async fn abort(&self, bucket: &BucketName, key: &ObjectKey, upload: &UploadId) -> Result<(), UploadError> { todo!() }
    pub async fn parts(&self, bucket: &BucketName, key: &ObjectKey, upload: &UploadId, after: Option<PartNumber>, limit: usize) -> Result<(Upload, PartPage), UploadError> { todo!() }
    pub async fn uploads(&self, listing: &UploadListing) -> Result<UploadPage, BucketError> { todo!() }
    /// The weakest of what needles and rows survive.
    pub fn durability(&self) -> Durability { todo!() }
}
