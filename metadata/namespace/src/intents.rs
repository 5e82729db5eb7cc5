//! One file per intent: its rows, its rule, its refusals.

mod abort_upload;
mod complete_upload;
mod create_bucket;
mod create_upload;
mod delete_bucket;
mod delete_object;
mod free_needles;
mod put_object;
mod put_part;
mod replace_object;
mod rewrite_object;
mod strike_intents;

use std::convert::Infallible;

use types::{FileId, Timestamp};

use crate::Change;

pub use abort_upload::{AbortUpload, UploadRefusal};
pub use complete_upload::{CompleteUpload, CompleteUploadRefusal, CompletedPart};
pub use create_bucket::{CreateBucket, CreateBucketRefusal};
pub use create_upload::{CreateUpload, CreateUploadRefusal};
pub use delete_bucket::{DeleteBucket, DeleteBucketRefusal};
pub use delete_object::{DeleteObject, DeleteObjectOutcome, DeleteObjectRefusal};
pub use free_needles::FreeNeedles;
pub use put_object::{PutObject, PutObjectRefusal};
pub use put_part::{PutPart, PutPartRefusal};
pub use replace_object::{ReplaceObject, ReplaceObjectRefusal};
pub use rewrite_object::{RewriteObject, RewriteObjectRefusal};
pub use strike_intents::StrikeIntents;

/// The refusal of intents that cannot be refused.
pub type Never = Infallible;

/// Needles in one delete intent at most: bounds what the reaper holds at a time.
const NEEDLES_PER_INTENT: usize = 1000;

/// The changes that free needles: none for none.
fn freed(needles: impl IntoIterator<Item = FileId>, now: Timestamp) -> impl Iterator<Item = Change> {
    let mut needles = needles.into_iter();
    std::iter::from_fn(move || {
        let batch: Vec<_> = needles.by_ref().take(NEEDLES_PER_INTENT).collect();
        (!batch.is_empty()).then_some(Change::Free(now, batch))
    })
}

#[cfg(test)]
mod tests;
