use types::Timestamp;

use super::freed;
use crate::{BucketName, Change, Decision, Intent, ObjectKey, RowKey, Rows, StoredPart, UploadId};

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

impl Intent for PutPart {
    type Outcome = ();
    type Refusal = PutPartRefusal;

    fn rows(&self) -> Vec<RowKey> {
        vec![
            RowKey::Bucket(self.bucket.clone()),
            RowKey::Upload(self.upload),
            RowKey::Part(self.upload, self.part.number),
        ]
    }

    fn weight(&self) -> usize {
        1 + self.part.chunks.len() / 8
    }

    fn decide(&self, rows: &Rows, now: Timestamp) -> Result<Decision<()>, PutPartRefusal> {
        if rows.bucket(&self.bucket).is_none() {
            return Err(PutPartRefusal::NoSuchBucket);
        }
        let upload = rows
            .upload(&self.upload)
            .filter(|upload| upload.is_of(&self.bucket, &self.key))
            .ok_or(PutPartRefusal::NoSuchUpload)?;
        // The upload gets a new version, so that a Complete that was decided on other parts meets a conflict.
        let mut changes = vec![
            Change::PutUpload(Box::new(upload.clone())),
            Change::PutPart(self.upload, self.part.clone()),
        ];
        if let Some(before) = rows.part(&self.upload, self.part.number) {
            changes.extend(freed(before.needles(), now));
        }
        Ok(Decision { changes, outcome: () })
    }
}
