//! Killed servers, lost connections, timeouts: errors that say what they mean, and nothing acknowledged is lost.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use namespace::{Change, CommitError, Listing, Store, StoreError};
use namespace_postgres::{PostgresStore, Settings};
use postgres_fixture::{Cluster, Options};
use tokio::task::JoinSet;
use types::Timestamp;

use crate::fixture::{self, commit, fresh_database, get, object, open, put, put_bucket};

const ROUNDS: u64 = 6;
const WRITERS: u64 = 4;

/// `kill -9` of the whole server under load: what was acknowledged is there, what was refused is not, and what is
/// in doubt is there whole or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_commits_survive_a_killed_server() {
    let cluster = Arc::new(Cluster::start(Options::default()));
    let url = cluster.fresh_database();
    let store = Arc::new(open(&url).await);
    commit(&*store, vec![put_bucket("photos")]).await.expect("a commit");
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write_until_it_fails(Arc::clone(&store), format!("{round}/{writer}")));
        }
        tokio::time::sleep(Duration::from_millis(150 + 40 * round)).await;
        tokio::task::block_in_place(|| {
            cluster.kill();
            cluster.restart();
        });
        while let Some(written) = writers.join_next().await {
            for (pair, outcome) in written.expect("no panic") {
                let (a, b) =
                    (get(&*store, &format!("{pair}/a")).await, get(&*store, &format!("{pair}/b")).await);
                assert_eq!(a, b, "{pair} is half there");
                match outcome {
                    Ok(()) => {
                        assert!(a.is_some(), "{pair} was acknowledged and is gone");
                        acknowledged += 1;
                    }
                    Err(CommitError::InDoubt(_)) => {}
                    Err(CommitError::NotApplied(StoreError::Unavailable(_))) => {
                        assert!(a.is_none(), "{pair} was refused and is there");
                    }
                    Err(other) => panic!("{pair}: {other:?}"),
                }
            }
        }
    }
    assert!(acknowledged > ROUNDS * WRITERS, "only {acknowledged} commits: the load was none");
}

/// Pairs of keys, each put in one commit, and what became of it.
async fn write_until_it_fails(
    store: Arc<PostgresStore>,
    name: String,
) -> BTreeMap<String, Result<(), CommitError>> {
    let mut outcomes = BTreeMap::new();
    for number in 0.. {
        let pair = format!("{name}/{number:06}");
        let changes = ["a", "b"].map(|key| put(&format!("{pair}/{key}"), object(number)));
        let outcome = commit(&*store, changes.to_vec()).await;
        let failed = outcome.is_err();
        outcomes.insert(pair, outcome);
        if failed {
            break;
        }
    }
    outcomes
}

/// Every connection of the pool is lost by a restart; the next operations do not notice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_server_is_found_again() {
    let cluster = Arc::new(Cluster::start(Options::default()));
    let url = cluster.fresh_database();
    let store = Arc::new(open(&url).await);
    commit(&*store, vec![put_bucket("photos"), put("k", object(1))]).await.expect("a commit");
    for _ in 0..3 {
        let gets = (0..8).map(|_| get(&*store, "k"));
        assert!(futures::future::join_all(gets).await.iter().all(Option::is_some)); // many connections
        tokio::task::block_in_place(|| cluster.restart());
        assert_eq!(get(&*store, "k").await, Some(object(1)), "a read is tried twice");
        for number in 0..8 {
            commit(&*store, vec![put("k", object(1)), put(&number.to_string(), object(2))])
                .await
                .expect("connections of before are not trusted after one was lost");
        }
    }
}

/// While a server is away, reads and commits say so at once, and nothing is in doubt that was never sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_unavailable() {
    let cluster = Arc::new(Cluster::start(Options::default()));
    let url = cluster.fresh_database();
    let store = open(&url).await;
    commit(&store, vec![put_bucket("photos"), put("k", object(1))]).await.expect("a commit");
    tokio::task::block_in_place(|| cluster.stop());
    let read = store.load(&[fixture::row_key("k")]).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let refused = commit(&store, vec![put("k", object(2))]).await;
    assert!(matches!(refused, Err(CommitError::NotApplied(StoreError::Unavailable(_)))), "{refused:?}");
    let listed = store.list_buckets("", None, 10).await;
    assert!(matches!(listed, Err(StoreError::Unavailable(_))), "{listed:?}");
    tokio::task::block_in_place(|| cluster.restart());
    assert_eq!(get(&store, "k").await, Some(object(1)));
}

/// Somebody holds a lock for longer than a statement may take: every operation is an error, no page is short.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_takes_too_long_is_an_error() {
    let url = fresh_database().await;
    let settings = Settings { statement_timeout: Duration::from_millis(200), ..Settings::default() };
    let store = PostgresStore::connect(&url, settings).await.expect("the cluster runs");
    commit(&store, vec![put_bucket("photos"), put("a/k", object(1))]).await.expect("a commit");
    let lock = hold_lock(&url, Duration::from_secs(3));
    for delimiter in [None, Some("/".to_owned())] {
        let listing = Listing {
            bucket: fixture::bucket_name("photos"),
            prefix: String::new(),
            delimiter,
            after: None,
            limit: 1000,
        };
        let page = store.list_objects(&listing).await;
        assert!(matches!(page, Err(StoreError::Unavailable(_))), "{page:?}");
    }
    let read = store.load(&[fixture::row_key("a/k")]).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let refused = commit(&store, vec![put("b", object(2))]).await;
    assert!(matches!(refused, Err(CommitError::NotApplied(StoreError::Unavailable(_)))), "{refused:?}");
    lock.join().expect("the lock is given back");
    assert_eq!(get(&store, "b").await, None);
    assert!(get(&store, "a/k").await.is_some());
}

