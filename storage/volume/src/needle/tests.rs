use proptest::prelude::*;
use types::TtlUnit;

use super::*;
use crate::superblock::ALIGN_BYTES;

/// The whole record, as the writer puts it together.
fn encode(needle: &Needle, append_ns: u64) -> Vec<u8> {
    let size = size(needle).expect("fits");
    let mut record = Vec::new();
    encode_head(needle, size, &mut record);
    record.extend_from_slice(&needle.data);
    encode_tail(needle, size, checksum(&needle.data), append_ns, &mut record);
    record
}

fn bytes(hex_text: &str) -> Bytes {
    hex::decode(hex_text.replace([' ', '\n'], "")).expect("hex").into()
}

#[track_caller]
fn check(version: Version, record: &str, expected: &Needle, append_ns: u64) {
    let record = bytes(record);
    let decoded = decode(&record, version).expect("decodes");
    assert_eq!(&decoded.needle, expected);
    assert_eq!(decoded.crc, checksum(&expected.data));
    assert_eq!(decoded.append_ns, append_ns);
    let header = Header::of(&record).expect("header");
    assert_eq!(record.len() as u64, version.disk_bytes(header.size));
}

#[track_caller]
fn check_written(record: &str, needle: &Needle, append_ns: u64) {
    check(Version::V3, record, needle, append_ns);
    assert_eq!(hex::encode(encode(needle, append_ns)), hex::encode(bytes(record)));
}

/// `r8.bin` as SeaweedFS 4.48 wrote it.
fn plain() -> Needle {
    Needle {
        key: NeedleKey(6),
        cookie: Cookie(0x5a83_97c4),
        data: bytes("0e27136550a4a3a6"),
        name: "r8.bin".into(),
        modified_secs: 0x6b02_591e,
        ..Needle::default()
    }
}

const PLAIN: &str = "5a8397c4 0000000000000006 0000001a 00000008 0e27136550a4a3a6 0e 06 72382e62696e 00
    006b02591e dfef2dfd 18ea3e6392aaf77e 0000";

#[test]
fn plain_form() {
    check_written(PLAIN, &plain(), 0x18ea_3e63_92aa_f77e);
}

#[test]
fn form_with_everything() {
    let needle = Needle {
        key: NeedleKey(0x0102_0304_0506_0708),
        cookie: Cookie(1),
        data: "abc".into(),
        name: "n".into(),
        mime: "m/m".into(),
        pairs: "{}".into(),
        modified_secs: 1,
        ttl: Ttl::new(3, TtlUnit::Minute),
        gzipped: true,
        chunk_manifest: true,
    };
    let record =
        "00000001 0102030405060708 00000019 00000003 616263 bf 01 6e 03 6d2f6d 0000000001 0301 0002 7b7d
        364b3fb7 0000000000000002 000000";
    check_written(record, &needle, 2);
}

#[test]
fn padding_is_eight_bytes_where_none_is_needed() {
    // `r4096.bin` of the fixture ends this way: size 0x1015, then zeros.
    let needle = Needle { data: vec![0; 4096].into(), name: "r4096.bin".into(), ..Needle::default() };
    let record = encode(&needle, 1);
    assert_eq!(size(&needle), Ok(0x1015));
    assert_eq!(record[record.len() - 7..], [0, 0, 0x10, 0x15, 0, 0, 0]);
    let needle = Needle { data: vec![0; 3].into(), name: "12".into(), ..Needle::default() };
    let record = encode(&needle, 1);
    assert_eq!(record[record.len() - 4..].len() as u64 % ALIGN_BYTES, 4);
    assert_eq!(record.len() % 8, 0);
}

#[test]
fn empty_body() {
    let needle = Needle { key: NeedleKey(3), cookie: Cookie(0xe509_b231), ..Needle::default() };
    let ours = "e509b231 0000000000000003 00000000 00000000 18ea3e639242ed88 00000001";
    check_written(ours, &needle, 0x18ea_3e63_9242_ed88);
    let named = Needle { name: "lost".into(), mime: "lost".into(), modified_secs: 7, ..needle };
    assert_eq!(encode(&named, 0x18ea_3e63_9242_ed88), bytes(ours), "an empty needle keeps nothing else");
}

#[test]
fn tombstone() {
    let mut ours = Vec::new();
    encode_tombstone(NeedleKey(18), Cookie(0x4c8b_764e), 5, &mut ours);
    assert_eq!(hex::encode(&ours), "4c8b764e000000000000001200000000ffffffff000000000000000500000000");
}

#[test]
fn empty_needles_and_tombstones_are_told_apart() {
    let kind_of = |record: &str, version| kind(0, &bytes(record)[HEADER_BYTES..], version);
    let header = "4c8b764e 0000000000000012 00000000";
    let v3 = |rest: &str| kind_of(&format!("{header} {rest}"), Version::V3);
    assert_eq!(v3("ffffffff 0000000000000005 00000000"), Kind::Tombstone, "ours");
    assert_eq!(v3("efa87b84 18ea3e63ac1fcc63 00000000"), Kind::Tombstone, "SeaweedFS's, of one needle");
    assert_eq!(v3("00000000 18ea3e63ac1fcc63 00000001"), Kind::Empty, "ours");
    assert_eq!(v3("00000000 18ea3e63ac1fcc63 00000000"), Kind::EmptyOrTombstone, "SeaweedFS's");
    assert_eq!(kind_of(&format!("{header} 00000000 00000001"), Version::V2), Kind::EmptyOrTombstone);
    assert_eq!(kind(1, &[], Version::V3), Kind::Needle);
}

