//! Batches, conflicts and failures, on a store that can be held and made to fail.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::Semaphore, task::JoinSet};
use types::{Durability, Timestamp};

use crate::{
    Bucket, Change, Commit, CommitError, CommitFailure, Committer, DeleteIntent, EtagCondition, IntentId,
    Listing, Loaded, Object, Page, PartNumber, PartPage, RowKey, Store, StoreError, UploadId, UploadListing,
    UploadPage, WritePreconditions,
    conformance::samples::{self, BUCKET, bucket_name, key, object},
    intents::{CreateBucket, DeleteBucket, DeleteBucketRefusal, FreeNeedles, PutObject, PutObjectRefusal},
    memory_store::MemoryStore,
};

/// What becomes of the next commit.
enum Fault {
    /// Nothing ails it.
    None,
    Conflict,
    Unavailable,
    /// In doubt, and applied or not.
    InDoubt {
        applied: bool,
    },
}

/// Memory, behind a gate and with faults.
struct Faulty {
    memory: MemoryStore,
    faults: Mutex<VecDeque<Fault>>,
    /// A commit takes one permit.
    gate: Semaphore,
    loads: AtomicUsize,
    /// Changes of each commit that was tried.
    commits: Mutex<Vec<usize>>,
}

/// The row of this key cannot be read.
const CORRUPT: &str = "corrupt";
/// A commit that changes this key meets a conflict, always.
const CONTENDED: &str = "contended";

#[async_trait::async_trait]
impl Store for Faulty {
    fn durability(&self) -> Durability {
        Durability::Memory
    }

