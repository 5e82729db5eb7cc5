//! Two million needles in a real volume: what the process pays for them.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::{fs, os::unix::fs::FileExt, path::Path, sync::Arc};

use common::{COOKIE, ID, options, settings};
use types::{Collection, Durability, NeedleKey};
use volume::{IndexWidth, RealDisk, Volume};

const COUNT: u64 = 2_000_000;
const RECORD_BYTES: u64 = 4096;

/// Resident memory of this process. This file holds one test, so nothing else moves it.
fn resident_bytes() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Rows of needles that are holes in the data file, with headers where they are looked at.
fn fill(dir: &Path, width: IndexWidth) {
    let dat = fs::File::options().write(true).open(dir.join("3.dat")).unwrap();
    let size = u32::try_from(RECORD_BYTES - 36).unwrap().to_be_bytes();
    let mut rows = Vec::new();
    for key in 1..=COUNT {
        let at = 8 + (key - 1) * RECORD_BYTES;
        let header = || [&COOKIE.0.to_be_bytes()[..], &key.to_be_bytes(), &size].concat();
        if (key - 1) % (1 << 16) == 0 || key >= COUNT - 1 {
            dat.write_all_at(&header(), at).unwrap();
        }
        rows.extend_from_slice(&key.to_be_bytes());
        rows.extend_from_slice(&u32::try_from(at / 8).unwrap().to_be_bytes());
        rows.extend(std::iter::repeat_n(0, width.offset_bytes() - 4));
        rows.extend_from_slice(&size);
    }
    dat.set_len(8 + COUNT * RECORD_BYTES).unwrap();
    fs::write(dir.join("3.idx"), rows).unwrap();
}

#[tokio::test]
async fn two_million_needles_take_at_most_16_bytes_each() {
    for width in [IndexWidth::Four, IndexWidth::Five] {
        let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let options = options(Durability::Disk, width);
        let disk = Arc::new(RealDisk);
        Volume::create(disk.clone(), temp.path(), settings(), &options).unwrap().close().await;
        fill(temp.path(), width);
        let before = resident_bytes();
        let volume = Volume::open(disk, temp.path(), &Collection::default(), ID, &options).unwrap();
        let grown = resident_bytes().saturating_sub(before);
        let stat = volume.stat();
        println!("{width:?}: resident {} bytes, counted {} bytes", grown, stat.index_bytes);
        assert_eq!((stat.needle_count, stat.max_key), (COUNT, NeedleKey(COUNT)));
        assert!(stat.index_bytes as u64 <= 16 * COUNT, "{}", stat.index_bytes);
        assert!(grown <= 16 * COUNT, "{grown} bytes resident");
    }
}
