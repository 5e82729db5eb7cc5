//! The promise under faults: what was acknowledged is there, what was not is whole or absent, and the volume goes on.
#![allow(clippy::expect_used, clippy::unwrap_used)]

mod common;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use common::{COOKIE, data, durable, file, get, healthy, make, needle, open, settings, try_open};
use types::NeedleKey;
use volume::{
    AppendError, DeleteError, Needle, ReadError, Volume, discover,
    faulty::{Faults, FaultyDisk},
};

/// What may be found of a needle after a crash: any one of these.
type Allowed = BTreeMap<u64, Vec<Option<Bytes>>>;

/// Makes a volume, appends, overwrites and deletes until the disk dies; what may then be found.
async fn workload(disk: &FaultyDisk) -> Allowed {
    let mut allowed = Allowed::new();
    let created = Volume::create(Arc::new(disk.clone()), common::dir(), settings(), &durable());
    let Ok(volume) = created else { return allowed };
    for step in 0..24_u64 {
        let key = step % 9 + 1;
        let before = allowed.get(&key).and_then(|states| states.last().cloned().flatten());
        let after = if step % 5 == 4 { None } else { Some(data(key, step, sizes(step))) };
        let done = match &after {
            Some(data) => {
                let needle = Needle { data: data.clone(), ..needle(key, step, 0) };
                volume.append(needle).await.is_ok()
            }
            None if before.is_none() => continue,
            None => volume.delete(NeedleKey(key), COOKIE).await.is_ok(),
        };
        if done {
            allowed.insert(key, vec![after]);
        } else {
            allowed.insert(key, vec![before, after]);
            return allowed;
        }
        if step == 15 {
            // A second life: the next writes come after a clean close.
            volume.close().await;
            let Ok(again) = try_open(disk) else { return allowed };
            let rest = rest_of_workload(&again, &mut allowed).await;
            if rest {
                again.close().await;
            }
            return allowed;
        }
    }
    allowed
}

async fn rest_of_workload(volume: &Volume, allowed: &mut Allowed) -> bool {
    for key in 20..24 {
        // Several at once, so that they share a batch.
        let appends = [key, key + 100, key + 200].map(|key| {
            let volume = volume.clone();
            async move { (key, volume.append(needle(key, 0, 1500)).await.is_ok()) }
        });
        let [a, b, c] = appends;
        let outcomes = tokio::join!(a, b, c);
        for (key, done) in [outcomes.0, outcomes.1, outcomes.2] {
            let whole = Some(data(key, 0, 1500));
            allowed.insert(key, if done { vec![whole] } else { vec![None, whole] });
        }
        if ![outcomes.0, outcomes.1, outcomes.2].iter().all(|(_, done)| *done) {
            return false;
        }
    }
    true
}

fn sizes(step: u64) -> usize {
    [0, 1, 100, 700, 4000, 9000][usize::try_from(step).unwrap() % 6]
}

/// Opens what a crash left, checks the promise, goes on writing, closes and checks again.
async fn check_survivor(disk: &FaultyDisk, allowed: &Allowed, when: &str) {
    let found = discover(disk, common::dir()).expect("discover");
    if found.volumes.is_empty() {
        assert!(allowed.is_empty(), "{when}: the volume is gone");
        return;
    }
    let volume = try_open(disk).unwrap_or_else(|error| panic!("{when}: {error:?}"));
    assert_eq!(volume.stat().read_only, None, "{when}");
    let mut held = BTreeMap::new();
    for (key, states) in allowed {
        let found = get(&volume, *key).await;
        assert!(states.contains(&found), "{when}: needle {key} is {found:?}");
        held.insert(*key, found);
    }
    let again = needle(999, 0, 600);
    volume.append(again.clone()).await.unwrap_or_else(|error| panic!("{when}: {error}"));
    volume.close().await;
    let volume = open(disk);
    assert_eq!(
        volume.recovery(),
        &volume::Recovery::default(),
        "{when}: a closed volume has nothing to recover"
    );
    assert_eq!(get(&volume, 999).await, Some(again.data), "{when}");
    for (key, found) in held {
        assert_eq!(get(&volume, key).await, found, "{when}: needle {key} changed");
    }
}

