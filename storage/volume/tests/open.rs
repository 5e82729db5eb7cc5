//! Opening volumes whose files are damaged, foreign or nonsense.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::sync::Arc;

use common::{COOKIE, ID, data, dir, file, get, healthy, make, needle, open, try_open};
use proptest::prelude::*;
use types::{Collection, NeedleKey, VolumeId};
use volume::{
    AppendError, DeleteError, Discovered, OpenError, ReadError, Recovery, Volume, discover,
    faulty::{Faults, FaultyDisk},
};

/// Needles 1 to 30 with 5 deleted, 6 overwritten, 7 deleted and back, 8 empty; closed.
async fn volume_of_thirty() -> FaultyDisk {
    let disk = healthy();
    let volume = make(&disk);
    for key in 1..=30 {
        volume
            .append(needle(key, 0, if key == 8 { 0 } else { 40 * usize::try_from(key).unwrap() }))
            .await
            .unwrap();
    }
    volume.delete(NeedleKey(5), COOKIE).await.unwrap();
    volume.append(needle(6, 1, 77)).await.unwrap();
    volume.delete(NeedleKey(7), COOKIE).await.unwrap();
    volume.append(needle(7, 2, 78)).await.unwrap();
    volume.close().await;
    disk
}

async fn check_thirty(volume: &Volume, when: &str) {
    for key in 1..=30 {
        let expected = match key {
            5 => None,
            6 => Some(data(6, 1, 77)),
            7 => Some(data(7, 2, 78)),
            8 => Some(data(8, 0, 0)),
            key => Some(data(key, 0, 40 * usize::try_from(key).unwrap())),
        };
        assert_eq!(get(volume, key).await, expected, "{when}: needle {key}");
    }
    assert_eq!(get(volume, 31).await, None, "{when}");
    let stat = volume.stat();
    assert_eq!((stat.needle_count, stat.deleted_count, stat.max_key), (29, 3, NeedleKey(30)), "{when}");
}

/// Opens with this index file; the answers and, after that, the index file must be as ever.
async fn check_index(disk: &FaultyDisk, rows: &[u8], when: &str) -> Recovery {
    let good = disk.content(&file("idx")).unwrap();
    let disk = disk.after_kill(1);
    disk.plant(&file("idx"), rows);
    let volume = open(&disk);
    let recovery = volume.recovery().clone();
    check_thirty(&volume, when).await;
    volume.close().await;
    let written = deletes_alike(disk.content(&file("idx")).unwrap());
    assert_eq!(hex::encode(written), hex::encode(&good), "{when}: the rows are written again");
    let volume = open(&disk);
    assert_eq!(volume.recovery(), &Recovery::default(), "{when}");
    check_thirty(&volume, when).await;
    recovery
}

/// Any negative size deletes: a torn one still says so.
fn deletes_alike(mut rows: Vec<u8>) -> Vec<u8> {
    rows.chunks_mut(16).filter(|row| row[12] & 0x80 != 0).for_each(|row| row[12..].fill(0xff));
    rows
}

#[tokio::test]
async fn the_index_file_is_caught_up_from_any_length() {
    let disk = volume_of_thirty().await;
    let rows = disk.content(&file("idx")).unwrap();
    for length in 0..=rows.len() {
        let recovery = check_index(&disk, &rows[..length], &format!("{length} bytes")).await;
        assert_eq!(recovery.records_recovered, (rows.len() / 16 - length / 16) as u64);
        assert_eq!(recovery.set_aside, Vec::<std::path::PathBuf>::new());
    }
}

#[tokio::test]
async fn lost_pages_of_the_index_file_are_made_good() {
    let disk = volume_of_thirty().await;
    let rows = disk.content(&file("idx")).unwrap();
    for from in 0..rows.len() {
        // A page in the middle is longer than a row; the last one holds any part of one.
        for to in [from + 16, from + 30, from + 64, rows.len()] {
            let mut torn = rows.clone();
            let to = to.min(rows.len());
            torn[from..to].fill(0);
            if to - from >= 16 || to == rows.len() {
                check_index(&disk, &torn, &format!("bytes {from} to {to} lost")).await;
            }
        }
    }
}

