use types::Timestamp;

use super::put_object::moment_after;
use crate::{
    BucketName, Change, ContentHeaders, Decision, ETag, Intent, Object, ObjectKey, RowKey, Rows,
    WritePreconditions,
};

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

impl Intent for RewriteObject {
    type Outcome = Object;
    type Refusal = RewriteObjectRefusal;

    fn rows(&self) -> Vec<RowKey> {
        vec![RowKey::Bucket(self.bucket.clone()), RowKey::Object(self.bucket.clone(), self.key.clone())]
    }

    fn decide(&self, rows: &Rows, now: Timestamp) -> Result<Decision<Object>, RewriteObjectRefusal> {
        if rows.bucket(&self.bucket).is_none() {
            return Err(RewriteObjectRefusal::NoSuchBucket);
        }
        let before = rows
            .object(&self.bucket, &self.key)
            .filter(|there| there.etag == self.etag && there.modified == self.modified)
            .ok_or(RewriteObjectRefusal::Changed)?;
        self.preconditions.check(Some(before)).map_err(|_| RewriteObjectRefusal::PreconditionFailed)?;
        let object = Object {
            modified: moment_after(Some(before), now),
            headers: self.headers.clone(),
            metadata: self.metadata.clone(),
            storage_class: self.storage_class.clone(),
            ..before.clone()
        };
        let put = Change::PutObject(self.bucket.clone(), self.key.clone(), Box::new(object.clone()));
        Ok(Decision { changes: vec![put], outcome: object })
    }
}
