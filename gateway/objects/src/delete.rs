use namespace::{
    BucketName, CommitFailure, ObjectKey, WritePreconditions,
    intents::{DeleteObject, DeleteObjectRefusal},
};

use crate::Objects;

/// Why an object was not removed.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// 404
    #[error("no such bucket")]
    NoSuchBucket,
    /// `If-Match` of a key that has no object: 404.
    #[error("no such key")]
    NoSuchKey,
    /// 412
    #[error("precondition failed")]
    PreconditionFailed,
    /// 503: it may be gone all the same; deleting again is harmless.
    #[error("{0}")]
    Unavailable(String),
}

impl Objects {
    /// Removes an object, if there is one. Its needles are freed in the same commit.
    pub async fn delete(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        preconditions: WritePreconditions,
    ) -> Result<(), DeleteError> {
        let intent = DeleteObject { bucket: bucket.clone(), key: key.clone(), preconditions };
        match self.namespace().submit(intent).await {
            Ok(_) => Ok(()),
            Err(CommitFailure::Refused(DeleteObjectRefusal::NoSuchBucket)) => Err(DeleteError::NoSuchBucket),
            Err(CommitFailure::Refused(DeleteObjectRefusal::NoSuchKey)) => Err(DeleteError::NoSuchKey),
            Err(CommitFailure::Refused(DeleteObjectRefusal::PreconditionFailed)) => {
                Err(DeleteError::PreconditionFailed)
            }
            Err(CommitFailure::Unavailable(reason) | CommitFailure::InDoubt(reason)) => {
                Err(DeleteError::Unavailable(reason))
            }
        }
    }

    /// Each on its own, decided together where they meet; results in the order given.
    pub async fn delete_many(
        &self,
        bucket: &BucketName,
        keys: Vec<(ObjectKey, WritePreconditions)>,
    ) -> Vec<Result<(), DeleteError>> {
        let deletes = keys
            .into_iter()
            .map(|(key, preconditions)| async move { self.delete(bucket, &key, preconditions).await });
        futures::future::join_all(deletes).await
    }
}
