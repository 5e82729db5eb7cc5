//! What a volume promises when nothing fails.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::{
    collections::HashMap,
    fs::File,
    io::{self, IoSlice},
    os::unix::fs::FileExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use common::{
    COOKIE, ID, ManualClock, data, durable, file, get, healthy, make, needle, open, options, settings,
};
use parking_lot::{Condvar, Mutex};
use types::{Collection, Cookie, Durability, NeedleKey, Ttl};
use volume::{
    AppendError, DeleteError, Disk, DiskFile, IndexWidth, Needle, Options, ReadError, RealDisk, Volume,
    VolumeSettings,
};

#[tokio::test]
async fn appends_reads_and_deletes() {
    for durability in [Durability::Disk, Durability::Memory] {
        let temp = tempfile::tempdir().unwrap();
        let options = options(durability, IndexWidth::Five);
        let disk = Arc::new(RealDisk);
        let volume = Volume::create(disk.clone(), temp.path(), settings(), &options).unwrap();
        let stored = needle(7, 0, 3000);
        let done = volume.append(stored.clone()).await.unwrap();
        assert_eq!((done.size_bytes, done.unchanged), (3000, false));
        assert_eq!(done.crc, crc_fast::crc32_iscsi(&stored.data));
        assert_eq!(volume.read(NeedleKey(7), COOKIE).await.unwrap(), (stored.clone(), done.crc));
        let large = needle(8, 0, 5 << 20);
        volume.append(large.clone()).await.unwrap();
        assert_eq!(volume.read(NeedleKey(8), COOKIE).await.unwrap().0, large);
        assert!(matches!(volume.read(NeedleKey(7), Cookie(1)).await, Err(ReadError::WrongCookie(_))));
        assert!(matches!(volume.read(NeedleKey(9), COOKIE).await, Err(ReadError::NotFound(_))));
        assert!(matches!(volume.delete(NeedleKey(7), Cookie(1)).await, Err(DeleteError::WrongCookie(_))));
        assert_eq!(volume.delete(NeedleKey(7), COOKIE).await.unwrap().size_bytes, 3000);
        assert!(matches!(volume.delete(NeedleKey(7), COOKIE).await, Err(DeleteError::NotFound(_))));
        assert_eq!(get(&volume, 7).await, None);
        let stat = volume.stat();
        assert_eq!((stat.needle_count, stat.deleted_count, stat.max_key), (1, 1, NeedleKey(8)));
        volume.close().await;
        assert!(matches!(volume.append(needle(10, 0, 1)).await, Err(AppendError::Closed(ID))));
        assert!(matches!(volume.delete(NeedleKey(8), COOKIE).await, Err(DeleteError::Closed(ID))));
        assert_eq!(get(&volume, 8).await, Some(large.data.clone()), "reads go on");
        let volume = Volume::open(disk, temp.path(), &Collection::default(), ID, &options).unwrap();
        assert_eq!(volume.stat(), stat_without_index_size(&volume, stat));
        assert_eq!(get(&volume, 8).await, Some(large.data));
    }
}

fn stat_without_index_size(volume: &Volume, stat: volume::Stat) -> volume::Stat {
    volume::Stat { index_bytes: volume.stat().index_bytes, ..stat }
}

#[tokio::test]
async fn the_same_needle_again_is_unchanged_and_another_cookie_is_refused() {
    let disk = healthy();
    let volume = make(&disk);
    volume.append(needle(1, 0, 100)).await.unwrap();
    let size = volume.stat().size_bytes;
    let later = Needle { modified_secs: 1_800_000_000, ..needle(1, 0, 100) };
    assert!(volume.append(later).await.unwrap().unchanged);
    assert_eq!(volume.stat().size_bytes, size);
    let other = Needle { cookie: Cookie(5), ..needle(1, 0, 100) };
    assert!(matches!(volume.append(other.clone()).await, Err(AppendError::WrongCookie(_))));
    let renamed = Needle { name: "else".into(), ..needle(1, 0, 100) };
    assert!(!volume.append(renamed.clone()).await.unwrap().unchanged);
    assert_eq!(volume.read(NeedleKey(1), COOKIE).await.unwrap().0, renamed);
    volume.append(needle(1, 1, 0)).await.unwrap();
    assert_eq!(get(&volume, 1).await, Some(Bytes::new()), "overwritten by an empty one");
    assert!(volume.append(needle(1, 1, 0)).await.unwrap().unchanged);
    volume.delete(NeedleKey(1), COOKIE).await.unwrap();
    volume.append(other).await.unwrap();
    assert!(volume.read(NeedleKey(1), Cookie(5)).await.is_ok(), "a key that was deleted is free");
}

