use std::sync::Arc;

use types::{Durability, Timestamp};

use crate::{
    Bucket, BucketName, CommitFailure, Committer, DeleteIntent, Intent, IntentId, Listing, Object, ObjectKey,
    Page, PartNumber, PartPage, Row, RowKey, Store, StoreError, Upload, UploadId, UploadListing, UploadPage,
};

/// One gateway's way into the namespace: lookups and listings straight from the store, changes through a
/// committer per lane. Cheap to clone.
#[derive(Clone)]
pub struct Namespace {
    store: Arc<dyn Store>,
    committer: Committer,
}

impl Namespace {
    /// Over a store. Must be called within a tokio runtime: it starts the committers, which stop with the last
    /// clone or by [`Namespace::close`]. `lanes`: batches that may be under way at once; 1 for a store with one
    /// writer.
    pub fn new(store: Arc<dyn Store>, lanes: usize) -> Self {
        let committer = Committer::start(&store, lanes);
        Self { store, committer }
    }

    /// What a change that was acknowledged survives.
    pub fn durability(&self) -> Durability {
        self.store.durability()
    }

    /// Carries out an intent; durable on return.
    ///
    /// Dropping the future does not take the intent back: once queued it may still be committed.
    pub async fn submit<I: Intent>(&self, intent: I) -> Result<I::Outcome, CommitFailure<I::Refusal>> {
        self.committer.submit(intent).await
    }

    /// Takes no more changes, finishes those that are queued. Lookups and listings still work.
    pub async fn close(&self) {
        self.committer.close().await;
    }

    /// A bucket, if there is one.
    pub async fn bucket(&self, name: &BucketName) -> Result<Option<Bucket>, StoreError> {
        match self.row(RowKey::Bucket(name.clone())).await? {
            Some(Row::Bucket(bucket)) => Ok(Some(bucket)),
            row => absent(row.as_ref(), "bucket"),
        }
    }

    /// The current object of a key, if there is one. One row read; whether the bucket exists is not asked.
    pub async fn object(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Object>, StoreError> {
        match self.row(RowKey::Object(bucket.clone(), key.clone())).await? {
            Some(Row::Object(object)) => Ok(Some(object)),
            row => absent(row.as_ref(), "object"),
        }
    }

    /// An upload, if it is in progress.
    pub async fn upload(&self, id: &UploadId) -> Result<Option<Upload>, StoreError> {
        match self.row(RowKey::Upload(*id)).await? {
            Some(Row::Upload(upload)) => Ok(Some(upload)),
            row => absent(row.as_ref(), "upload"),
        }
    }

    /// A page of objects and common prefixes. A bucket that does not exist has none.
    pub async fn list_objects(&self, listing: &Listing) -> Result<Page, StoreError> {
        self.store.list_objects(listing).await
    }

    /// Buckets by name, strictly after `after`, that start with `prefix`.
    pub async fn list_buckets(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Bucket>, StoreError> {
        self.store.list_buckets(prefix, after, limit).await
    }

    /// A page of uploads in progress.
    pub async fn list_uploads(&self, listing: &UploadListing) -> Result<UploadPage, StoreError> {
        self.store.list_uploads(listing).await
    }

    /// A page of an upload's parts.
    pub async fn list_parts(
        &self,
        upload: &UploadId,
        after: Option<PartNumber>,
        limit: usize,
    ) -> Result<PartPage, StoreError> {
        self.store.list_parts(upload, after, limit).await
    }

    /// Delete intents with ids strictly after `after`, made at or before `until`, by id.
    pub async fn delete_intents(
        &self,
        after: Option<IntentId>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeleteIntent>, StoreError> {
        self.store.delete_intents(after, until, limit).await
    }

    async fn row(&self, key: RowKey) -> Result<Option<Row>, StoreError> {
        let loaded = self.store.load(&[key]).await?;
        Ok(loaded.rows.into_iter().next().flatten().map(|(row, _)| row))
    }
}

/// No row is no answer of its own; a row of another kind is an error, never an absence.
fn absent<T>(row: Option<&Row>, wanted: &str) -> Result<Option<T>, StoreError> {
    match row {
        None => Ok(None),
        Some(_) => Err(StoreError::Corrupt(format!("asked for a row of kind {wanted}, got another"))),
    }
}
