use types::{Durability, FileId, Timestamp};

use crate::{
    Bucket, BucketName, Listing, Object, ObjectKey, Page, PartNumber, PartPage, StoredPart, Upload, UploadId,
    UploadListing, UploadPage,
};

/// Keeps rows: loads them by key, lists them in byte order, commits batches of changes atomically.
///
/// A store holds no rule of S3. Implementations: `namespace-embedded`, `namespace-postgres`; both pass
/// [`conformance`](crate::conformance).
#[async_trait::async_trait]
pub trait Store: Send + Sync + 'static {
    /// What a commit that returned survives.
    fn durability(&self) -> Durability;

    /// The rows of `keys`, in their order, all of one moment.
    async fn load(&self, keys: &[RowKey]) -> Result<Loaded, StoreError>;

    /// A page of objects and common prefixes. Its cost depends on what it returns, not on what it skips.
    async fn list_objects(&self, listing: &Listing) -> Result<Page, StoreError>;

    /// At most `limit` buckets by name, strictly after `after`, that start with `prefix`.
    async fn list_buckets(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Bucket>, StoreError>;

    /// A page of uploads in progress, by key and then by upload id.
    async fn list_uploads(&self, listing: &UploadListing) -> Result<UploadPage, StoreError>;

    /// At most `limit` parts of an upload by number, strictly after `after`. Unknown upload: no parts.
    async fn list_parts(
        &self,
        upload: &UploadId,
        after: Option<PartNumber>,
        limit: usize,
    ) -> Result<PartPage, StoreError>;

    /// At most `limit` delete intents with ids strictly after `after`, made at or before `until`, by id.
    async fn delete_intents(
        &self,
        after: Option<IntentId>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeleteIntent>, StoreError>;

    /// Applies all changes, in their order, or none; durable on return as [`Store::durability`] says.
    async fn commit(&self, commit: Commit) -> Result<(), CommitError>;
}

/// Names one row.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RowKey {
    /// A bucket.
    Bucket(BucketName),
    /// Whether a bucket holds an object or an upload; loads as [`Row::Occupied`] or as absent. Guards on it
    /// are not needed: [`Change::DeleteBucket`] is refused by the store while the bucket is occupied.
    Occupancy(BucketName),
    /// The current object of a key.
    Object(BucketName, ObjectKey),
    /// An upload in progress.
    Upload(UploadId),
    /// One part of an upload.
    Part(UploadId, PartNumber),
    /// All parts of an upload, by number; guarded by the upload's own row.
    Parts(UploadId),
}

/// A row as it was loaded.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// Of [`RowKey::Bucket`].
    Bucket(Bucket),
    /// Of [`RowKey::Occupancy`].
    Occupied,
    /// Of [`RowKey::Object`].
    Object(Object),
    /// Of [`RowKey::Upload`].
    Upload(Upload),
    /// Of [`RowKey::Part`].
    Part(StoredPart),
    /// Of [`RowKey::Parts`]; present, and perhaps empty, even for an unknown upload.
    Parts(Vec<StoredPart>),
}

/// Changes with every write of a row and is never used twice for one key; made by the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowVersion(pub u64);

/// A moment of a store, in a form that only the store that made it can read: lets it skip guards that
/// cannot have changed since. `Snapshot::default()` skips nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Snapshot(pub Option<u64>);

/// What [`Store::load`] found: one entry a key, in the order asked for.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The row and its version, or `None` where there is no such row. `Occupied`, `Part` and `Parts` rows are
    /// guarded by others and may carry any version.
    pub rows: Vec<Option<(Row, RowVersion)>>,
    /// When they were read.
    pub snapshot: Snapshot,
}

/// A row must still be as it was when it was decided on, or the whole batch is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// A bucket, an object or an upload.
    pub key: RowKey,
    /// Its version then; `None`: it was absent.
    pub version: Option<RowVersion>,
}

/// A batch: the guards it was decided under, and what to change.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// At most one a key.
    pub guards: Vec<Guard>,
    /// When the guarded rows were loaded.
    pub snapshot: Snapshot,
    /// Applied in order; a later change of a key wins.
    pub changes: Vec<Change>,
}

/// One change of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// Makes or replaces a bucket.
    PutBucket(Bucket),
    /// Removes a bucket; the commit is a [`CommitError::Conflict`] while it holds an object or an upload.
    DeleteBucket(BucketName),
    /// Makes or replaces an object.
    PutObject(BucketName, ObjectKey, Box<Object>),
    /// Removes an object. Its needles are freed by a [`Change::Free`] of their own.
    DeleteObject(BucketName, ObjectKey),
    /// Makes an upload, or gives it a new version.
    PutUpload(Box<Upload>),
    /// Makes or replaces a part.
    PutPart(UploadId, StoredPart),
    /// Removes an upload and all its parts. Their needles are freed by a [`Change::Free`].
    DeleteUpload(UploadId),
    /// Makes a delete intent for needles that no row refers to any more.
    Free(Timestamp, Vec<FileId>),
    /// Removes a delete intent: every copy of its needles is gone.
    Strike(IntentId),
}

/// Needles to be deleted from every copy of their volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteIntent {
    /// Names the intent to [`Change::Strike`].
    pub id: IntentId,
    /// When the needles were freed.
    pub freed: Timestamp,
    /// The needles.
    pub needles: Vec<FileId>,
}

/// The number of a delete intent: by age, and never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntentId(pub u64);

/// Why a store could not answer. Never means "empty".
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached or is overloaded now. Try again.
    #[error("namespace store unavailable: {0}")]
    Unavailable(String),
    /// What is stored cannot be read. An operator must look.
    #[error("namespace store: {0}")]
    Corrupt(String),
}

/// Why a batch was not applied.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A guarded row has changed. Load and decide again. Nothing was applied.
    #[error("a row changed since it was read")]
    Conflict,
    /// The store refused or cannot be reached; nothing was applied.
    #[error(transparent)]
    NotApplied(StoreError),
    /// The connection or the disk failed in the midst: the batch may have been applied.
    #[error("commit in doubt: {0}")]
    InDoubt(String),
}
