use std::sync::Arc;

use types::{Durability, Timestamp};

use crate::{
    Bucket, BucketName, CommitFailure, DeleteIntent, Intent, IntentId, Listing, Object, ObjectKey, Page, PartNumber,
    PartPage, Store, StoreError, Upload, UploadId, UploadListing, UploadPage,
};

/// One gateway's way into the namespace: lookups and listings straight from the store, changes through a
/// committer per lane. Cheap to clone.
#[derive(Clone)]
pub struct Namespace {
    store: Arc<dyn Store>,
}

impl Namespace {
    /// Over a store. Must be called within a tokio runtime: it starts the committers, which stop with the last
    /// clone. `lanes`: batches that may be under way at once; 1 for a store with one writer.
    pub fn new(store: Arc<dyn Store>, lanes: usize) -> Self {
        let _ = lanes;
        Self { store }
    }

    /// What a change that was acknowledged survives.
    pub fn durability(&self) -> Durability {
        self.store.durability()
    }

    /// Carries out an intent; durable on return.
    pub async fn submit<I: Intent>(&self, intent: I) -> Result<I::Outcome, CommitFailure<I::Refusal>> {
        let _ = intent;
        todo!()
    }

    /// A bucket, if there is one.
    pub async fn bucket(&self, name: &BucketName) -> Result<Option<Bucket>, StoreError> {
        let _ = name;
        todo!()
    }

    /// The current object of a key, if there is one. One row read; whether the bucket exists is not asked.
    pub async fn object(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Option<Object>, StoreError> {
        let _ = (bucket, key);
        todo!()
    }

    /// An upload, if it is in progress.
    pub async fn upload(&self, id: &UploadId) -> Result<Option<Upload>, StoreError> {
        let _ = id;
        todo!()
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
}
