use types::Timestamp;

use crate::{Change, Decision, Intent, RowKey, Rows, Upload};

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

impl Intent for CreateUpload {
    type Outcome = ();
    type Refusal = CreateUploadRefusal;

    fn rows(&self) -> Vec<RowKey> {
        vec![RowKey::Bucket(self.upload.bucket.clone()), RowKey::Upload(self.upload.id)]
    }

    fn decide(&self, rows: &Rows, _: Timestamp) -> Result<Decision<()>, CreateUploadRefusal> {
        if rows.bucket(&self.upload.bucket).is_none() {
            return Err(CreateUploadRefusal::NoSuchBucket);
        }
        Ok(Decision { changes: vec![Change::PutUpload(Box::new(self.upload.clone()))], outcome: () })
    }
}
