use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, Instant},
};

use openraft::{
    RaftLogReader, Vote,
    storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine},
    testing::{StoreBuilder, Suite},
};
use tempfile::TempDir;
use topology::{Class, Command, Ledger, Outcome};

use super::{database::Database, log_store::LogStore, state_machine::StateMachine, *};
use crate::{OpenError, tests::killed};

struct Builder;

impl StoreBuilder<TypeConfig, LogStore, StateMachine, TempDir> for Builder {
    async fn build(&self) -> Result<(TempDir, LogStore, StateMachine), StorageError> {
        let dir = tempfile::tempdir().expect("a directory");
        let (log, machine) = stores(dir.path());
        Ok((dir, log, machine))
    }
}

fn stores(dir: &Path) -> (LogStore, StateMachine) {
    let database = Database::open(dir).expect("opens");
    (LogStore::new(database.clone()), StateMachine::open(database).expect("opens"))
}

#[test]
fn openraft_is_content_with_the_stores() {
    Suite::test_all(Builder).expect("openraft's own suite");
}

fn entry(index: u64) -> Entry {
    let log_id = LogId::new(openraft::CommittedLeaderId::new(1, 7), index);
    Entry { log_id, payload: openraft::EntryPayload::Normal(Command::CreateVolume(Class::default())) }
}

#[tokio::test]
async fn what_the_log_store_acknowledged_outlives_a_kill_after_any_step() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut log, _) = stores(dir.path());
    let vote = Vote::new_committed(1, 7);
    log.save_vote(&vote).await.expect("saves");
    let (mut first, mut next) = (0, 0);
    for step in 0..24_u64 {
        match step % 4 {
            0 | 1 => {
                log.blocking_append((next..next + 5).map(entry)).await.expect("appends");
                next += 5;
            }
            2 => {
                log.truncate(entry(next - 2).log_id).await.expect("truncates");
                next -= 2;
            }
            _ => {
                log.purge(entry(first + 3).log_id).await.expect("purges");
                first += 4;
            }
        }
        log.save_committed(Some(entry(first).log_id)).await.expect("saves");

        let copied = killed(dir.path());
        let (mut survivor, _) = stores(copied.path());
        let indexes: Vec<_> =
            survivor.try_get_log_entries(..).await.expect("reads").iter().map(|e| e.log_id.index).collect();
        assert_eq!(indexes, (first..next).collect::<Vec<_>>(), "step {step}");
        let state = survivor.get_log_state().await.expect("reads");
        assert_eq!(state.last_log_id, Some(entry(next - 1).log_id), "step {step}");
        assert_eq!(state.last_purged_log_id, first.checked_sub(1).map(|i| entry(i).log_id), "step {step}");
        assert_eq!(survivor.read_vote().await.expect("reads"), Some(vote), "step {step}");
        assert_eq!(survivor.read_committed().await.expect("reads"), Some(entry(first).log_id), "step {step}");
    }
}

#[tokio::test]
async fn a_garbled_store_is_said_not_passed_over() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut log, mut machine) = stores(dir.path());
    machine.apply([entry(0)]).await.expect("applies");
    log.blocking_append([entry(0)]).await.expect("appends");
    let database = Database::open(dir.path());
    assert!(matches!(database, Err(fjall::Error::Locked)), "a second opener is kept out");
    let garbled = tempfile::tempdir().expect("a directory");
    let foreign = Database::open(garbled.path()).expect("opens");
    let change = foreign.change().put_entry(0, &[0xff_u8; 3]).expect("encodes");
    change.commit_to_disk().await.expect("writes");
    assert!(LogStore::new(foreign).try_get_log_entries(..).await.is_err());
}

#[test]
fn a_making_that_did_not_come_to_its_end_is_begun_anew() {
    let parent = tempfile::tempdir().expect("a directory");
    let unfinished = parent.path().join("master.new");
    std::fs::create_dir(&unfinished).expect("made");
    std::fs::write(unfinished.join("0.jnl"), "").expect("written");
    drop(Database::open(&parent.path().join("master")).expect("opens"));
    assert!(!unfinished.exists());
}

async fn open(dir: &Path) -> Consensus {
    for _ in 0..100 {
        match Consensus::open(dir, "here:1").await {
            Err(OpenError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            opened => return opened.expect("opens"),
        }
    }
    panic!("the directory stays locked");
}

async fn lease(consensus: &Consensus) -> u64 {
    match consensus.propose(Command::LeaseKeys { count: 10 }).await.expect("decides") {
        Outcome::Leased { first, .. } => first.0,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn decisions_outlive_compaction_and_restart() {
    let dir = tempfile::tempdir().expect("a directory");
    let consensus = open(dir.path()).await;
    let mut seen = BTreeSet::new();
    for _ in 0..30 {
        assert!(seen.insert(lease(&consensus).await));
    }
    consensus.compact().await;
    for _ in 0..5 {
        assert!(seen.insert(lease(&consensus).await));
    }
    let before = consensus.ledger(Clone::clone);
    drop(consensus);
    let consensus = open(dir.path()).await;
    assert!(seen.insert(lease(&consensus).await));
    let after = consensus.ledger(Clone::clone);
    assert_eq!(before.next_key().0 + 10, after.next_key().0);
    assert!(consensus.status().is_leader);
    assert_eq!(consensus.status().leader.as_deref(), Some("here:1"));
    assert_eq!(consensus.fault(), None);
    consensus.close().await;
    assert!(consensus.fault().is_some(), "closed is not ready");
    assert!(consensus.propose(Command::LeaseKeys { count: 1 }).await.is_err());
}

/// The log must not grow with the life of the cluster.
#[tokio::test]
async fn the_log_is_cut_behind_snapshots() {
    let dir = tempfile::tempdir().expect("a directory");
    let consensus = open(dir.path()).await;
    for _ in 0..1300 {
        lease(&consensus).await;
    }
    consensus.compact().await;
    let next_key = consensus.ledger(Ledger::next_key);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let copied = killed(dir.path());
        let (mut log, _) = stores(copied.path());
        let kept = log.try_get_log_entries(..).await.expect("reads").len();
        if kept <= 400 {
            break;
        }
        assert!(Instant::now() < deadline, "{kept} entries are kept");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(consensus);
    let consensus = open(dir.path()).await;
    assert_eq!(consensus.ledger(Ledger::next_key), next_key);
}

#[tokio::test]
async fn a_store_of_several_masters_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    {
        let (mut log, _) = stores(dir.path());
        let group =
            std::collections::BTreeMap::from([1, 2, 3].map(|id| (id, openraft::BasicNode::new("a:1"))));
        let membership = openraft::Membership::new(vec![group.keys().copied().collect()], group);
        let log_id = LogId::default();
        log.blocking_append([Entry { log_id, payload: openraft::EntryPayload::Membership(membership) }])
            .await
            .expect("appends");
    }
    let error = Consensus::open(dir.path(), "here:1").await.map(drop).expect_err("a foreign group");
    assert!(matches!(error, OpenError::ForeignGroup { masters: 3, .. }), "{error}");
}