#[tokio::test]
async fn empty_needles_and_their_tombstones_survive_without_an_index() {
    let disk = healthy();
    let volume = make(&disk);
    volume.append(needle(1, 0, 0)).await.unwrap();
    volume.append(needle(2, 0, 10)).await.unwrap();
    volume.append(needle(2, 1, 0)).await.unwrap();
    volume.append(needle(3, 0, 0)).await.unwrap();
    volume.delete(NeedleKey(3), COOKIE).await.unwrap();
    volume.close().await;
    disk.plant(&file("idx"), &[]);
    let volume = open(&disk);
    assert_eq!(get(&volume, 1).await, Some(Bytes::new()));
    assert_eq!(get(&volume, 2).await, Some(Bytes::new()));
    assert_eq!(get(&volume, 3).await, None);
}

#[tokio::test]
async fn moments_of_appends_only_grow() {
    let disk = healthy();
    let volume = make(&disk); // its clock stands still
    for key in 1..5 {
        volume.append(needle(key, 0, 10)).await.unwrap();
    }
    volume.close().await;
    let volume = open(&disk);
    volume.append(needle(5, 0, 10)).await.unwrap();
    let dat = disk.content(&file("dat")).unwrap();
    let mut moments = Vec::new();
    let mut at = 8;
    while at < dat.len() {
        let size = u32::from_be_bytes(dat[at + 12..at + 16].try_into().unwrap()) as usize;
        let moment = at + 16 + size + 4;
        moments.push(u64::from_be_bytes(dat[moment..moment + 8].try_into().unwrap()));
        at = (moment + 8) / 8 * 8 + 8;
    }
    let first = 1_700_000_000_000_000_000;
    assert_eq!(moments, [first, first + 1, first + 2, first + 3, first + 4]);
}

#[tokio::test]
async fn needles_end_with_their_ttl() {
    let clock = Arc::new(ManualClock::default());
    clock.set_secs(1_700_000_000);
    let options = Options { clock: clock.clone(), ..durable() };
    let disk = Arc::new(healthy());
    let ttl: Ttl = "3m".parse().unwrap();
    let plain = Volume::create(disk.clone(), Path::new("/a"), settings(), &options).unwrap();
    plain.append(Needle { ttl, ..needle(1, 0, 10) }).await.unwrap();
    plain.append(needle(2, 0, 10)).await.unwrap();
    let with_ttl = VolumeSettings { ttl, ..settings() };
    let volume = Volume::create(disk, Path::new("/b"), with_ttl, &options).unwrap();
    volume.append(needle(1, 0, 10)).await.unwrap();
    volume.append(needle(2, 0, 10)).await.unwrap();
    clock.set_secs(1_700_000_000 + 179);
    assert!(get(&plain, 1).await.is_some());
    assert!(get(&volume, 1).await.is_some());
    assert!(!volume.append(needle(2, 0, 10)).await.unwrap().unchanged, "its life begins anew");
    clock.set_secs(1_700_000_000 + 180);
    assert_eq!(get(&plain, 1).await, None);
    assert!(get(&plain, 2).await.is_some());
    assert_eq!(get(&volume, 1).await, None);
    assert!(get(&volume, 2).await.is_some());
}

