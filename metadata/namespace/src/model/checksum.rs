use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The checksum that an object was stored with and is returned with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// How it was computed.
    pub algorithm: ChecksumAlgorithm,
    /// Over what.
    pub kind: ChecksumKind,
    /// Big-endian, as many bytes as [`ChecksumAlgorithm::size_bytes`].
    pub value: Vec<u8>,
}

/// One of the five checksum algorithms of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChecksumAlgorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// What a checksum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChecksumKind {
    /// All bytes of the object.
    FullObject,
    /// The checksums of this many parts, one after the other; shown as `<base64>-<parts>`.
    Composite {
        /// How many.
        parts: u16,
    },
}

impl Checksum {
    /// Whether the value has the length of the algorithm's.
    pub fn is_well_formed(&self) -> bool {
        self.value.len() == self.algorithm.size_bytes()
    }
}

impl ChecksumAlgorithm {
    /// Bytes of a value.
    pub const fn size_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The name in `x-amz-checksum-algorithm`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }
}

impl fmt::Display for ChecksumAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text names no algorithm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("checksum algorithm must be one of CRC32, CRC32C, CRC64NVME, SHA1, SHA256")]
pub struct UnknownAlgorithm;

impl FromStr for ChecksumAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256]
            .into_iter()
            .find(|known| known.as_str().eq_ignore_ascii_case(name))
            .ok_or(UnknownAlgorithm)
    }
}