fn changes_in_workload(runtime: &tokio::runtime::Runtime) -> u64 {
    let disk = healthy();
    let allowed = runtime.block_on(workload(&disk));
    assert!(allowed.values().all(|states| states.len() == 1), "nothing failed");
    disk.changes()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn acknowledged_needles_survive_a_crash_at_any_change() {
    let runtime = runtime();
    for crash_at in 0..changes_in_workload(&runtime) {
        let disk = FaultyDisk::new(crash_at, Faults { crash_at: Some(crash_at), ..Faults::default() });
        runtime.block_on(async {
            let allowed = workload(&disk).await;
            check_survivor(&disk.after_kill(7), &allowed, &format!("killed at {crash_at}")).await;
            for seed in 0..6 {
                let when = format!("power lost at {crash_at}, seed {seed}");
                check_survivor(&disk.after_power_loss(seed), &allowed, &when).await;
            }
        });
    }
}

/// The same, when the machine dies again while the volume is being opened.
#[test]
fn a_crash_while_opening_loses_nothing() {
    let runtime = runtime();
    let all = changes_in_workload(&runtime);
    for crash_at in (0..all).step_by(5) {
        let disk = FaultyDisk::new(crash_at, Faults { crash_at: Some(crash_at), ..Faults::default() });
        let allowed = runtime.block_on(workload(&disk));
        for second in 0..12 {
            let once = disk.after_power_loss(second);
            once.set_faults(Faults { crash_at: Some(second), ..Faults::default() });
            runtime.block_on(async {
                if let Ok(volume) = discover(&once, common::dir()).map(|_| try_open(&once)) {
                    drop(volume);
                }
                let twice = once.after_power_loss(second + 100);
                check_survivor(&twice, &allowed, &format!("died at {crash_at}, then at {second}")).await;
            });
        }
    }
}

#[tokio::test]
async fn a_failed_sync_ends_writing_and_acknowledges_nothing() {
    let disk = healthy();
    let volume = make(&disk);
    volume.append(needle(1, 0, 500)).await.unwrap();
    disk.set_faults(Faults { fail_sync: Some(0), ..Faults::default() });
    let refused = volume.append(needle(2, 0, 500)).await;
    assert!(matches!(refused, Err(AppendError::Disk { .. })), "{refused:?}");
    let reason = volume.stat().read_only.expect("read-only at once");
    assert!(reason.contains("sync"), "{reason}");
    // The next sync would go through: nothing is retried on this descriptor.
    let writes = disk.changes();
    let refused = volume.append(needle(3, 0, 500)).await;
    assert!(matches!(refused, Err(AppendError::ReadOnly { .. })), "{refused:?}");
    let refused = volume.delete(NeedleKey(1), COOKIE).await;
    assert!(matches!(refused, Err(DeleteError::ReadOnly { .. })), "{refused:?}");
    volume.close().await;
    assert!(disk.changes() <= writes + 2, "only the index file was finished");
    assert_eq!(get(&volume, 1).await, Some(data(1, 0, 500)));
    assert_eq!(get(&volume, 2).await, None, "it was never acknowledged");
    for seed in 0..20 {
        let volume = open(&disk.after_power_loss(seed));
        assert_eq!(get(&volume, 1).await, Some(data(1, 0, 500)), "seed {seed}");
        let second = get(&volume, 2).await;
        assert!(second.is_none() || second == Some(data(2, 0, 500)), "seed {seed}: {second:?}");
    }
}

#[tokio::test]
async fn a_failed_write_ends_writing() {
    let disk = healthy();
    let volume = make(&disk);
    volume.append(needle(1, 0, 500)).await.unwrap();
    volume.close().await;
    let volume = open(&disk);
    disk.set_faults(Faults { crash_at: Some(0), ..Faults::default() });
    let refused = volume.append(needle(2, 0, 500)).await;
    assert!(matches!(refused, Err(AppendError::Disk { .. })), "{refused:?}");
    assert!(volume.stat().read_only.is_some());
}

#[tokio::test]
async fn a_full_disk_refuses_and_leaves_the_volume_as_it_was() {
    for room in [0, 1, 31, 500, 1039] {
        let disk = healthy();
        let volume = make(&disk);
        volume.append(needle(1, 0, 500)).await.unwrap();
        volume.close().await;
        let volume = open(&disk);
        let before = disk.content(&file("dat")).unwrap();
        let used: usize =
            ["dat", "idx", "vif"].iter().map(|name| disk.content(&file(name)).unwrap().len()).sum();
        let capacity_bytes = Some(used as u64 + room);
        disk.set_faults(Faults { capacity_bytes, ..Faults::default() });
        let refused = volume.append(needle(2, 0, 1000)).await;
        assert!(matches!(refused, Err(AppendError::NoSpace(_))), "room {room}: {refused:?}");
        assert_eq!(disk.content(&file("dat")).unwrap(), before, "room {room}");
        assert_eq!(volume.stat().read_only, None, "room {room}");
        assert_eq!(get(&volume, 1).await, Some(data(1, 0, 500)));
        disk.set_faults(Faults::default());
        volume.append(needle(2, 0, 1000)).await.unwrap();
        volume.close().await;
        let volume = open(&disk);
        assert_eq!(get(&volume, 2).await, Some(data(2, 0, 1000)), "room {room}");
        assert_eq!(volume.stat().needle_count, 2);
    }
}

#[tokio::test]
async fn flipped_bits_are_never_served() {
    let disk = healthy();
    let volume = make(&disk);
    for key in 1..20 {
        volume.append(needle(key, 0, 300)).await.unwrap();
    }
    disk.set_faults(Faults { flip_reads: true, ..Faults::default() });
    let (mut corrupt, mut rounds) = (0, 0);
    for round in 0..200 {
        let key = round % 19 + 1;
        rounds += 1;
        match volume.read(NeedleKey(key), COOKIE).await {
            Ok((found, _)) => assert_eq!(found.data, data(key, 0, 300), "round {round}"),
            Err(ReadError::Corrupt { .. }) => corrupt += 1,
            Err(ReadError::WrongCookie(_)) => {} // the bit was in the cookie
            Err(error) => panic!("round {round}: {error}"),
        }
    }
    assert!(corrupt > rounds / 2, "{corrupt} of {rounds}: the faults reach the reads");
}

#[tokio::test]
async fn what_is_on_disk_damaged_is_corrupt_and_not_absent() {
    let disk = healthy();
    let volume = make(&disk);
    for key in 1..4 {
        volume.append(needle(key, 0, 300)).await.unwrap();
    }
    volume.close().await;
    let whole = disk.content(&file("dat")).unwrap();
    let record = (whole.len() - 8) / 3;
    for at in 8 + record..8 + 2 * record {
        let is_cookie = at < 8 + record + 4;
        let meta = 8 + record + 20 + 300..8 + record + 36 + 300;
        if is_cookie || meta.contains(&at) || at >= 8 + 2 * record - 24 {
            continue; // nothing in the format covers these
        }
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        let disk = disk.after_kill(1);
        disk.plant(&file("dat"), &damaged);
        let volume = open(&disk);
        let read = volume.read(NeedleKey(2), COOKIE).await;
        let served = read.as_ref().is_ok_and(|(needle, _)| needle.data == data(2, 0, 300));
        assert!(served || matches!(read, Err(ReadError::Corrupt { .. })), "byte {at}: {read:?}");
        assert_eq!(get(&volume, 1).await, Some(data(1, 0, 300)));
        assert_eq!(get(&volume, 3).await, Some(data(3, 0, 300)));
    }
}

#[tokio::test]
async fn torn_tails_of_every_length_are_cut() {
    let disk = healthy();
    let volume = make(&disk);
    volume.append(needle(1, 0, 200)).await.unwrap();
    let kept = disk.content(&file("dat")).unwrap();
    volume.append(needle(2, 0, 100)).await.unwrap();
    volume.append(needle(3, 0, 0)).await.unwrap();
    volume.delete(NeedleKey(1), COOKIE).await.unwrap();
    volume.close().await;
    let whole = disk.content(&file("dat")).unwrap();
    let after_second = kept.len() + (whole.len() - kept.len() - 64);
    for with_index in [true, false] {
        for length in 8..=whole.len() {
            let disk = disk.after_kill(1);
            disk.plant(&file("dat"), &whole[..length]);
            if !with_index {
                disk.plant(&file("idx"), &[]);
            }
            let volume = open(&disk);
            let found = [get(&volume, 1).await, get(&volume, 2).await, get(&volume, 3).await];
            let first = length >= kept.len() && length < whole.len();
            assert_eq!(found[0].is_some(), first, "{length}");
            assert_eq!(found[1].is_some(), length >= after_second, "{length}");
            assert_eq!(found[2].is_some(), length >= after_second + 32, "{length}");
            volume.append(needle(4, 0, 50)).await.unwrap();
            volume.close().await;
            let volume = open(&disk);
            assert_eq!(volume.recovery(), &volume::Recovery::default(), "{length}");
            assert_eq!(get(&volume, 4).await, Some(data(4, 0, 50)), "{length}");
        }
    }
}

#[tokio::test]
async fn cold_reads_find_what_hot_reads_find() {
    let disk = healthy();
    let volume = make(&disk);
    for key in 1..40 {
        volume.append(needle(key, 0, usize::try_from(key).unwrap() * 37)).await.unwrap();
    }
    disk.set_faults(Faults { cold: true, ..Faults::default() });
    for key in 1..40 {
        assert_eq!(get(&volume, key).await, Some(data(key, 0, usize::try_from(key).unwrap() * 37)));
    }
    volume.delete(NeedleKey(1), COOKIE).await.unwrap();
    assert_eq!(get(&volume, 1).await, None);
}