/// Sparse needles up to 32 GiB: where the widths part.
#[tokio::test]
async fn four_bytes_end_at_32_gib_and_five_do_not() {
    for width in [IndexWidth::Four, IndexWidth::Five] {
        let temp = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let options = options(Durability::Disk, width);
        let disk = Arc::new(RealDisk);
        Volume::create(disk.clone(), temp.path(), settings(), &options).unwrap().close().await;
        fill_sparsely(temp.path(), width);
        let reopen =
            || Volume::open(disk.clone(), temp.path(), &Collection::default(), ID, &options).unwrap();
        let volume = reopen();
        assert_eq!(volume.recovery(), &volume::Recovery::default());
        assert_eq!(volume.stat().needle_count, 17);
        let appended = volume.append(needle(100, 0, 5000)).await;
        if width == IndexWidth::Four {
            assert!(matches!(appended, Err(AppendError::Full(ID))), "{appended:?}");
            assert!(matches!(volume.delete(NeedleKey(1), COOKIE).await, Err(DeleteError::NoSpace(ID))));
            assert_eq!(volume.stat().read_only, None);
            continue;
        }
        appended.unwrap();
        volume.close().await;
        let volume = reopen();
        assert_eq!(get(&volume, 100).await, Some(data(100, 0, 5000)));
        volume.delete(NeedleKey(1), COOKIE).await.unwrap();
        volume.close().await;
        assert_eq!(reopen().stat().needle_count, 17);
    }
}

/// 17 needles without data to speak of, ending 16 bytes before 32 GiB.
fn fill_sparsely(dir: &Path, width: IndexWidth) {
    let dat = File::options().write(true).open(dir.join("3.dat")).unwrap();
    let idx = File::options().write(true).open(dir.join("3.idx")).unwrap();
    let mut at = 8_u64;
    let mut rows = Vec::new();
    for key in 1..=17_u64 {
        let disk_bytes = if key == 17 { 1000 } else { (1 << 31) - 64 };
        let size = u32::try_from(disk_bytes - 36).unwrap().to_be_bytes();
        dat.write_all_at(&[&COOKIE.0.to_be_bytes()[..], &key.to_be_bytes(), &size].concat(), at).unwrap();
        rows.extend_from_slice(&key.to_be_bytes());
        rows.extend_from_slice(&u32::try_from(at / 8).unwrap().to_be_bytes());
        rows.extend(std::iter::repeat_n(0, width.offset_bytes() - 4));
        rows.extend_from_slice(&size);
        at += disk_bytes;
    }
    assert_eq!(at, (1 << 35) - 16);
    dat.set_len(at).unwrap();
    idx.write_all_at(&rows, 0).unwrap();
}

/// A disk whose syncs wait until they are let through.
#[derive(Clone, Default)]
struct GatedDisk {
    gate: Arc<(Mutex<Gate>, Condvar)>,
}

#[derive(Default)]
struct Gate {
    is_shut: bool,
    syncs: u64,
}

struct GatedFile(Arc<dyn DiskFile>, GatedDisk);

impl GatedDisk {
    fn shut(&self, is_shut: bool) {
        self.gate.0.lock().is_shut = is_shut;
        self.gate.1.notify_all();
    }

    fn syncs(&self) -> u64 {
        self.gate.0.lock().syncs
    }
}

impl Disk for GatedDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(GatedFile(RealDisk.open(path)?, self.clone())))
    }
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(GatedFile(RealDisk.create(path)?, self.clone())))
    }
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
}