#[tokio::test]
async fn rows_in_another_order_are_not_believed() {
    let disk = volume_of_thirty().await;
    let rows = disk.content(&file("idx")).unwrap();
    // As `weed fix` and a compaction write them: by key, the live ones only.
    let mut by_key: Vec<&[u8]> = rows.chunks(16).collect();
    by_key.reverse();
    by_key.sort_by_key(|row| row[..8].to_vec());
    by_key.dedup_by_key(|row| row[..8].to_vec());
    check_index(&disk, &by_key.concat(), "by key").await;
}

#[tokio::test]
async fn rows_of_needles_that_the_data_file_has_lost_are_kept() {
    let disk = volume_of_thirty().await;
    let (dat, rows) = (disk.content(&file("dat")).unwrap(), disk.content(&file("idx")).unwrap());
    disk.plant(&file("dat"), &dat[..dat.len() / 2]);
    let volume = open(&disk);
    let saved = &volume.recovery().set_aside;
    let lost = saved.iter().find_map(|path| path.to_str().filter(|path| path.contains(".idx.from-")));
    let lost = disk.content(lost.expect("rows set aside").as_ref()).unwrap();
    assert!(rows.ends_with(&lost), "{lost:?}");
    assert_eq!(get(&volume, 1).await, Some(data(1, 0, 40)));
}

#[tokio::test]
async fn rows_of_another_volume_are_set_aside() {
    let disk = volume_of_thirty().await;
    let other = healthy();
    let volume = make(&other);
    for key in 1..5 {
        volume.append(needle(key + 100, 0, 60)).await.unwrap();
    }
    volume.close().await;
    let rows = other.content(&file("idx")).unwrap();
    let recovery = check_index(&disk, &rows, "foreign").await;
    assert!(recovery.index_rebuilt);
    assert_eq!(recovery.set_aside, [dir().join("quarantine/3.idx")]);
}

