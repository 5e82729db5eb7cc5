use proptest::prelude::*;

use super::*;
use crate::conformance::samples::stored_part;

/// A checksum as a client computes it over bytes.
fn of_bytes(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Checksum {
    let value = match algorithm {
        ChecksumAlgorithm::Sha1 => Sha1::digest(bytes).to_vec(),
        ChecksumAlgorithm::Sha256 => Sha256::digest(bytes).to_vec(),
        ChecksumAlgorithm::Crc32 => crc_fast::crc32_iso_hdlc(bytes).to_be_bytes().to_vec(),
        ChecksumAlgorithm::Crc32c => crc_fast::crc32_iscsi(bytes).to_be_bytes().to_vec(),
        ChecksumAlgorithm::Crc64Nvme => crc_fast::crc64_nvme(bytes).to_be_bytes().to_vec(),
    };
    Checksum { algorithm, kind: ChecksumKind::FullObject, value }
}

fn parts(bodies: &[Vec<u8>], algorithm: ChecksumAlgorithm) -> Vec<StoredPart> {
    (1..)
        .zip(bodies)
        .map(|(number, body)| StoredPart {
            size_bytes: body.len() as u64,
            checksum: Some(of_bytes(algorithm, body)),
            ..stored_part(number, 1)
        })
        .collect()
}

fn algorithm() -> impl Strategy<Value = ChecksumAlgorithm> {
    use ChecksumAlgorithm::{Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
    prop::sample::select(vec![Crc32, Crc32c, Crc64Nvme, Sha1, Sha256])
}

fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 1..6)
}

proptest! {
    #[test]
    fn crcs_of_parts_make_the_crc_of_the_whole(bodies in bodies(), algorithm in algorithm()) {
        let parts = parts(&bodies, algorithm);
        let parts: Vec<_> = parts.iter().collect();
        let whole = checksum(Some((algorithm, UploadChecksumKind::FullObject)), &parts).expect("all have one");
        if crc_algorithm(algorithm).is_some() {
            prop_assert_eq!(whole, Some(of_bytes(algorithm, &bodies.concat())));
        } else {
            let composite = checksum(Some((algorithm, UploadChecksumKind::Composite)), &parts).expect("all have one");
            prop_assert_eq!(whole, composite);
        }
    }

    #[test]
    fn a_composite_is_the_digest_of_the_parts_digests(bodies in bodies(), algorithm in algorithm()) {
        let parts = parts(&bodies, algorithm);
        let whole =
            checksum(Some((algorithm, UploadChecksumKind::Composite)), &parts.iter().collect::<Vec<_>>()).expect("all have one");
        let digests: Vec<u8> = bodies.iter().flat_map(|body| of_bytes(algorithm, body).value).collect();
        let kind = ChecksumKind::Composite { parts: u16::try_from(bodies.len()).expect("few") };
        prop_assert_eq!(whole, Some(Checksum { kind, ..of_bytes(algorithm, &digests) }));
    }
}

/// From the S3 user guide's way of checking: three parts, known values.
#[test]
fn known_values() {
    let bodies = [b"1234".to_vec(), b"56789".to_vec(), Vec::new()];
    let whole = |algorithm| {
        let parts = parts(&bodies, algorithm);
        let whole =
            checksum(Some((algorithm, UploadChecksumKind::FullObject)), &parts.iter().collect::<Vec<_>>());
        whole.expect("all have one").expect("there is one").value
    };
    // The check values of the catalogue of CRCs: of "123456789".
    assert_eq!(whole(ChecksumAlgorithm::Crc32), 0xcbf4_3926_u32.to_be_bytes());
    assert_eq!(whole(ChecksumAlgorithm::Crc32c), 0xe306_9283_u32.to_be_bytes());
    assert_eq!(whole(ChecksumAlgorithm::Crc64Nvme), 0xae8b_1486_0a79_9888_u64.to_be_bytes());
}

#[test]
fn without_a_wish_crc64nvme_where_the_parts_have_it() {
    let with = parts(&[b"a".to_vec(), b"b".to_vec()], ChecksumAlgorithm::Crc64Nvme);
    let whole = checksum(None, &with.iter().collect::<Vec<_>>());
    assert_eq!(whole, Ok(Some(of_bytes(ChecksumAlgorithm::Crc64Nvme, b"ab"))));
    let mut mixed = with.clone();
    mixed[1].checksum = None;
    assert_eq!(checksum(None, &mixed.iter().collect::<Vec<_>>()), Ok(None));
    let asked = Some((ChecksumAlgorithm::Crc64Nvme, UploadChecksumKind::FullObject));
    assert_eq!(checksum(asked, &mixed.iter().collect::<Vec<_>>()), Err(MissingChecksum(mixed[1].number)));
    let mut cut = with;
    cut[0].checksum.as_mut().expect("it has one").value.pop();
    assert_eq!(checksum(asked, &cut.iter().collect::<Vec<_>>()), Err(MissingChecksum(cut[0].number)));
}

#[test]
fn agreeing() {
    #[track_caller]
    fn check(named: ChecksumKind, actual: ChecksumKind, expected: bool) {
        let of = |kind| Checksum { kind, ..of_bytes(ChecksumAlgorithm::Crc32, b"a") };
        assert_eq!(agree(&of(named), Some(&of(actual))), expected, "{named:?} {actual:?}");
        assert!(!agree(&of(named), None));
        let other = Checksum { value: vec![0; 4], ..of(actual) };
        assert!(!agree(&of(named), Some(&other)));
        let other = Checksum { algorithm: ChecksumAlgorithm::Crc32c, ..of(actual) };
        assert!(!agree(&of(named), Some(&other)));
    }
    use ChecksumKind::{Composite, FullObject};
    check(FullObject, FullObject, true);
    check(FullObject, Composite { parts: 2 }, true); // sent without its `-2`
    check(Composite { parts: 2 }, Composite { parts: 2 }, true);
    check(Composite { parts: 3 }, Composite { parts: 2 }, false);
    check(Composite { parts: 1 }, FullObject, false);
}
