use std::{fmt, str::FromStr};

use rand::Rng;
use serde::{Deserialize, Serialize};
use types::{FileId, Timestamp};

use super::{AccountId, BucketName, Checksum, ChecksumAlgorithm, Chunk, ContentHeaders, ObjectKey};

/// A multipart upload in progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// Its random name.
    pub id: UploadId,
    /// The bucket of the object to be.
    pub bucket: BucketName,
    /// The key of the object to be.
    pub key: ObjectKey,
    /// Who started it.
    pub initiator: AccountId,
    /// When.
    pub initiated: Timestamp,
    /// Of the object to be.
    pub storage_class: String,
    /// Of the object to be.
    pub headers: ContentHeaders,
    /// Of the object to be.
    pub metadata: Vec<(String, String)>,
    /// The checksum that the client asked for: the algorithm, and whether it is of the full object.
    /// `None`: it asked for none, so CRC64NVME of the full object is kept.
    pub checksum: Option<(ChecksumAlgorithm, UploadChecksumKind)>,
}

impl Upload {
    /// Whether it is an upload of this key: a request that names another must not touch it.
    pub fn is_of(&self, bucket: &BucketName, key: &ObjectKey) -> bool {
        self.bucket == *bucket && self.key == *key
    }
}

/// How an upload's checksum is made from its parts'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `ChecksumKind`")]
pub enum UploadChecksumKind {
    FullObject,
    Composite,
}

/// A part that was uploaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredPart {
    /// Its number.
    pub number: PartNumber,
    /// Bytes of it.
    pub size_bytes: u64,
    /// MD5 of its bytes: its ETag.
    pub md5: [u8; 16],
    /// Of its bytes, by the upload's algorithm.
    pub checksum: Option<Checksum>,
    /// When it was uploaded.
    pub modified: Timestamp,
    /// Its bytes, chunk after chunk.
    pub chunks: Vec<Chunk>,
}

impl StoredPart {
    /// Every needle of the part.
    pub fn needles(&self) -> impl Iterator<Item = FileId> + '_ {
        self.chunks.iter().map(|chunk| chunk.needle)
    }
}

/// A part's number, 1..=10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct PartNumber(u16);

impl PartNumber {
    /// The last number.
    pub const MAX: u16 = 10_000;

    /// `None` outside 1..=10000.
    pub fn new(number: u16) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for PartNumber {
    type Error = &'static str;

    fn try_from(number: u16) -> Result<Self, &'static str> {
        Self::new(number).ok_or("part number: 1 to 10000")
    }
}

impl From<PartNumber> for u16 {
    fn from(number: PartNumber) -> Self {
        number.0
    }
}

/// The name of an upload: 128 random bits, 32 hex digits as text. Ordered as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UploadId(pub [u8; 16]);

impl UploadId {
    /// A new one.
    pub fn random() -> Self {
        Self(rand::rng().random())
    }
}

/// Why a text names no upload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an upload id of this server")]
pub struct InvalidUploadId;

impl FromStr for UploadId {
    type Err = InvalidUploadId;

    fn from_str(text: &str) -> Result<Self, InvalidUploadId> {
        let mut id = [0; 16];
        hex::decode_to_slice(text, &mut id).map_err(|_| InvalidUploadId)?;
        Ok(Self(id))
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}