    async fn load(&self, keys: &[RowKey]) -> Result<Loaded, StoreError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        if keys.contains(&samples::row_key(CORRUPT)) {
            return Err(StoreError::Corrupt("bytes that make no sense".to_owned()));
        }
        self.memory.load(keys).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        self.gate.acquire().await.expect("never closed").forget();
        self.commits.lock().push(commit.changes.len());
        let contended = key(CONTENDED);
        if commit
            .changes
            .iter()
            .any(|change| matches!(change, Change::PutObject(_, key, _) if *key == contended))
        {
            return Err(CommitError::Conflict);
        }
        let fault = self.faults.lock().pop_front();
        match fault {
            None | Some(Fault::None) => self.memory.commit(commit).await,
            Some(Fault::Conflict) => Err(CommitError::Conflict),
            Some(Fault::Unavailable) => {
                Err(CommitError::NotApplied(StoreError::Unavailable("no connection".to_owned())))
            }
            Some(Fault::InDoubt { applied }) => {
                if applied {
                    self.memory.commit(commit).await?;
                }
                Err(CommitError::InDoubt("the connection broke".to_owned()))
            }
        }
    }

    async fn list_objects(&self, listing: &Listing) -> Result<Page, StoreError> {
        self.memory.list_objects(listing).await
    }
    async fn list_buckets(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Bucket>, StoreError> {
        self.memory.list_buckets(prefix, after, limit).await
    }
    async fn list_uploads(&self, listing: &UploadListing) -> Result<UploadPage, StoreError> {
        self.memory.list_uploads(listing).await
    }
    async fn list_parts(
        &self,
        upload: &UploadId,
        after: Option<PartNumber>,
        limit: usize,
    ) -> Result<PartPage, StoreError> {
        self.memory.list_parts(upload, after, limit).await
    }
    async fn delete_intents(
        &self,
        after: Option<IntentId>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeleteIntent>, StoreError> {
        self.memory.delete_intents(after, until, limit).await
    }
}

/// A committer on a store that holds one bucket; `permits`: commits that pass the gate.
async fn start(faults: impl IntoIterator<Item = Fault>, permits: usize) -> (Arc<Faulty>, Committer) {
    let store = Faulty {
        memory: MemoryStore::default(),
        faults: Mutex::new(faults.into_iter().collect()),
        gate: Semaphore::new(permits),
        loads: AtomicUsize::new(0),
        commits: Mutex::new(Vec::new()),
    };
    let bucket = Commit { changes: vec![samples::put_bucket()], ..Commit::default() };
    store.memory.commit(bucket).await.expect("an empty store takes it");
    let store = Arc::new(store);
    let committer = Committer::start(&(Arc::clone(&store) as Arc<dyn Store>), 1);
    (store, committer)
}

type PutResult = Result<Object, CommitFailure<PutObjectRefusal>>;

async fn put_if(committer: Committer, key_text: String, if_none_match: Option<EtagCondition>) -> PutResult {
    let preconditions = WritePreconditions { if_match: None, if_none_match };
    committer
        .submit(PutObject {
            bucket: bucket_name(BUCKET),
            key: key(&key_text),
            object: object(1),
            preconditions,
        })
        .await
}

async fn put(committer: &Committer, key_text: &str) -> PutResult {
    put_if(committer.clone(), key_text.to_owned(), None).await
}

fn has(store: &Faulty, key_text: &str) -> bool {
    store.memory.state.lock().objects.contains_key(&(bucket_name(BUCKET), key(key_text)))
}

/// Queues puts behind a held commit and returns once all are queued.
async fn queue_puts(
    committer: &Committer,
    keys: impl IntoIterator<Item = String>,
) -> JoinSet<(String, PutResult)> {
    let mut puts = JoinSet::new();
    for text in keys {
        let committer = committer.clone();
        puts.spawn(async move { (text.clone(), put_if(committer, text, None).await) });
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    puts
}

/// A put whose commit waits at the gate, so that all that follow are queued behind it.
async fn hold(committer: &Committer) -> JoinSet<(String, PutResult)> {
    queue_puts(committer, ["held".to_owned()]).await
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_during_a_commit_is_one_batch() {
    let (store, committer) = start([], 0).await;
    let mut held = hold(&committer).await;
    let mut puts = queue_puts(&committer, (0..100).map(|number| format!("key-{number}"))).await;
    store.gate.add_permits(2);
    while let Some(put) = puts.join_next().await {
        let (text, result) = put.expect("a put ends well");
        assert!(result.is_ok() && has(&store, &text), "{text}: {result:?}");
    }
    held.join_next().await.expect("it was held").expect("it ends well").1.expect("it was put");
    assert_eq!(*store.commits.lock(), [1, 100]);
    assert_eq!(store.loads.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn batches_are_bounded() {
    let (store, committer) = start([], 0).await;
    let mut held = hold(&committer).await;
    let mut puts = queue_puts(&committer, (0..1300).map(|number| format!("key-{number}"))).await;
    let mut heavy = JoinSet::new();
    for _ in 0..2 {
        let committer = committer.clone();
        let needles = (0..20_000).map(samples::needle).collect();
        heavy.spawn(async move { committer.submit(FreeNeedles { needles }).await });
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    store.gate.add_permits(100);
    while puts.join_next().await.is_some() {}
    while heavy.join_next().await.is_some() {}
    held.join_next().await;
    // Three by number; then the rest with one heavy one, since two are too much for a batch.
    assert_eq!(*store.commits.lock(), [1, 512, 512, 276 + 20, 20]);
}

#[tokio::test(start_paused = true)]
async fn intents_of_one_batch_see_each_other() {
    let (store, committer) = start([], 0).await;
    let mut held = hold(&committer).await;
    let mut puts = JoinSet::new();
    for _ in 0..10 {
        puts.spawn(put_if(committer.clone(), "k".to_owned(), Some(EtagCondition::Any)));
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    store.gate.add_permits(2);
    let mut won = 0;
    while let Some(put) = puts.join_next().await {
        match put.expect("a put ends well") {
            Ok(_) => won += 1,
            Err(CommitFailure::Refused(PutObjectRefusal::PreconditionFailed)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    held.join_next().await;
    assert_eq!((won, store.commits.lock().len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_decided_again_on_fresh_rows() {
    let (store, committer) = start([Fault::Conflict, Fault::Conflict, Fault::Conflict], 100).await;
    let put = tokio::spawn({
        let committer = committer.clone();
        async move { put_if(committer, "k".to_owned(), Some(EtagCondition::Any)).await }
    });
    while store.commits.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    // Another gateway makes the object meanwhile.
    let other = Commit { changes: vec![samples::put("k", object(9))], ..Commit::default() };
    store.memory.commit(other).await.expect("it has no guards");
    let result = put.await.expect("a put ends well");
    assert!(
        matches!(result, Err(CommitFailure::Refused(PutObjectRefusal::PreconditionFailed))),
        "{result:?}"
    );
    assert_eq!(store.loads.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn one_contended_key_does_not_hold_up_the_others() {
    let (store, committer) = start([], 0).await;
    let mut held = hold(&committer).await;
    let mut puts = queue_puts(&committer, ["a", CONTENDED, "b"].map(str::to_owned)).await;
    store.gate.add_permits(1000);
    while let Some(put) = puts.join_next().await {
        let (text, result) = put.expect("a put ends well");
        if text == CONTENDED {
            assert!(matches!(result, Err(CommitFailure::Unavailable(_))), "{result:?}");
        } else {
            assert!(result.is_ok() && has(&store, &text), "{text}: {result:?}");
        }
    }
    held.join_next().await;
    assert!(store.commits.lock().len() < 100, "attempts are bounded");
}

#[tokio::test(start_paused = true)]
async fn one_unreadable_row_does_not_hold_up_the_others() {
    let (store, committer) = start([], 0).await;
    let mut held = hold(&committer).await;
    let mut puts = queue_puts(&committer, ["a", CORRUPT, "b"].map(str::to_owned)).await;
    store.gate.add_permits(1000);
    while let Some(put) = puts.join_next().await {
        let (text, result) = put.expect("a put ends well");
        assert_eq!(result.is_ok(), text != CORRUPT, "{text}: {result:?}");
        assert_eq!(result.is_ok(), has(&store, &text), "{text}");
    }
    held.join_next().await;
}

#[tokio::test(start_paused = true)]
async fn failures_are_passed_on_as_they_are() {
    let faults = [Fault::Unavailable, Fault::InDoubt { applied: true }, Fault::InDoubt { applied: false }];
    let (store, committer) = start(faults, 100).await;
    let result = put(&committer, "unavailable").await;
    assert!(matches!(result, Err(CommitFailure::Unavailable(_))), "{result:?}");
    for text in ["applied", "lost"] {
        let result = put(&committer, text).await;
        assert!(matches!(result, Err(CommitFailure::InDoubt(_))), "{result:?}");
    }
    put(&committer, "well").await.expect("the faults are over");
    assert_eq!(
        ["unavailable", "applied", "lost", "well"].map(|text| has(&store, text)),
        [false, true, false, true]
    );
    assert_eq!(store.commits.lock().len(), 4, "nothing is tried twice");
}

/// A refusal may rest on a change of its batch: as long as that is in doubt, so is the refusal.
#[tokio::test(start_paused = true)]
async fn a_refusal_is_as_true_as_its_batch() {
    let (store, committer) = start([Fault::None, Fault::InDoubt { applied: false }], 0).await;
    let mut held = hold(&committer).await;
    let mut puts = JoinSet::new();
    for _ in 0..2 {
        puts.spawn(put_if(committer.clone(), "k".to_owned(), Some(EtagCondition::Any)));
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    store.gate.add_permits(2);
    held.join_next().await;
    let results = puts.join_all().await;
    assert!(results.iter().all(|result| matches!(result, Err(CommitFailure::InDoubt(_)))), "{results:?}");
}

#[tokio::test(start_paused = true)]
async fn refusals_alone_commit_nothing() {
    let (store, committer) = start([], 0).await;
    let delete = DeleteBucket { name: bucket_name("nowhere") };
    let result = committer.submit(delete).await;
    assert!(matches!(result, Err(CommitFailure::Refused(DeleteBucketRefusal::NoSuchBucket))), "{result:?}");
    assert!(store.commits.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_bucket_is_deleted_in_a_batch_of_its_own() {
    let (store, committer) = start([], 0).await;
    let mut held = hold(&committer).await;
    let mut puts = queue_puts(&committer, ["a".to_owned()]).await;
    let mut delete = JoinSet::new();
    let bucket = Bucket { name: bucket_name("another"), ..samples::bucket(BUCKET) };
    for name in [bucket.name.clone(), bucket_name(BUCKET)] {
        let committer = committer.clone();
        let bucket = bucket.clone();
        delete.spawn(async move {
            if name == bucket.name {
                let _ = committer.submit(CreateBucket { bucket }).await;
            }
            committer.submit(DeleteBucket { name }).await
        });
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    puts.spawn({
        let committer = committer.clone();
        async move { ("b".to_owned(), put_if(committer, "b".to_owned(), None).await) }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    store.gate.add_permits(100);
    puts.join_all()
        .await
        .into_iter()
        .for_each(|(text, result)| assert!(result.is_ok(), "{text}: {result:?}"));
    held.join_next().await;
    let mut deleted: Vec<_> = delete.join_all().await.into_iter().map(|result| result.is_ok()).collect();
    deleted.sort_unstable();
    assert_eq!(deleted, [false, true], "the one with objects stays");
    let commits = store.commits.lock().clone();
    assert!(commits.iter().all(|changes| *changes <= 2), "{commits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_breaks_nothing() {
    let (store, committer) = start([], 0).await;
    let mut held = hold(&committer).await;
    let mut gone = queue_puts(&committer, (0..5).map(|number| format!("gone-{number}"))).await;
    gone.abort_all();
    while gone.join_next().await.is_some() {}
    let puts = queue_puts(&committer, ["after".to_owned()]).await;
    store.gate.add_permits(10);
    held.join_next().await;
    puts.join_all()
        .await
        .into_iter()
        .for_each(|(text, result)| assert!(result.is_ok(), "{text}: {result:?}"));
    // Once queued, an intent is carried out whether its client waits or not.
    assert!((0..5).all(|number| has(&store, &format!("gone-{number}"))));
}

#[tokio::test(start_paused = true)]
async fn closing_finishes_what_is_queued_and_takes_no_more() {
    let (store, committer) = start([], 0).await;
    let mut held = hold(&committer).await;
    let puts = queue_puts(&committer, (0..600).map(|number| format!("key-{number}"))).await;
    let close = tokio::spawn({
        let committer = committer.clone();
        async move { committer.close().await }
    });
    store.gate.add_permits(10);
    close.await.expect("it closes");
    held.join_next().await;
    puts.join_all()
        .await
        .into_iter()
        .for_each(|(text, result)| assert!(result.is_ok(), "{text}: {result:?}"));
    let result = put(&committer, "late").await;
    assert!(matches!(result, Err(CommitFailure::Unavailable(_))), "{result:?}");
    assert!(!has(&store, "late"));
}

#[tokio::test(start_paused = true)]
async fn lanes_end_with_the_last_clone() {
    let (store, committer) = start([], 10).await;
    put(&committer, "k").await.expect("it is put");
    drop(committer);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(Arc::strong_count(&store), 1);
}
