use types::Timestamp;

use crate::{BucketName, ChecksumAlgorithm, ChecksumKind, ETag, ObjectKey, StoredPart, Upload, UploadId};

/// Which page of a bucket's objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The bucket.
    pub bucket: BucketName,
    /// Only keys that start with it.
    pub prefix: String,
    /// Keys that contain it after the prefix are rolled up into common prefixes. `None`: not rolled up.
    pub delimiter: Option<String>,
    /// Only entries strictly after it: keys greater than it, and common prefixes greater than it.
    pub after: Option<String>,
    /// Entries at most, keys and common prefixes together; 0 gives an empty page.
    pub limit: usize,
}

/// A page of a listing, in byte order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Page {
    /// At most [`Listing::limit`].
    pub entries: Vec<Entry>,
    /// Whether more entries follow. [`Listing::after`] of the next page is the last entry's text.
    pub truncated: bool,
}

/// One line of a listing. Holds what S3 lists and no more: no chunks, no metadata.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// An object.
    #[expect(missing_docs, reason = "as in `Object`")]
    Object {
        key: ObjectKey,
        size_bytes: u64,
        etag: ETag,
        modified: Timestamp,
        storage_class: String,
        checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
    },
    /// A prefix up to and including the delimiter, with at least one key under it.
    CommonPrefix(String),
}

impl Entry {
    /// The key or the common prefix: what the next page starts after.
    pub fn text(&self) -> &str {
        match self {
            Self::Object { key, .. } => key.as_str(),
            Self::CommonPrefix(prefix) => prefix,
        }
    }
}

/// Which page of a bucket's uploads in progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadListing {
    /// The bucket.
    pub bucket: BucketName,
    /// Only keys that start with it.
    pub prefix: String,
    /// As in [`Listing`].
    pub delimiter: Option<String>,
    /// Without an upload id: only keys and common prefixes after this text. With one: also the uploads of this
    /// very key whose id is greater.
    pub after: Option<(String, Option<UploadId>)>,
    /// Uploads and common prefixes at most.
    pub limit: usize,
}

/// A page of uploads, by key and then by upload id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UploadPage {
    /// The uploads.
    pub uploads: Vec<Upload>,
    /// The common prefixes among them, in order.
    pub common_prefixes: Vec<String>,
    /// Whether more follow.
    pub truncated: bool,
}

/// A page of an upload's parts, by number.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PartPage {
    /// The parts.
    pub parts: Vec<StoredPart>,
    /// Whether more follow.
    pub truncated: bool,
}
