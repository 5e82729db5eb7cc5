//! A power cut during a commit: some of its pages have reached the disk, in no order, and some have not.
//!
//! fjall's files are not behind a seam of ours, so what a power cut leaves is made by hand: the directory as it
//! was after one synced commit, with any part of what the next one wrote to the journal. That a commit writes
//! nothing but the journal is checked. Not covered: a power cut while fjall writes out or merges sorted files,
//! which it syncs, with their directory, before it refers to them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use namespace::{Namespace, Store};
use rand::{Rng, SeedableRng, rngs::StdRng};
use types::Durability;

use super::workload::{self, Steps, WORKERS};

/// Of what a file system or a disk writes at once.
const GRAINS: [usize; 3] = [512, 4096, 16384];
const COMMITS: u64 = 12;
const CUTS: usize = 6;

pub(crate) fn torn_commits() {
    let mut random = StdRng::seed_from_u64(4);
    let dir = tempfile::tempdir().expect("a directory");
    let store = workload::open(dir.path(), Durability::Disk);
    // On one thread all steps are queued before the first is looked at: they are one commit.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let namespace = runtime.block_on(async { Namespace::new(Arc::clone(&store) as Arc<dyn Store>, 1) });
    runtime.block_on(workload::make_bucket(&namespace));
    let mut before = files(dir.path());
    for commit in 1..=COMMITS {
        // All workers take one step each.
        runtime.block_on(async {
            let steps: Vec<_> = (0..WORKERS)
                .map(|worker| {
                    let namespace = namespace.clone();
                    tokio::spawn(async move { workload::step(&namespace, worker, commit).await })
                })
                .collect();
            for step in steps {
                step.await.expect("it ends").expect("nothing refuses it");
            }
        });
        let after = files(dir.path());
        let changed: Vec<_> = after.iter().filter(|(path, bytes)| before.get(*path) != Some(bytes)).collect();
        let [(journal, written)] = changed[..] else {
            panic!("a commit changed {:?}", changed.iter().map(|(path, _)| path).collect::<Vec<_>>())
        };
        assert!(journal.extension().is_some_and(|extension| extension == "jnl"), "{}", journal.display());
        let acknowledged: Steps = (0..WORKERS).map(|worker| (worker, commit - 1)).collect();
        for cut in 0..CUTS {
            let mut left = before.clone();
            let grain = GRAINS[random.random_range(0..GRAINS.len())];
            let torn = left.get_mut(journal).expect("it was there");
            let kept = tear(torn, written, grain, &mut random);
            let place = tempfile::tempdir().expect("a directory");
            write(place.path(), &left);
            let name = format!("commit {commit} cut {cut}: kept {kept} of its {grain}-byte pieces");
            println!("  {name}");
            let stands = workload::verify(workload::open(place.path(), Durability::Disk), &acknowledged);
            let stands = runtime.block_on(stands);
            assert!(stands.values().all(|step| *step == stands[&0]), "{name}: whole or absent: {stands:?}");
        }
        before = after;
    }
}

/// Takes over some of the pieces in which the files differ, or all but one, at random; returns how many.
fn tear(old: &mut [u8], new: &[u8], grain: usize, random: &mut StdRng) -> usize {
    let pieces = old.chunks_mut(grain).zip(new.chunks(grain));
    let mut differing: Vec<_> = pieces.filter(|(old, new)| old != new).collect();
    let lost = match random.random_range(0..3) {
        0 => random.random_range(0..=differing.len()),
        _ => 1,
    };
    for _ in 0..lost {
        differing.swap_remove(random.random_range(0..differing.len()));
    }
    let kept = differing.len();
    differing.into_iter().for_each(|(old, new)| old.copy_from_slice(new));
    kept
}

/// Every file of a directory, by its path within. Journals are cut after what is written: fjall makes them of
/// 64 MiB of zeros.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    const ROOM: usize = 1 << 20;
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                fs::read_dir(&path).expect("a directory").map(|entry| entry.expect("an entry").path()),
            );
            continue;
        }
        let mut bytes = fs::read(&path).expect("a file");
        if path.extension().is_some_and(|extension| extension == "jnl") {
            assert!(
                bytes.get(ROOM..).is_none_or(|rest| rest.iter().all(|byte| *byte == 0)),
                "more room is needed"
            );
            bytes.resize(ROOM, 0);
        }
        found.insert(path.strip_prefix(dir).expect("it is under it").to_owned(), bytes);
    }
    found
}

fn write(dir: &Path, files: &BTreeMap<PathBuf, Vec<u8>>) {
    for (path, bytes) in files {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("a directory");
        fs::write(path, bytes).expect("a file");
    }
}
