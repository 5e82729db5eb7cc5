use types::Timestamp;

use super::{PutObject, PutObjectRefusal};
use crate::{Decision, ETag, Intent, Object, RowKey, Rows};

/// Puts an object that was made from the one before: a copy onto itself with new bytes. What was written, or
/// deleted, meanwhile is not undone.
#[derive(Debug, Clone)]
pub struct ReplaceObject {
    /// The new object.
    pub put: PutObject,
    /// The object that it was made from must still be there...
    pub etag: ETag,
    /// ...and no other with the same bytes.
    pub modified: Timestamp,
}

/// Why an object was not replaced. The new one's needles are still the caller's to free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplaceObjectRefusal {
    /// It has changed since it was read: read it again.
    Changed,
    /// As of any put.
    Put(PutObjectRefusal),
}

impl Intent for ReplaceObject {
    /// The row as it was committed.
    type Outcome = Object;
    type Refusal = ReplaceObjectRefusal;

    fn rows(&self) -> Vec<RowKey> {
        self.put.rows()
    }

    fn weight(&self) -> usize {
        self.put.weight()
    }

    fn decide(&self, rows: &Rows, now: Timestamp) -> Result<Decision<Object>, ReplaceObjectRefusal> {
        let before = rows.object(&self.put.bucket, &self.put.key);
        if before.is_none_or(|there| there.etag != self.etag || there.modified != self.modified) {
            return Err(ReplaceObjectRefusal::Changed);
        }
        self.put.decide(rows, now).map_err(ReplaceObjectRefusal::Put)
    }
}
