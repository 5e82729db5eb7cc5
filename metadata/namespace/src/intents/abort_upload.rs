use types::Timestamp;

use super::freed;
use crate::{BucketName, Change, Decision, Intent, ObjectKey, RowKey, Rows, StoredPart, UploadId};

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

impl Intent for AbortUpload {
    type Outcome = ();
    type Refusal = UploadRefusal;

    fn rows(&self) -> Vec<RowKey> {
        vec![RowKey::Bucket(self.bucket.clone()), RowKey::Upload(self.upload), RowKey::Parts(self.upload)]
    }

    /// How many parts there are is not known beforehand: as for a thousand.
    fn weight(&self) -> usize {
        125
    }

    fn decide(&self, rows: &Rows, now: Timestamp) -> Result<Decision<()>, UploadRefusal> {
        if rows.bucket(&self.bucket).is_none() {
            return Err(UploadRefusal::NoSuchBucket);
        }
        rows.upload(&self.upload)
            .filter(|upload| upload.is_of(&self.bucket, &self.key))
            .ok_or(UploadRefusal::NoSuchUpload)?;
        let needles = rows.parts(&self.upload).iter().flat_map(StoredPart::needles);
        let changes = std::iter::once(Change::DeleteUpload(self.upload)).chain(freed(needles, now)).collect();
        Ok(Decision { changes, outcome: () })
    }
}