/// When all connections are busy for too long, those who wait are told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exhausted_pool_is_unavailable() {
    let url = fresh_database().await;
    let settings =
        Settings { connections: 2, acquire_timeout: Duration::from_millis(300), ..Settings::default() };
    let store = Arc::new(PostgresStore::connect(&url, settings).await.expect("the cluster runs"));
    commit(&*store, vec![put_bucket("photos"), put("k", object(1))]).await.expect("a commit");
    let lock = hold_lock(&url, Duration::from_secs(2));
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let store = Arc::clone(&store);
        readers.spawn(async move { store.load(&[fixture::row_key("k")]).await.map(drop) });
    }
    let answers = readers.join_all().await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert_eq!(refused.len(), 2, "{answers:?}");
    for error in refused {
        assert!(
            matches!(error, StoreError::Unavailable(why) if why.contains("all 2 connections")),
            "{error}"
        );
    }
    lock.join().expect("the lock is given back");
    assert!(get(&*store, "k").await.is_some());
}

/// A client that goes away in the midst of its call leaves no connection behind that answers to somebody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_call_does_not_spoil_the_next() {
    let url = fresh_database().await;
    let settings = Settings { connections: 1, ..Settings::default() };
    let store = PostgresStore::connect(&url, settings).await.expect("the cluster runs");
    commit(&store, vec![put_bucket("photos"), put("a", object(1)), put("b", object(2))])
        .await
        .expect("a commit");
    for micros in [0, 50, 100, 200, 400, 800, 1600] {
        let _ = tokio::time::timeout(Duration::from_micros(micros), get(&store, "a")).await;
        assert_eq!(get(&store, "b").await, Some(object(2)));
    }
}

/// Text columns cannot hold a NUL: the commit is refused as what it is, and the next one is applied.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_held_is_refused() {
    let store = open(&fresh_database().await).await;
    let mut unholdable = object(1);
    unholdable.headers.content_type = Some("text\0".to_owned());
    let refused = commit(&store, vec![put_bucket("photos"), put("k", unholdable)]).await;
    assert!(matches!(refused, Err(CommitError::NotApplied(StoreError::Corrupt(_)))), "{refused:?}");
    let late = Timestamp::from_millis(u64::MAX);
    let refused = commit(&store, vec![put_bucket("photos"), Change::Free(late, Vec::new())]).await;
    assert!(matches!(refused, Err(CommitError::NotApplied(StoreError::Corrupt(_)))), "{refused:?}");
    assert_eq!(store.list_buckets("", None, 10).await.expect("a listing"), []);
    commit(&store, vec![put_bucket("photos")]).await.expect("a commit");
}

/// Rows that make no sense are an error, not an absence.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_rows_are_corrupt() {
    let url = fresh_database().await;
    let store = open(&url).await;
    for damage in [
        "key = '\\x80'",
        "cookie = -1",
        "checksum = 'x'",
        "modified = '1960-01-01'",
        "metadata = '[1]'",
        "volume = 1::bigint << 40",
    ] {
        commit(&store, vec![put_bucket("photos"), put("k", object(1))]).await.expect("a commit");
        Cluster::shared().psql(&url, &format!("UPDATE holdfast.objects SET {damage}"));
        let listing = Listing {
            bucket: fixture::bucket_name("photos"),
            prefix: String::new(),
            delimiter: None,
            after: None,
            limit: 10,
        };
        let answers = [
            store.load(&[fixture::row_key("k")]).await.map(drop),
            store.list_objects(&listing).await.map(drop),
        ];
        assert!(
            answers.iter().any(|answer| matches!(answer, Err(StoreError::Corrupt(_)))),
            "{damage}: {answers:?}"
        );
        Cluster::shared().psql(&url, "DELETE FROM holdfast.objects");
    }
}

/// Another session locks the objects against everybody. Returns when it has the lock.
fn hold_lock(url: &str, span: Duration) -> JoinHandle<()> {
    let holder_url = url.to_owned();
    let sql = format!(
        "BEGIN; LOCK TABLE holdfast.objects IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep({}); COMMIT",
        span.as_secs_f64()
    );
    let holder = thread::spawn(move || drop(Cluster::shared().psql(&holder_url, &sql)));
    let deadline = Instant::now() + Duration::from_secs(10);
    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted \
        AND relation = 'holdfast.objects'::regclass";
    while Cluster::shared().psql(url, held) != "1" {
        assert!(Instant::now() < deadline, "the lock is not taken");
        thread::sleep(Duration::from_millis(10));
    }
    holder
}
