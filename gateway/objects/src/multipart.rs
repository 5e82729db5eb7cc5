use namespace::{
    BucketName, Checksum, ChecksumAlgorithm, CommitFailure, ObjectKey, PartNumber, PartPage, StoreError,
    StoredPart, Upload, UploadId,
    intents::{
        AbortUpload, CompleteUpload, CompleteUploadRefusal, CreateUpload, CreateUploadRefusal, PutPart,
        PutPartRefusal, UploadRefusal,
    },
};
use types::Timestamp;

use crate::{
    Body, Integrity, Objects, PutError, Stored,
    chunks::Needles,
    hash::{Digested, Digests},
    integrity::full_checksum,
    origin::Origin,
    put::Received,
};

/// Why nothing was done with an upload.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// 404
    #[error("no such bucket")]
    NoSuchBucket,
    /// 404
    #[error("no such upload")]
    NoSuchUpload,
    /// 503
    #[error("{0}")]
    Unavailable(String),
}

/// Why a part was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// Completed, aborted, never started, or of another key.
    #[error("no such upload")]
    NoSuchUpload,
    /// The part's algorithm is not the upload's.
    #[error("the upload's checksum algorithm is {0}")]
    WrongAlgorithm(ChecksumAlgorithm),
    /// As for any body.
    #[error(transparent)]
    Put(#[from] PutError),
}

/// Why an upload was not completed.
#[derive(Debug, thiserror::Error)]
pub enum CompleteError {
    /// By the rules of S3.
    #[error("refused: {0:?}")]
    Refused(CompleteUploadRefusal),
    /// 503: nothing was changed, try again.
    #[error("{0}")]
    Unavailable(String),
    /// 500: it may be complete.
    #[error("{0}")]
    InDoubt(String),
}

/// The checksum that an upload keeps of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeptChecksum {
    /// The client asked for it: it sends no other.
    Chosen(ChecksumAlgorithm),
    /// The client did not say: CRC64NVME is kept, whatever else it sends is verified.
    Default,
}

impl Objects {
    /// Starts an upload. Its checksum is what the client asked for, validated by the door.
    pub async fn create_upload(&self, upload: Upload) -> Result<(), UploadError> {
        match self.namespace().submit(CreateUpload { upload }).await {
            Ok(()) => Ok(()),
            Err(CommitFailure::Refused(CreateUploadRefusal::NoSuchBucket)) => Err(UploadError::NoSuchBucket),
            Err(CommitFailure::Unavailable(reason) | CommitFailure::InDoubt(reason)) => {
                Err(UploadError::Unavailable(reason))
            }
        }
    }

    /// Stores a part, in place of the one of that number. When the request goes away, as in [`Objects::put`].
    ///
    /// The checksum kept is the upload's. Where the upload names none, the one that is sent is verified and
    /// CRC64NVME is kept.
    pub async fn put_part(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        upload: &UploadId,
        number: PartNumber,
        integrity: Integrity,
        body: Body,
    ) -> Result<StoredPart, PartError> {
        let kept = self.kept_checksum(bucket, key, upload).await?;
        let digests = kept.digests(&integrity)?;
        let origin = Origin {
            bucket: bucket.clone(),
            key: key.clone(),
            upload: Some((*upload, number)),
            content_type: None,
        };
        let received = self.receive(origin, &integrity, digests, body).await?;
        let (objects, bucket, key, upload) = (self.clone(), bucket.clone(), key.clone(), *upload);
        let storing = async move { objects.store_part(&bucket, &key, &upload, number, kept, received).await };
        self.background().uninterrupted(storing).await
    }

    async fn store_part(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        upload: &UploadId,
        number: PartNumber,
        kept: KeptChecksum,
        received: Received,
    ) -> Result<StoredPart, PartError> {
        let (needles, mut digested) = self.written(received).await?;
        let value = digested.also.take().unwrap_or_else(|| std::mem::take(&mut digested.checksum));
        let part = stored_part(number, &needles, &digested, full_checksum(kept.algorithm(), value));
        self.add_part(bucket, key, upload, part, needles).await
    }

    /// Adds a part whose needles are written to its upload, whether or not the request still waits for it.
    pub(crate) async fn add_part(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        upload: &UploadId,
        part: StoredPart,
        needles: Needles,
    ) -> Result<StoredPart, PartError> {
        let intent =
            PutPart { bucket: bucket.clone(), key: key.clone(), upload: *upload, part: part.clone() };
        let objects = self.clone();
        let adding = async move { objects.commit(intent, needles).await };
        let error = match self.background().uninterrupted(adding).await {
            Ok(()) => return Ok(part),
            Err(CommitFailure::Refused(PutPartRefusal::NoSuchUpload)) => return Err(PartError::NoSuchUpload),
            Err(CommitFailure::Refused(PutPartRefusal::NoSuchBucket)) => PutError::NoSuchBucket,
            Err(CommitFailure::Unavailable(reason)) => PutError::Unavailable(reason),
            Err(CommitFailure::InDoubt(reason)) => PutError::InDoubt(reason),
        };
        Err(error.into())
    }

