use std::fmt;

use serde::{Deserialize, Serialize};
use types::{FileId, Timestamp};

use super::{Checksum, PartNumber, UploadId};

/// An object's row: all that S3 knows of it, and where its bytes are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Bytes of the body.
    pub size_bytes: u64,
    /// Its ETag.
    pub etag: ETag,
    /// When it became visible.
    pub modified: Timestamp,
    /// `STANDARD` or what the client asked for.
    pub storage_class: String,
    /// The checksum it is returned with.
    pub checksum: Option<Checksum>,
    /// Headers returned as they were given.
    pub headers: ContentHeaders,
    /// `x-amz-meta-*` without that prefix, in the order given, names in lower case.
    pub metadata: Vec<(String, String)>,
    /// Its bytes, part after part. A plain PUT has one part; an empty object may have none.
    pub parts: Vec<Part>,
    /// The upload that made it: lets a repeated Complete succeed.
    pub upload: Option<UploadId>,
}

/// A run of an object's bytes that was uploaded in one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its number in the upload; `None` for a plain PUT.
    pub number: Option<PartNumber>,
    /// Bytes of it: the sum over its chunks.
    pub size_bytes: u64,
    /// Its own checksum, of the object's algorithm. Empty: none.
    pub checksum: Vec<u8>,
    /// Its bytes, chunk after chunk.
    pub chunks: Vec<Chunk>,
}

/// A run of bytes in one needle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The needle.
    pub needle: FileId,
    /// Bytes of data in it.
    pub size_bytes: u32,
}

/// Headers of a body that are stored and returned as they came.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "named as the headers")]
pub struct ContentHeaders {
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    pub content_disposition: Option<String>,
    pub content_language: Option<String>,
    pub cache_control: Option<String>,
    pub expires: Option<String>,
    pub website_redirect_location: Option<String>,
}

/// An object's ETag, without quotes: 32 hex digits, and `-<parts>` after a multipart upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ETag {
    /// Of the body; or of the MD5s of the parts, one after the other.
    pub md5: [u8; 16],
    /// How many parts, after a multipart upload.
    pub parts: Option<u16>,
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.md5))?;
        match self.parts {
            Some(parts) => write!(f, "-{parts}"),
            None => Ok(()),
        }
    }
}

impl Object {
    /// Every needle of the body.
    pub fn needles(&self) -> impl Iterator<Item = FileId> + '_ {
        self.parts.iter().flat_map(|part| part.chunks.iter().map(|chunk| chunk.needle))
    }
}
