use namespace::{
    AccountId, Bucket, BucketName, CommitFailure, Listing, Page, StoreError, UploadListing, UploadPage,
    intents::{
        AbortUpload, CreateBucket, CreateBucketRefusal, DeleteBucket, DeleteBucketRefusal, UploadRefusal,
    },
};
use types::Timestamp;

use crate::Objects;

/// Why nothing was done with a bucket.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// 404
    #[error("no such bucket")]
    NoSuchBucket,
    /// 409: it holds objects.
    #[error("the bucket is not empty")]
    NotEmpty,
    /// 409: made by the same account.
    #[error("the bucket is yours already")]
    OwnedByYou,
    /// 409: made by another account.
    #[error("the bucket exists")]
    Exists,
    /// 503
    #[error("{0}")]
    Unavailable(String),
}

/// Uploads that start while a bucket is being deleted are aborted as well, so often.
const DELETE_ATTEMPTS: usize = 10;
const ABORT_PAGE: usize = 1_000;

impl Objects {
    /// Makes a bucket.
    pub async fn create_bucket(&self, name: &BucketName, owner: &AccountId) -> Result<Bucket, BucketError> {
        let bucket = Bucket { name: name.clone(), owner: owner.clone(), created: Timestamp::now() };
        match self.namespace().submit(CreateBucket { bucket: bucket.clone() }).await {
            Ok(()) => Ok(bucket),
            Err(CommitFailure::Refused(CreateBucketRefusal::OwnedByYou)) => Err(BucketError::OwnedByYou),
            Err(CommitFailure::Refused(CreateBucketRefusal::Exists)) => Err(BucketError::Exists),
            Err(CommitFailure::Unavailable(reason) | CommitFailure::InDoubt(reason)) => {
                Err(BucketError::Unavailable(reason))
            }
        }
    }

    /// A bucket's row.
    pub async fn bucket(&self, name: &BucketName) -> Result<Bucket, BucketError> {
        self.namespace().bucket(name).await?.ok_or(BucketError::NoSuchBucket)
    }

    /// Removes a bucket without objects. Uploads in progress do not hold it: they are aborted.
    pub async fn delete_bucket(&self, name: &BucketName) -> Result<(), BucketError> {
        for _ in 0..DELETE_ATTEMPTS {
            match self.namespace().submit(DeleteBucket { name: name.clone() }).await {
                Ok(()) => {
                    self.leases().forget(name);
                    return Ok(());
                }
                Err(CommitFailure::Refused(DeleteBucketRefusal::NoSuchBucket)) => {
                    return Err(BucketError::NoSuchBucket);
                }
                Err(CommitFailure::Refused(DeleteBucketRefusal::NotEmpty)) => self.abort_all(name).await?,
                Err(CommitFailure::Unavailable(reason) | CommitFailure::InDoubt(reason)) => {
                    return Err(BucketError::Unavailable(reason));
                }
            }
        }
        Err(BucketError::Unavailable("uploads keep starting in the bucket".into()))
    }

    /// Buckets by name, strictly after `after`, that start with `prefix`.
    pub async fn buckets(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Bucket>, BucketError> {
        Ok(self.namespace().list_buckets(prefix, after, limit).await?)
    }

    /// A page of objects and common prefixes.
    pub async fn list(&self, listing: &Listing) -> Result<Page, BucketError> {
        let page = self.namespace().list_objects(listing).await?;
        if page.entries.is_empty() {
            self.bucket(&listing.bucket).await?;
        }
        Ok(page)
    }

    /// A page of uploads in progress.
    pub async fn uploads(&self, listing: &UploadListing) -> Result<UploadPage, BucketError> {
        let page = self.namespace().list_uploads(listing).await?;
        if page.uploads.is_empty() && page.common_prefixes.is_empty() {
            self.bucket(&listing.bucket).await?;
        }
        Ok(page)
    }

    /// Aborts every upload of a bucket that holds no object.
    async fn abort_all(&self, bucket: &BucketName) -> Result<(), BucketError> {
        let first_object =
            Listing { bucket: bucket.clone(), prefix: String::new(), delimiter: None, after: None, limit: 1 };
        if !self.namespace().list_objects(&first_object).await?.entries.is_empty() {
            return Err(BucketError::NotEmpty);
        }
        loop {
            let page = self.namespace().list_uploads(&first_uploads(bucket)).await?;
            let aborts = page.uploads.into_iter().map(|upload| {
                let (key, id) = (upload.key, upload.id);
                self.namespace().submit(AbortUpload { bucket: bucket.clone(), key, upload: id })
            });
            for aborted in futures::future::join_all(aborts).await {
                match aborted {
                    // Gone already: completed or aborted by someone else.
                    Ok(()) | Err(CommitFailure::Refused(UploadRefusal::NoSuchUpload)) => {}
                    Err(CommitFailure::Refused(UploadRefusal::NoSuchBucket)) => {
                        return Err(BucketError::NoSuchBucket);
                    }
                    Err(CommitFailure::Unavailable(reason) | CommitFailure::InDoubt(reason)) => {
                        return Err(BucketError::Unavailable(reason));
                    }
                }
            }
            if !page.truncated {
                return Ok(());
            }
        }
    }
}

fn first_uploads(bucket: &BucketName) -> UploadListing {
    UploadListing {
        bucket: bucket.clone(),
        prefix: String::new(),
        delimiter: None,
        after: None,
        limit: ABORT_PAGE,
    }
}

impl From<StoreError> for BucketError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
