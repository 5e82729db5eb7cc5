use types::Timestamp;

use crate::{
    BucketName, ContentHeaders, Decision, ETag, Intent, Object, ObjectKey, RowKey, Rows, WritePreconditions,
};

/// Makes an object visible, in place of the one before; `Object::modified` is set to the moment of the commit.
#[derive(Debug, Clone)]
pub struct PutObject {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// The row to be. Its needles are written.
    pub object: Object,
    /// What must hold of the object before.
    pub preconditions: WritePreconditions,
}

/// Why an object was not put. Its needles are still the caller's to free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutObjectRefusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// `If-Match` of a key that has no object: 404.
    NoSuchKey,
    /// 412
    PreconditionFailed,
}

/// Replaces the headers and metadata of an object and keeps its bytes: a copy onto itself. The outcome is the
/// new row.
#[derive(Debug, Clone)]
pub struct RewriteObject {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// The object that was read must still be there...
    pub etag: ETag,
    /// ...and no other with the same bytes.
    pub modified: Timestamp,
    /// The new headers.
    pub headers: ContentHeaders,
    /// The new metadata.
    pub metadata: Vec<(String, String)>,
    /// The new class.
    pub storage_class: String,
    /// What must hold of the object, besides.
    pub preconditions: WritePreconditions,
}

/// Why an object was not rewritten.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RewriteObjectRefusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// It has changed since it was read: read it again.
    Changed,
    /// 412
    PreconditionFailed,
}

/// Removes an object.
#[derive(Debug, Clone)]
pub struct DeleteObject {
    /// Where.
    pub bucket: BucketName,
    /// Which.
    pub key: ObjectKey,
    /// What must hold of it.
    pub preconditions: WritePreconditions,
}

/// What a delete found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteObjectOutcome {
    /// It is gone.
    Deleted,
    /// There was none: also 204.
    Absent,
}

/// Why an object was not removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeleteObjectRefusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// `If-Match` of a key that has no object.
    NoSuchKey,
    /// 412
    PreconditionFailed,
}

impl Intent for PutObject {
    /// The row as it was committed.
    type Outcome = Object;
    type Refusal = PutObjectRefusal;
    fn rows(&self) -> Vec<RowKey> {
        todo!()
    }
    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<Object>, PutObjectRefusal> {
        todo!()
    }
}

impl Intent for RewriteObject {
    type Outcome = Object;
    type Refusal = RewriteObjectRefusal;
    fn rows(&self) -> Vec<RowKey> {
        todo!()
    }
    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<Object>, RewriteObjectRefusal> {
        todo!()
    }
}

impl Intent for DeleteObject {
    type Outcome = DeleteObjectOutcome;
    type Refusal = DeleteObjectRefusal;
    fn rows(&self) -> Vec<RowKey> {
        todo!()
    }
    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<DeleteObjectOutcome>, DeleteObjectRefusal> {
        todo!()
    }
}
