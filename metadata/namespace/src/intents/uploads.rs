use types::Timestamp;

use crate::{
    BucketName, Checksum, Decision, Intent, Object, ObjectKey, PartNumber, RowKey, Rows, StoredPart, Upload,
    UploadId, WritePreconditions,
};

/// Starts a multipart upload.
#[derive(Debug, Clone)]
pub struct CreateUpload {
    /// The row to be.
    pub upload: Upload,
}

/// Why an upload was not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CreateUploadRefusal {
    /// There is no such bucket.
    NoSuchBucket,
}

/// Adds a part to an upload, in place of the one of that number.
#[derive(Debug, Clone)]
pub struct PutPart {
    /// The bucket that the request names.
    pub bucket: BucketName,
    /// The key that the request names.
    pub key: ObjectKey,
    /// To which upload; `NoSuchUpload` unless it is of this bucket and key.
    pub upload: UploadId,
    /// The part. Its needles are written.
    pub part: StoredPart,
}

/// Why a part was not added. Its needles are still the caller's to free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutPartRefusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// Completed, aborted, never started, or of another key.
    NoSuchUpload,
}

/// Makes an object of an upload's parts. Repeating one that succeeded succeeds, while its object is current.
///
/// The outcome is the row as it was committed.
#[derive(Debug, Clone)]
pub struct CompleteUpload {
    /// The bucket that the request names.
    pub bucket: BucketName,
    /// The key that the request names.
    pub key: ObjectKey,
    /// Which upload.
    pub upload: UploadId,
    /// Which parts, as the client lists them.
    pub parts: Vec<CompletedPart>,
    /// The checksum of the whole that the client expects.
    pub checksum: Option<Checksum>,
    /// The size of the whole that the client expects (`x-amz-mp-object-size`).
    pub size_bytes: Option<u64>,
    /// What must hold of the object before.
    pub preconditions: WritePreconditions,
}

/// One line of a client's Complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedPart {
    /// Its number.
    pub number: PartNumber,
    /// Without quotes.
    pub etag: String,
    /// Checksums it names, if any.
    pub checksum: Option<Checksum>,
}

/// Why an upload was not completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompleteUploadRefusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// Completed and since overwritten, aborted, never started, or of another key.
    NoSuchUpload,
    /// No parts are listed.
    NoParts,
    /// A part is not there, or its ETag or checksum is another.
    InvalidPart(PartNumber),
    /// Numbers do not rise.
    InvalidPartOrder,
    /// A part that is not the last is under 5 MiB.
    TooSmall {
        /// Which.
        part: PartNumber,
        /// Its size.
        size_bytes: u64,
    },
    /// The checksum of the whole is another.
    BadChecksum,
    /// The size of the whole is another.
    WrongSize {
        /// The size it has.
        actual_bytes: u64,
    },
    /// `If-Match` of a key that has no object.
    NoSuchKey,
    /// 412
    PreconditionFailed,
}

/// Ends an upload and frees its parts.
#[derive(Debug, Clone)]
pub struct AbortUpload {
    /// The bucket that the request names.
    pub bucket: BucketName,
    /// The key that the request names.
    pub key: ObjectKey,
    /// Which.
    pub upload: UploadId,
}

/// Why an upload was not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadRefusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// There is no such upload of this key.
    NoSuchUpload,
}

impl Intent for CreateUpload {
    type Outcome = ();
    type Refusal = CreateUploadRefusal;
    fn rows(&self) -> Vec<RowKey> {
        todo!()
    }
    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<()>, CreateUploadRefusal> {
        todo!()
    }
}

impl Intent for PutPart {
    type Outcome = ();
    type Refusal = PutPartRefusal;
    fn rows(&self) -> Vec<RowKey> {
        todo!()
    }
    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<()>, PutPartRefusal> {
        todo!()
    }
}

impl Intent for CompleteUpload {
    type Outcome = Object;
    type Refusal = CompleteUploadRefusal;
    fn rows(&self) -> Vec<RowKey> {
        todo!()
    }
    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<Object>, CompleteUploadRefusal> {
        todo!()
    }
}

impl Intent for AbortUpload {
    type Outcome = ();
    type Refusal = UploadRefusal;
    fn rows(&self) -> Vec<RowKey> {
        todo!()
    }
    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<()>, UploadRefusal> {
        todo!()
    }
}