#[tokio::test]
async fn deletes_that_only_the_index_knows_get_tombstones() {
    let disk = volume_of_thirty().await;
    let mut rows = disk.content(&file("idx")).unwrap();
    for key in [9_u64, 10] {
        rows.extend_from_slice(&key.to_be_bytes());
        rows.extend_from_slice(&[0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
    }
    disk.plant(&file("idx"), &rows);
    let volume = open(&disk);
    assert_eq!((get(&volume, 9).await, get(&volume, 10).await), (None, None));
    assert_eq!(get(&volume, 11).await, Some(data(11, 0, 440)));
    volume.close().await;
    // The data file alone knows it now.
    disk.plant(&file("idx"), &[]);
    let volume = open(&disk);
    assert_eq!((get(&volume, 9).await, get(&volume, 10).await), (None, None));
    assert_eq!(volume.stat().needle_count, 27);
}

#[tokio::test]
async fn damage_in_the_middle_is_corrupt_and_the_rest_is_served() {
    let disk = healthy();
    let volume = make(&disk);
    for key in 1..=10 {
        volume.append(needle(key, 0, 1 << 20)).await.unwrap();
    }
    volume.close().await;
    let mut dat = disk.content(&file("dat")).unwrap();
    dat[8 + 20 + 1000] ^= 1;
    disk.plant(&file("dat"), &dat);
    disk.plant(&file("idx"), &[]);
    let volume = open(&disk);
    assert!(matches!(volume.read(NeedleKey(1), COOKIE).await, Err(ReadError::Corrupt { .. })));
    for key in 2..=10 {
        assert_eq!(get(&volume, key).await, Some(data(key, 0, 1 << 20)));
    }
    assert_eq!(disk.content(&file("dat")).unwrap(), dat, "nothing was cut");
    // Who knows the cookie can heal it.
    volume.append(needle(1, 0, 1 << 20)).await.unwrap();
    assert_eq!(get(&volume, 1).await, Some(data(1, 0, 1 << 20)));
}

#[tokio::test]
async fn a_lost_page_at_the_end_is_a_write_that_never_was() {
    let disk = healthy();
    let volume = make(&disk);
    volume.append(needle(1, 0, 1000)).await.unwrap();
    let kept = disk.content(&file("dat")).unwrap().len();
    let pairs = vec![b'x'; 20_000].into();
    volume.append(volume::Needle { pairs, ..needle(2, 0, 3000) }).await.unwrap();
    volume.append(needle(3, 0, 1000)).await.unwrap();
    volume.close().await;
    let whole = disk.content(&file("dat")).unwrap();
    let rows = disk.content(&file("idx")).unwrap();
    for page in kept.div_ceil(512)..(kept + 23_000) / 512 {
        let disk = disk.after_kill(1);
        let mut torn = whole.clone();
        torn[page * 512..(page + 1) * 512].fill(0);
        disk.plant(&file("dat"), &torn);
        disk.plant(&file("idx"), &rows[..16]);
        let volume = open(&disk);
        assert_eq!(get(&volume, 1).await, Some(data(1, 0, 1000)));
        assert_eq!(get(&volume, 2).await, None, "page {page}");
        assert_eq!(volume.recovery().cut_bytes, (whole.len() - kept) as u64, "page {page}");
        let saved = &volume.recovery().set_aside;
        assert_eq!(saved.len(), 1, "page {page}");
        assert_eq!(disk.content(&saved[0]).unwrap(), &torn[kept..], "page {page}: what was cut is kept");
    }
}

#[tokio::test]
async fn what_was_served_after_a_kill_survives_a_power_loss() {
    let disk = healthy();
    let volume = make(&disk);
    volume.append(needle(1, 0, 1000)).await.unwrap();
    volume.close().await;
    let volume = open(&disk);
    // The write happens, its sync does not.
    disk.set_faults(Faults { crash_at: Some(1), ..Faults::default() });
    assert!(volume.append(needle(2, 0, 1000)).await.is_err());
    let disk = disk.after_kill(1);
    let volume = open(&disk);
    assert_eq!(get(&volume, 2).await, Some(data(2, 0, 1000)));
    assert!(volume.append(needle(2, 0, 1000)).await.unwrap().unchanged, "acknowledged without a write");
    for seed in 0..10 {
        let volume = open(&disk.after_power_loss(seed));
        assert_eq!(get(&volume, 2).await, Some(data(2, 0, 1000)), "seed {seed}");
    }
}

#[tokio::test]
async fn where_the_next_record_cannot_be_found_absence_is_an_error() {
    let disk = healthy();
    let volume = make(&disk);
    volume.append(needle(1, 0, 1000)).await.unwrap();
    volume.close().await;
    let mut dat = disk.content(&file("dat")).unwrap();
    dat.resize(dat.len() + (300 << 20), 0);
    disk.plant(&file("dat"), &dat);
    let volume = open(&disk);
    assert_eq!(get(&volume, 1).await, Some(data(1, 0, 1000)));
    assert!(matches!(volume.read(NeedleKey(2), COOKIE).await, Err(ReadError::Corrupt { .. })));
    assert!(matches!(volume.delete(NeedleKey(2), COOKIE).await, Err(DeleteError::Corrupt { .. })));
    assert!(matches!(volume.append(needle(2, 0, 1)).await, Err(AppendError::ReadOnly { .. })));
    assert_eq!(disk.content(&file("dat")).unwrap().len(), dat.len(), "nothing was cut");
}

/// A version 2 volume: two needles, one deleted, and the start of a third.
fn version_2() -> Vec<u8> {
    let records = [
        "0200000000000000",
        "12345678 0000000000000001 00000015 00000009 313233343536373839 0a 01 61 0000000005 e3069283 0000000000 0000",
        "12345678 0000000000000002 00000015 00000009 313233343536373839 0a 01 61 0000000005 e3069283 0000000000 0000",
        "12345678 0000000000000002 00000000 e3069283 00000000",
        "12345678 0000000000000003 00",
    ];
    hex::decode(records.concat().replace(' ', "")).unwrap()
}

#[tokio::test]
async fn old_versions_are_read_and_left_as_they_are() {
    let disk = healthy();
    disk.plant(&file("dat"), &version_2());
    let volume = open(&disk);
    assert_eq!(get(&volume, 1).await.as_deref(), Some(&b"123456789"[..]));
    assert_eq!(get(&volume, 2).await, None);
    let stat = volume.stat();
    assert_eq!((stat.needle_count, stat.deleted_count), (1, 1));
    assert!(stat.read_only.is_some());
    assert!(matches!(volume.append(needle(4, 0, 1)).await, Err(AppendError::ReadOnly { .. })));
    volume.close().await;
    assert_eq!(disk.content(&file("dat")).unwrap(), version_2());
    assert_eq!(disk.content(&file("idx")), None);
}

#[tokio::test]
async fn the_vif_overrides_and_refuses() {
    let disk = volume_of_thirty().await;
    let open_with = |vif: &str| {
        let disk = disk.after_kill(1);
        disk.plant(&file("vif"), vif.as_bytes());
        try_open(&disk)
    };
    let read_only =
        open_with(r#"{"version":3,"bytesOffset":4,"readOnly":true,"replication":"010"}"#).unwrap();
    assert_eq!(read_only.stat().settings.placement.to_string(), "010");
    check_thirty(&read_only, "read-only").await;
    assert!(matches!(read_only.append(needle(40, 0, 1)).await, Err(AppendError::ReadOnly { .. })));
    for bad in ["{", r#"{"version":9}"#, r#"{"replication":"9"}"#, r#"{"files":[{"backendType":"s3"}]}"#] {
        assert!(matches!(open_with(bad), Err(OpenError::Unreadable { .. })), "{bad}");
    }
    check_thirty(&open_with("").unwrap(), "an empty .vif is an absent one").await;
}

#[test]
fn what_is_no_volume_is_refused() {
    let disk = healthy();
    assert!(matches!(try_open(&disk), Err(OpenError::NotFound(ID))));
    for bad in
        [&b""[..], &[3; 7], &[9, 0, 0, 0, 0, 0, 0, 0], &[3, 9, 0, 0, 0, 0, 0, 0], &[3, 0, 0, 0, 0, 0, 0, 3]]
    {
        disk.plant(&file("dat"), bad);
        assert!(matches!(try_open(&disk), Err(OpenError::Unreadable { .. })), "{bad:?}");
    }
}

#[test]
fn a_volume_that_was_made_survives_a_power_loss() {
    let disk = healthy();
    drop(make(&disk));
    for seed in 0..20 {
        let volume = open(&disk.after_power_loss(seed));
        assert_eq!(volume.stat().size_bytes, 8);
    }
    let again = Volume::create(Arc::new(disk), dir(), common::settings(), &common::durable());
    assert!(matches!(again, Err(volume::CreateError::Exists(ID))));
    let coded = healthy();
    coded.plant(&file("ecx"), &[]);
    let beside = Volume::create(Arc::new(coded), dir(), common::settings(), &common::durable());
    assert!(matches!(beside, Err(volume::CreateError::Exists(ID))));
}

#[test]
fn a_full_disk_makes_no_volume() {
    let disk = FaultyDisk::new(1, Faults { capacity_bytes: Some(100), ..Faults::default() });
    let made = Volume::create(Arc::new(disk.clone()), dir(), common::settings(), &common::durable());
    assert!(matches!(made, Err(volume::CreateError::NoSpace(ID))));
    disk.set_faults(Faults::default());
    drop(make(&disk));
}

#[test]
fn discovery_finds_volumes_and_sets_leftovers_aside() {
    let disk = healthy();
    let superblock = [3, 0, 0, 0, 0, 0, 0, 0];
    for (name, content) in [
        ("1.dat", &superblock[..]),
        ("1.idx", &[]),
        ("1.sdx", &[]),
        ("a_b_2.dat", &superblock),
        ("a_b_2.cpd", &[1]),
        ("a_b_2.cpx", &[1]),
        ("3.dat", &superblock),
        ("3.note", &[]),
        ("4.idx", &[]),
        ("5.dat", &[3, 0]),
        ("6.ecx", &[]),
        ("6.ec00", &[]),
        ("6.vif", &[]),
        ("7.dat", &superblock),
        ("7.idx", &[9]),
        ("7.cpc", &[]),
        ("vol_dir.uuid", &[]),
    ] {
        disk.plant(&dir().join(name), content);
    }
    let found = discover(&disk, dir()).unwrap();
    let volume = |collection: &str, id| (collection.parse::<Collection>().unwrap(), VolumeId(id));
    let aside = ["3.dat", "3.note", "4.idx", "5.dat", "7.cpc", "7.idx", "a_b_2.cpd", "a_b_2.cpx"];
    assert_eq!(
        found,
        Discovered {
            volumes: vec![volume("", 1), volume("", 7), volume("a_b", 2)],
            erasure_coded: vec![volume("", 6)],
            set_aside: aside.map(|name| dir().join("quarantine").join(name)).to_vec(),
        }
    );
    let again = discover(&disk, dir()).unwrap();
    assert_eq!((again.volumes, again.set_aside), (found.volumes, vec![]));
    assert_eq!(disk.content(&dir().join("quarantine/5.dat")), Some(vec![3, 0]));
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_files_panic(superblock in prop_oneof![Just([3_u8, 0, 0, 0, 0, 0, 0, 0]), any::<[u8; 8]>()],
        dat: Vec<u8>, idx: Vec<u8>, vif in prop_oneof![Just(Vec::new()), any::<Vec<u8>>()]) {
        let disk = healthy();
        disk.plant(&file("dat"), &[&superblock[..], &dat].concat());
        disk.plant(&file("idx"), &idx);
        disk.plant(&file("vif"), &vif);
        runtime().block_on(async {
            let Ok(volume) = try_open(&disk) else { return };
            let _ = volume.append(needle(1, 0, 10)).await;
            let _ = volume.read(NeedleKey(1), COOKIE).await;
            volume.close().await;
        });
    }

    /// Bytes changed anywhere: what is served is what was stored, and nothing panics.
    #[test]
    fn damaged_files_serve_no_wrong_byte(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 1..40_usize), 1..6),
        in_dat: bool, cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        runtime().block_on(async {
            let disk = volume_of_thirty().await;
            let path = file(if in_dat { "dat" } else { "idx" });
            let mut bytes = disk.content(&path).unwrap();
            for (at, value, length) in damage {
                let from = at.index(bytes.len());
                let to = (from + length).min(bytes.len());
                bytes[from..to].fill(value);
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            disk.plant(&path, &bytes);
            let Ok(volume) = try_open(&disk) else { return };
            for key in 1..=30 {
                let Ok((found, _)) = volume.read(NeedleKey(key), COOKIE).await else { continue };
                let versions = (0..3).flat_map(|version| {
                    [0, 77, 78, 40 * usize::try_from(key).unwrap()].map(|bytes| data(key, version, bytes))
                });
                assert!(versions.into_iter().any(|data| data == found.data), "needle {key}: {found:?}");
            }
            let _ = volume.append(needle(50, 0, 99)).await;
            volume.close().await;
            assert!(try_open(&disk).is_ok());
        });
    }
}
