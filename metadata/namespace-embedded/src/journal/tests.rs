use std::{fs, sync::OnceLock};

use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use proptest::prelude::*;

use super::*;

const BATCHES: usize = 12;

/// A journal as fjall writes it, of twelve batches of one to twelve items, and where each batch ends.
fn journal() -> (Vec<u8>, Vec<usize>) {
    static MADE: OnceLock<(Vec<u8>, Vec<usize>)> = OnceLock::new();
    MADE.get_or_init(make_journal).clone()
}

fn make_journal() -> (Vec<u8>, Vec<usize>) {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Database::builder(dir.path()).worker_threads(1).open().expect("a database");
    let keyspace = db.keyspace("rows", KeyspaceCreateOptions::default).expect("a keyspace");
    let written = || {
        let bytes = fs::read(dir.path().join("0.jnl")).expect("a journal");
        without_zeros(&bytes).to_vec()
    };
    let mut ends = Vec::new();
    for number in 0..BATCHES {
        let mut batch = db.batch().durability(Some(PersistMode::Buffer));
        for item in 0..=number {
            if item % 5 == 4 {
                batch.remove(&keyspace, format!("key-{number}-{item}"));
            } else {
                // Zeros, as from a hole, are a value like any other.
                batch.insert(
                    &keyspace,
                    format!("key-{number}-{item}"),
                    vec![u8::from(item % 2 == 0); item * 100],
                );
            }
        }
        batch.commit().expect("a commit");
        ends.push(written().len());
    }
    // fjall writes 64 MiB ahead: fewer are enough here.
    (written().into_iter().chain([0; 5000]).collect(), ends)
}

#[test]
fn whole_journals_are_whole() {
    let (bytes, ends) = journal();
    assert!(bytes.len() > ends[11], "fjall writes zeros ahead");
    assert_eq!(end_of(&bytes), End::Whole);
    assert_eq!(end_of(&bytes[..ends[11]]), End::Whole);
    assert_eq!(end_of(&[]), End::Whole);
    assert_eq!(end_of(&bytes[ends[11]..]), End::Whole);
}

#[test]
fn every_cut_leaves_a_torn_tail() {
    let (bytes, ends) = journal();
    let last = ends[10]..ends[11];
    for cut in last.start + 1..last.end {
        assert_eq!(end_of(&bytes[..cut]), End::Torn { at: last.start }, "cut at {cut} of {last:?}");
    }
    assert_eq!(end_of(&bytes[..last.start]), End::Whole);
}

proptest! {
    /// Pages of the last batch that never reached the disk.
    #[test]
    fn lost_pages_of_the_last_batch_are_a_torn_tail(lost in prop::collection::vec(any::<bool>(), 40)) {
        let (mut bytes, ends) = journal();
        let last = ends[10]..ends[11];
        let before = bytes.clone();
        for (page, _) in lost.iter().enumerate().filter(|(_, lost)| **lost) {
            let from = (last.start + page * 64).min(last.end);
            bytes[from..(from + 64).min(last.end)].fill(0);
        }
        let end = end_of(&bytes);
        let all = bytes[last.clone()].iter().all(|byte| *byte == 0);
        let expected = if bytes == before || all { End::Whole } else { End::Torn { at: last.start } };
        prop_assert_eq!(end, expected);
    }

    /// A flipped bit before the last batch is damage, never cut away; unless it is in the zeros after it.
    #[test]
    fn damage_in_the_midst_is_told(position in 0.0..1.0_f64, bit in 0..8_u32) {
        let (mut bytes, ends) = journal();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place")]
        let place = (position * ends[10] as f64) as usize;
        bytes[place] ^= 1 << bit;
        let at = ends.iter().rfind(|end| **end <= place).copied().unwrap_or(0);
        // The sequence number is outside fjall's checksum.
        let in_seqno = (at + 5..at + 13).contains(&place);
        prop_assert_eq!(end_of(&bytes), if in_seqno { End::Whole } else { End::Damaged { at } });
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(0_u8..6, 0..300)) {
        end_of(&bytes);
    }
}

#[test]
fn mending_cuts_the_newest_and_only_the_torn_part() {
    let (bytes, ends) = journal();
    let dir = tempfile::tempdir().expect("a directory");
    let (old, new) = (dir.path().join("9.jnl"), dir.path().join("10.jnl"));
    fs::write(dir.path().join("lock"), b"").expect("a file");
    fs::write(&old, &bytes[..ends[3]]).expect("a file");
    fs::write(&new, &bytes[..ends[5] + 7]).expect("a file");
    mend(dir.path(), Promise::Synced).expect("a torn tail is mended");
    assert_eq!(fs::read(&old).expect("a file"), &bytes[..ends[3]]);
    assert_eq!(fs::read(&new).expect("a file"), &bytes[..ends[5]]);

    // A sealed journal was synced: what is torn there was acknowledged.
    fs::write(&old, &bytes[..ends[3] - 1]).expect("a file");
    let refused = mend(dir.path(), Promise::Unsynced);
    assert!(matches!(refused, Err(JournalError::Damaged { .. })), "{refused:?}");
    fs::write(&old, &bytes[..ends[3]]).expect("a file");

    let mut damaged = bytes[..ends[5]].to_vec();
    damaged[ends[2] + 20] ^= 1;
    fs::write(&new, &damaged).expect("a file");
    let refused = mend(dir.path(), Promise::Synced);
    assert!(matches!(refused, Err(JournalError::Damaged { at, .. }) if at == ends[2]), "{refused:?}");
    assert_eq!(fs::read(&new).expect("a file"), damaged, "nothing is changed");
    mend(dir.path(), Promise::Unsynced).expect("nothing was promised");
    assert_eq!(fs::read(&new).expect("a file"), &bytes[..ends[2]]);
}