impl DiskFile for GatedFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }
    fn try_read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.try_read_at(buf, offset)
    }
    fn write_vectored_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.0.write_vectored_at(bufs, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        let mut gate = self.1.gate.0.lock();
        gate.syncs += 1;
        while gate.is_shut {
            self.1.gate.1.wait(&mut gate);
        }
        Ok(())
    }
    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
    fn len_bytes(&self) -> io::Result<u64> {
        self.0.len_bytes()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appends_share_a_sync_and_are_readable_only_after_it() {
    let temp = tempfile::tempdir().unwrap();
    let disk = GatedDisk::default();
    let volume = Volume::create(Arc::new(disk.clone()), temp.path(), settings(), &durable()).unwrap();
    volume.append(needle(1, 0, 10)).await.unwrap();
    disk.shut(true);
    let before = disk.syncs();
    let begun = Arc::new(AtomicU64::new(0));
    let append = |key| {
        let (volume, begun) = (volume.clone(), begun.clone());
        tokio::spawn(async move {
            begun.fetch_add(1, Ordering::SeqCst);
            volume.append(needle(key, 0, 10)).await
        })
    };
    let first = append(2);
    while disk.syncs() == before {
        tokio::task::yield_now().await;
    }
    let others: Vec<_> = (3..103).map(append).collect();
    while begun.load(Ordering::SeqCst) < 101 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await; // the last of them queues
    assert_eq!(get(&volume, 2).await, None, "written, but not acknowledged");
    assert_eq!(get(&volume, 1).await, Some(data(1, 0, 10)), "reads do not wait for the writer");
    assert!(!first.is_finished());
    disk.shut(false);
    first.await.unwrap().unwrap();
    for other in others {
        other.await.unwrap().unwrap();
    }
    assert!(disk.syncs() - before <= 4, "{} syncs for 101 appends", disk.syncs() - before);
    assert_eq!(get(&volume, 102).await, Some(data(102, 0, 10)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_racing_cookies_one_wins() {
    for durability in [Durability::Disk, Durability::Memory] {
        let temp = tempfile::tempdir().unwrap();
        let options = options(durability, IndexWidth::Four);
        let volume = Volume::create(Arc::new(RealDisk), temp.path(), settings(), &options).unwrap();
        for key in 1..20 {
            let racers = (0..8_u32).map(|cookie| {
                let volume = volume.clone();
                let cookie = Cookie(cookie);
                tokio::spawn(
                    async move { (cookie, volume.append(Needle { cookie, ..needle(key, 0, 50) }).await) },
                )
            });
            let mut winners = Vec::new();
            for racer in racers.collect::<Vec<_>>() {
                match racer.await.unwrap() {
                    (cookie, Ok(_)) => winners.push(cookie),
                    (_, Err(AppendError::WrongCookie(_))) => {}
                    (_, Err(error)) => panic!("{error}"),
                }
            }
            assert_eq!(winners.len(), 1, "key {key}");
            assert!(volume.read(NeedleKey(key), winners[0]).await.is_ok());
        }
    }
}

/// Tasks that each own some keys, all on one volume: every answer is what a map would answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_agree_with_maps() {
    for durability in [Durability::Disk, Durability::Memory] {
        let temp = tempfile::tempdir().unwrap();
        let options = options(durability, IndexWidth::Four);
        let disk = Arc::new(RealDisk);
        let volume = Volume::create(disk.clone(), temp.path(), settings(), &options).unwrap();
        let tasks: Vec<_> = (0..12).map(|task| tokio::spawn(own_keys(volume.clone(), task))).collect();
        let mut all = HashMap::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        let live = all.values().flatten().count() as u64;
        assert_eq!(volume.stat().needle_count, live);
        volume.close().await;
        let volume = Volume::open(disk, temp.path(), &Collection::default(), ID, &options).unwrap();
        assert_eq!(volume.recovery(), &volume::Recovery::default());
        assert_eq!(volume.stat().needle_count, live);
        for (key, expected) in all {
            assert_eq!(get(&volume, key).await, expected, "{durability} needle {key}");
        }
    }
}

async fn own_keys(volume: Volume, task: u64) -> HashMap<u64, Option<Bytes>> {
    let mut model: HashMap<u64, Option<Bytes>> = HashMap::new();
    let mut random = task + 1;
    for step in 0..400 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let key = 1 + task + 12 * (random >> 33) % (12 * 20) / 12 * 12;
        let held = model.get(&key).cloned().flatten();
        match (random >> 20) % 10 {
            0..5 => {
                let bytes = usize::try_from((random >> 40) % 3000).unwrap();
                volume.append(needle(key, step, bytes)).await.unwrap();
                model.insert(key, Some(data(key, step, bytes)));
            }
            5..7 => {
                let deleted = volume.delete(NeedleKey(key), COOKIE).await;
                assert_eq!(deleted.is_ok(), held.is_some(), "{deleted:?}");
                model.insert(key, None);
            }
            _ => assert_eq!(get(&volume, key).await, held),
        }
    }
    model
}