#[test]
fn version_1() {
    let needle =
        Needle { key: NeedleKey(2), cookie: Cookie(1), data: "123456789".into(), ..Needle::default() };
    // Its padding is the rest of the header buffer: here the key.
    let record = "00000001 0000000000000002 00000009 313233343536373839 e3069283 000000";
    check(Version::V1, record, &needle, 0);
}

#[test]
fn version_2() {
    let needle = Needle {
        key: NeedleKey(2),
        cookie: Cookie(1),
        data: "123456789".into(),
        name: "a".into(),
        modified_secs: 5,
        ..Needle::default()
    };
    let record = "00000001 0000000000000002 00000015 00000009 313233343536373839 0a 01 61 0000000005
        e3069283 0000000000 0000";
    check(Version::V2, record, &needle, 0);
}

#[test]
fn both_forms_of_the_checksum() {
    // CRC-32C of "123456789", and the same as SeaweedFS masked it before 3.09.
    let (plain_form, masked_form) = (0xe306_9283, 0xc78a_b0e5);
    assert_eq!(checksum(b"123456789"), plain_form);
    assert!(checksum_matches(plain_form, plain_form));
    assert!(checksum_matches(masked_form, plain_form));
    assert!(!checksum_matches(plain_form ^ 1, plain_form));
    let needle =
        Needle { key: NeedleKey(2), cookie: Cookie(1), data: "123456789".into(), ..Needle::default() };
    check(Version::V1, "00000001 0000000000000002 00000009 313233343536373839 c78ab0e5 000000", &needle, 0);
}

#[test]
fn a_wrong_bit_in_the_data_or_its_checksum_is_found() {
    let record = bytes(PLAIN);
    for bit in (20 * 8..28 * 8).chain(42 * 8..46 * 8) {
        let mut damaged = record.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let outcome = decode(&damaged.into(), Version::V3);
        assert!(matches!(outcome, Err(Damage::Checksum { .. })), "bit {bit}: {outcome:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let text = |bytes| Bytes::from(vec![b'x'; bytes]);
    for (needle, fits) in [
        (Needle { mime: text(255), ..plain() }, true),
        (Needle { mime: text(256), ..plain() }, false),
        (Needle { pairs: text(65_535), ..plain() }, true),
        (Needle { pairs: text(65_536), ..plain() }, false),
    ] {
        assert_eq!(size(&needle).is_ok(), fits);
    }
    let long = Needle { name: text(300), ..plain() }.fit(Ttl::NEVER);
    assert_eq!(long.name.len(), 255);
    assert!(size(&long).is_ok());
}

fn any_bytes(most: usize) -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..=most).prop_map(Bytes::from)
}

prop_compose! {
    fn any_needle()(
        key: u64, cookie: u32, data in any_bytes(600), name in any_bytes(255), mime in any_bytes(255),
        pairs in any_bytes(300), modified_secs in 0..1_u64 << 40, ttl: [u8; 2], gzipped: bool, chunk_manifest: bool,
    ) -> Needle {
        let ttl = Ttl::from_bytes(ttl);
        let (key, cookie) = (NeedleKey(key), Cookie(cookie));
        Needle { key, cookie, data, name, mime, pairs, modified_secs, ttl, gzipped, chunk_manifest }
    }
}

proptest! {
    #[test]
    fn needles_round_trip(needle in any_needle(), append_ns: u64) {
        let record = encode(&needle, append_ns);
        prop_assert_eq!(record.len() as u64, Version::V3.disk_bytes(size(&needle).expect("fits")));
        let decoded = decode(&record.into(), Version::V3).expect("decodes");
        prop_assert_eq!(decoded.append_ns, append_ns);
        let expected = if needle.data.is_empty() {
            Needle { key: needle.key, cookie: needle.cookie, ..Needle::default() }
        } else {
            needle
        };
        prop_assert_eq!(decoded.needle, expected);
    }

    #[test]
    fn no_bytes_panic(record in any_bytes(400), size in 0..200_u32) {
        let mut sized = record.to_vec();
        if let Some(field) = sized.get_mut(12..16) {
            field.copy_from_slice(&size.to_be_bytes());
        }
        for version in [Version::V1, Version::V2, Version::V3] {
            let _ = decode(&record, version);
            let _ = decode(&sized.clone().into(), version);
            let _ = kind(0, &record, version);
        }
        let _ = meta_is_whole(&record);
    }

    #[test]
    fn cut_records_are_damaged(needle in any_needle(), cut: prop::sample::Index) {
        let record = encode(&needle, 1);
        let without_padding = HEADER_BYTES + size(&needle).expect("fits") as usize + Version::V3.trailer_bytes();
        let cut = cut.index(without_padding);
        prop_assert!(decode(&record[..cut].to_vec().into(), Version::V3).is_err());
    }
}