    /// Makes an object of an upload's parts. Repeating one that succeeded succeeds, while its object is current.
    pub async fn complete(&self, intent: CompleteUpload) -> Result<Stored, CompleteError> {
        match self.namespace().submit(intent).await {
            Ok(object) => Ok(Stored { object, durability: self.durability() }),
            Err(CommitFailure::Refused(refusal)) => Err(CompleteError::Refused(refusal)),
            Err(CommitFailure::Unavailable(reason)) => Err(CompleteError::Unavailable(reason)),
            Err(CommitFailure::InDoubt(reason)) => Err(CompleteError::InDoubt(reason)),
        }
    }

    /// Ends an upload and frees its parts.
    pub async fn abort(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        upload: &UploadId,
    ) -> Result<(), UploadError> {
        let intent = AbortUpload { bucket: bucket.clone(), key: key.clone(), upload: *upload };
        match self.namespace().submit(intent).await {
            Ok(()) => Ok(()),
            Err(CommitFailure::Refused(UploadRefusal::NoSuchBucket)) => Err(UploadError::NoSuchBucket),
            Err(CommitFailure::Refused(UploadRefusal::NoSuchUpload)) => Err(UploadError::NoSuchUpload),
            Err(CommitFailure::Unavailable(reason) | CommitFailure::InDoubt(reason)) => {
                Err(UploadError::Unavailable(reason))
            }
        }
    }

    /// An upload and a page of its parts, by number, strictly after `after`.
    pub async fn parts(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        upload: &UploadId,
        after: Option<PartNumber>,
        limit: usize,
    ) -> Result<(Upload, PartPage), UploadError> {
        let found = self.upload_of(bucket, key, upload).await?;
        let page = self.namespace().list_parts(upload, after, limit).await?;
        Ok((found, page))
    }

    /// What an upload keeps of its parts' checksums.
    pub(crate) async fn kept_checksum(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        upload: &UploadId,
    ) -> Result<KeptChecksum, PartError> {
        let upload = self.upload_of(bucket, key, upload).await?;
        Ok(upload.checksum.map_or(KeptChecksum::Default, |(algorithm, _)| KeptChecksum::Chosen(algorithm)))
    }

    /// An upload of this very key.
    async fn upload_of(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        upload: &UploadId,
    ) -> Result<Upload, UploadError> {
        match self.namespace().upload(upload).await? {
            Some(found) if found.bucket == *bucket && found.key == *key => Ok(found),
            _ => match self.namespace().bucket(bucket).await? {
                Some(_) => Err(UploadError::NoSuchUpload),
                None => Err(UploadError::NoSuchBucket),
            },
        }
    }
}

impl KeptChecksum {
    pub(crate) fn algorithm(self) -> ChecksumAlgorithm {
        match self {
            Self::Chosen(algorithm) => algorithm,
            Self::Default => ChecksumAlgorithm::Crc64Nvme,
        }
    }

    /// What to compute of a part that is sent with `integrity`: the checksum to verify, and the one to keep
    /// where that is another.
    fn digests(self, integrity: &Integrity) -> Result<Digests, PartError> {
        let sent = integrity.checksum.as_ref().map_or(self.algorithm(), |checksum| checksum.algorithm);
        match self {
            _ if sent == self.algorithm() => Ok(Digests::new(sent, None)),
            Self::Chosen(algorithm) => Err(PartError::WrongAlgorithm(algorithm)),
            Self::Default => Ok(Digests::new(sent, Some(self.algorithm()))),
        }
    }
}

/// The row of a part whose needles are written.
pub(crate) fn stored_part(
    number: PartNumber,
    needles: &Needles,
    digested: &Digested,
    checksum: Checksum,
) -> StoredPart {
    StoredPart {
        number,
        size_bytes: digested.size_bytes,
        md5: digested.md5,
        checksum: Some(checksum),
        modified: Timestamp::now(),
        chunks: needles.chunks().to_vec(),
    }
}

impl From<StoreError> for UploadError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<UploadError> for PartError {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::NoSuchBucket => Self::Put(PutError::NoSuchBucket),
            UploadError::NoSuchUpload => Self::NoSuchUpload,
            UploadError::Unavailable(reason) => Self::Put(PutError::Unavailable(reason)),
        }
    }
}
