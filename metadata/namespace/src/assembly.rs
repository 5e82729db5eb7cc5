//! Checksums of a whole object, made of the checksums of its parts.

use crc_fast::CrcAlgorithm;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::{Checksum, ChecksumAlgorithm, ChecksumKind, PartNumber, StoredPart, UploadChecksumKind};

/// This part has no checksum of the upload's algorithm.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MissingChecksum(pub(crate) PartNumber);

/// The checksum of an object made of `parts`. `asked`: what the client asked for; without it CRC64NVME of the
/// full object, where the parts have it.
///
/// SHA digests of a full object cannot be made of its parts': they come out composite, and say so.
pub(crate) fn checksum(
    asked: Option<(ChecksumAlgorithm, UploadChecksumKind)>,
    parts: &[&StoredPart],
) -> Result<Option<Checksum>, MissingChecksum> {
    let (algorithm, kind) = asked.unwrap_or((ChecksumAlgorithm::Crc64Nvme, UploadChecksumKind::FullObject));
    let mut values = Vec::with_capacity(parts.len());
    for part in parts {
        match part.checksum.as_ref().filter(|own| own.algorithm == algorithm && own.is_well_formed()) {
            Some(own) => values.push((own.value.as_slice(), part.size_bytes)),
            None if asked.is_some() => return Err(MissingChecksum(part.number)),
            None => return Ok(None),
        }
    }
    Ok(Some(match (kind, crc_algorithm(algorithm)) {
        (UploadChecksumKind::FullObject, Some(crc)) => {
            Checksum { algorithm, kind: ChecksumKind::FullObject, value: combined(crc, algorithm, &values) }
        }
        _ => composite(algorithm, &values),
    }))
}

/// Whether a checksum that a client names is the actual one. How many parts it covers counts where it is said.
pub(crate) fn agree(named: &Checksum, actual: Option<&Checksum>) -> bool {
    actual.is_some_and(|actual| {
        let kinds_agree = match (named.kind, actual.kind) {
            (ChecksumKind::Composite { parts: named }, ChecksumKind::Composite { parts: actual }) => {
                named == actual
            }
            (ChecksumKind::Composite { .. }, ChecksumKind::FullObject) => false,
            (ChecksumKind::FullObject, _) => true,
        };
        named.algorithm == actual.algorithm && named.value == actual.value && kinds_agree
    })
}

fn combined(crc: CrcAlgorithm, algorithm: ChecksumAlgorithm, values: &[(&[u8], u64)]) -> Vec<u8> {
    let number = |value: &[u8]| value.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let whole = values
        .iter()
        .filter(|(_, size_bytes)| *size_bytes > 0)
        .map(|(value, size_bytes)| (number(value), *size_bytes))
        .reduce(|(whole, before), (next, size)| {
            (crc_fast::checksum_combine(crc, whole, next, size), before + size)
        })
        .map_or_else(|| crc_fast::checksum(crc, b""), |(whole, _)| whole);
    big_endian(whole, algorithm)
}

fn composite(algorithm: ChecksumAlgorithm, values: &[(&[u8], u64)]) -> Checksum {
    let concatenated: Vec<u8> = values.iter().flat_map(|(value, _)| value.iter().copied()).collect();
    let value = match (algorithm, crc_algorithm(algorithm)) {
        (_, Some(crc)) => big_endian(crc_fast::checksum(crc, &concatenated), algorithm),
        (ChecksumAlgorithm::Sha1, None) => Sha1::digest(&concatenated).to_vec(),
        (_, None) => Sha256::digest(&concatenated).to_vec(),
    };
    let parts = u16::try_from(values.len()).unwrap_or(u16::MAX); // 10,000 at most
    Checksum { algorithm, kind: ChecksumKind::Composite { parts }, value }
}

fn big_endian(crc: u64, algorithm: ChecksumAlgorithm) -> Vec<u8> {
    let bytes = crc.to_be_bytes();
    bytes[bytes.len() - algorithm.size_bytes().min(bytes.len())..].to_vec()
}

fn crc_algorithm(algorithm: ChecksumAlgorithm) -> Option<CrcAlgorithm> {
    match algorithm {
        ChecksumAlgorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
        ChecksumAlgorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
        ChecksumAlgorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
        ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256 => None,
    }
}

#[cfg(test)]
mod tests;
