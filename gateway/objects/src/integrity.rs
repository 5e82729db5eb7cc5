use std::sync::{Arc, OnceLock};

use base64::{Engine, prelude::BASE64_STANDARD};
use namespace::{Checksum, ChecksumAlgorithm, ChecksumKind};

use crate::{PutError, hash::Digested};

/// The largest body of one PUT or one part, and the largest source of one copy: 5 GiB.
pub const MAX_BODY_BYTES: u64 = 5 << 30;

/// What the bytes must be.
#[derive(Debug, Default)]
pub struct Integrity {
    /// `Content-MD5`
    pub md5: Option<[u8; 16]>,
    /// Declared length of the decoded body. A shorter or longer one is refused.
    pub size_bytes: Option<u64>,
    /// Which checksum to compute, verify and store. `None`: CRC64NVME, unverified.
    pub checksum: Option<ExpectedChecksum>,
}

/// A checksum that a client named.
#[derive(Debug)]
pub struct ExpectedChecksum {
    /// How it is computed.
    pub algorithm: ChecksumAlgorithm,
    /// What it must come to.
    pub value: ExpectedValue,
}

/// Where the value of an [`ExpectedChecksum`] comes from.
#[derive(Debug)]
pub enum ExpectedValue {
    /// Only the algorithm was named: compute and store.
    Unknown,
    /// From a header: base64 decoded.
    Known(Vec<u8>),
    /// From a trailer: the door fills the cell before it ends the body. Empty at the end of the body: refused
    /// as [`PutError::MissingTrailer`]. The text is base64 as sent; one that does not decode is
    /// [`PutError::InvalidChecksum`].
    Trailer(Arc<OnceLock<String>>),
}

impl Integrity {
    /// The checksum to compute.
    pub(crate) fn algorithm(&self) -> ChecksumAlgorithm {
        self.checksum.as_ref().map_or(ChecksumAlgorithm::Crc64Nvme, |checksum| checksum.algorithm)
    }

    /// What is wrong before a byte of the body is read.
    pub(crate) fn check_claims(&self) -> Result<(), PutError> {
        if self.size_bytes.is_some_and(|size| size > MAX_BODY_BYTES) {
            return Err(PutError::TooLarge);
        }
        match &self.checksum {
            Some(ExpectedChecksum { algorithm, value: ExpectedValue::Known(value) })
                if value.len() != algorithm.size_bytes() =>
            {
                Err(PutError::InvalidChecksum(*algorithm))
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with the body that came.
    pub(crate) fn verify(&self, body: &Digested) -> Result<(), PutError> {
        if let Some(declared) = self.size_bytes
            && declared != body.size_bytes
        {
            return Err(PutError::IncompleteBody { declared, actual: body.size_bytes });
        }
        if self.md5.is_some_and(|expected| expected != body.md5) {
            return Err(PutError::BadDigest);
        }
        let Some(ExpectedChecksum { algorithm, value }) = &self.checksum else { return Ok(()) };
        match value {
            ExpectedValue::Unknown => Ok(()),
            ExpectedValue::Known(expected) => same(*algorithm, expected, &body.checksum),
            ExpectedValue::Trailer(cell) => {
                let text = cell.get().ok_or(PutError::MissingTrailer)?;
                let expected = decode(*algorithm, text).ok_or(PutError::InvalidChecksum(*algorithm))?;
                same(*algorithm, &expected, &body.checksum)
            }
        }
    }
}

fn decode(algorithm: ChecksumAlgorithm, text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text.trim()).ok().filter(|value| value.len() == algorithm.size_bytes())
}

fn same(algorithm: ChecksumAlgorithm, expected: &[u8], actual: &[u8]) -> Result<(), PutError> {
    if expected == actual { Ok(()) } else { Err(PutError::BadChecksum(algorithm)) }
}

/// A checksum over all bytes of an object or a part.
pub(crate) fn full_checksum(algorithm: ChecksumAlgorithm, value: Vec<u8>) -> Checksum {
    Checksum { algorithm, kind: ChecksumKind::FullObject, value }
}
