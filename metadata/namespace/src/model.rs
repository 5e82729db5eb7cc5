//! The rows and the words they are made of. Wrong names, keys and ETags cannot be built.

mod bucket;
mod checksum;
mod key;
mod object;
mod upload;

pub use bucket::{AccountId, Bucket, BucketName, InvalidBucketName};
pub use checksum::{Checksum, ChecksumAlgorithm, ChecksumKind, UnknownAlgorithm};
pub use key::{InvalidKey, ObjectKey};
pub use object::{Chunk, ContentHeaders, ETag, Object, Part};
pub use upload::{InvalidUploadId, PartNumber, StoredPart, Upload, UploadChecksumKind, UploadId};
