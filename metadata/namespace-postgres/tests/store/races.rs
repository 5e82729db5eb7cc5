//! Many commits on the same rows from two gateways: no update is lost, nothing is in doubt, nobody waits in a circle.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use namespace::{Change, CommitError, Guard, Row, RowKey, Store};
use namespace_postgres::PostgresStore;
use postgres_fixture::Cluster;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use tokio::task::JoinSet;

use crate::fixture::{
    bucket_name, commit, delete, fresh_database, get, guarded, object, open, put, put_bucket, row_key,
};

const ACCOUNTS: u32 = 12;
const START: u32 = 100;
const CLERKS: u64 = 12;
const TRANSFERS: usize = 60;

/// Clerks move amounts between accounts, which are objects of that size; an empty account is deleted, and made anew
/// when it gets something. Rows are named in random order. The sum stays what it was, and the server saw no
/// deadlock: it would resolve one, and a second would be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transfers_between_random_rows_lose_nothing() {
    let url = fresh_database().await;
    let stores = [Arc::new(open(&url).await), Arc::new(open(&url).await)];
    let accounts = (0..ACCOUNTS).map(|account| put(&account.to_string(), object(START)));
    commit(&*stores[0], std::iter::once(put_bucket("photos")).chain(accounts).collect())
        .await
        .expect("a commit");
    let mut clerks = JoinSet::new();
    for clerk in 0..CLERKS {
        clerks.spawn(transfer_often(Arc::clone(&stores[usize::from(clerk % 2 == 0)]), clerk));
    }
    let conflicts: usize = clerks.join_all().await.into_iter().sum();
    let mut sum = 0;
    for account in 0..ACCOUNTS {
        sum += get(&*stores[0], &account.to_string()).await.map_or(0, |object| object.size_bytes);
    }
    assert_eq!(sum, u64::from(ACCOUNTS * START), "after {conflicts} conflicts");
    assert!(conflicts > 0, "nobody met: the test tests nothing");
    drop(stores);
    assert_eq!(deadlocks(&url), "0");
}

/// How many commits met a conflict.
async fn transfer_often(store: Arc<PostgresStore>, seed: u64) -> usize {
    let mut random = StdRng::seed_from_u64(seed);
    let mut conflicts = 0;
    for _ in 0..TRANSFERS {
        let mut accounts: Vec<u32> = (0..ACCOUNTS).collect();
        accounts.shuffle(&mut random);
        accounts.truncate(random.random_range(3..=8));
        loop {
            match transfer(&store, &accounts, &mut random).await {
                Ok(()) => break,
                Err(CommitError::Conflict) => conflicts += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    conflicts
}

/// Shares out anew what the accounts hold together.
async fn transfer(store: &PostgresStore, accounts: &[u32], random: &mut StdRng) -> Result<(), CommitError> {
    let keys: Vec<RowKey> = accounts.iter().map(|account| row_key(&account.to_string())).collect();
    let loaded = store.load(&keys).await.expect("a load");
    let mut left: u32 = 0;
    let mut guards = Vec::new();
    for (key, found) in keys.into_iter().zip(loaded.rows) {
        let (row, version) = found.unzip();
        if let Some(Row::Object(object)) = row {
            left += u32::try_from(object.size_bytes).expect("a small sum");
        }
        guards.push(Guard { key, version });
    }
    let mut changes = Vec::new();
    for (place, account) in accounts.iter().enumerate() {
        let last = place + 1 == accounts.len();
        let none = random.random_bool(0.5);
        let share = if last {
            left
        } else if none {
            0
        } else {
            random.random_range(0..=left)
        };
        left -= share;
        let name = account.to_string();
        changes.push(if share == 0 { delete(&name) } else { put(&name, object(share)) });
    }
    changes.shuffle(random);
    guarded(store, guards, changes).await
}

/// Told by the sessions when they end.
fn deadlocks(url: &str) -> String {
    let sessions = "SELECT count(*) FROM pg_stat_activity \
        WHERE application_name = 'holdfast' AND datname = current_database()";
    let deadline = Instant::now() + Duration::from_secs(10);
    while Cluster::shared().psql(url, sessions) != "0" {
        assert!(Instant::now() < deadline, "sessions outlive their store");
        thread::sleep(Duration::from_millis(20));
    }
    Cluster::shared().psql(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
}

/// A deadlock with somebody else's session is a conflict: the commit is decided again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_a_conflict() {
    let url = fresh_database().await;
    let store = open(&url).await;
    commit(&store, vec![put_bucket("photos"), put("a", object(1)), put("b", object(1))])
        .await
        .expect("a commit");
    let keys = [row_key("a"), row_key("b")];
    let loaded = store.load(&keys).await.expect("a load");
    let other = in_background(
        &url,
        "BEGIN; SELECT FROM holdfast.objects WHERE key = 'b' FOR UPDATE; SELECT pg_sleep(0.5); \
         SELECT FROM holdfast.objects WHERE key = 'a' FOR UPDATE; COMMIT",
    );
    wait_for_sleeper(&url);
    let versions = loaded.rows.into_iter().map(|row| row.map(|(_, version)| version));
    let guards = keys.into_iter().zip(versions).map(|(key, version)| Guard { key, version }).collect();
    // It waits for `b`, and looks for a deadlock before the other does, which waits later.
    let refused = guarded(&store, guards, vec![put("a", object(2)), put("b", object(2))]).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    other.join().expect("the other goes on");
    assert_eq!(get(&store, "a").await, Some(object(1)));
}

/// Gateways hold a bucket together: a put does not wait for another put, but for a deletion it does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn puts_share_their_bucket() {
    let url = fresh_database().await;
    let store = open(&url).await;
    commit(&store, vec![put_bucket("photos")]).await.expect("a commit");
    let bucket = RowKey::Bucket(bucket_name("photos"));
    let version =
        store.load(std::slice::from_ref(&bucket)).await.expect("a load").rows[0].as_ref().map(|row| row.1);
    let guard = Guard { key: bucket, version };
    for (lock, waits) in [("KEY SHARE", false), ("UPDATE", true)] {
        let sql = format!("BEGIN; SELECT FROM holdfast.buckets FOR {lock}; SELECT pg_sleep(1); COMMIT");
        let other = in_background(&url, &sql);
        wait_for_sleeper(&url);
        let started = Instant::now();
        guarded(&store, vec![guard.clone()], vec![put(lock, object(1))]).await.expect("a commit");
        assert_eq!(started.elapsed() > Duration::from_millis(500), waits, "{lock}");
        other.join().expect("the other ends");
    }
}

/// A bucket that is being deleted by one gateway refuses an object of another, guarded or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_waits_for_puts_under_way() {
    let url = fresh_database().await;
    let store = open(&url).await;
    commit(&store, vec![put_bucket("photos")]).await.expect("a commit");
    // Another gateway's put, before its end: the bucket held, the object there for nobody else yet.
    let other = in_background(
        &url,
        "BEGIN; SELECT FROM holdfast.buckets FOR KEY SHARE; \
         INSERT INTO holdfast.objects (bucket, key, size, modified, etag_md5, storage_class, volume, needle, cookie, version) \
         VALUES ('photos', 'k', 1, now(), decode(repeat('ab', 16), 'hex'), 'STANDARD', 3, 1, 1, 1); \
         SELECT pg_sleep(0.5); COMMIT",
    );
    wait_for_sleeper(&url);
    let refused = commit(&store, vec![Change::DeleteBucket(bucket_name("photos"))]).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    other.join().expect("the other ends");
    assert!(get(&store, "k").await.is_some());
    assert_eq!(store.list_buckets("", None, 10).await.expect("a listing").len(), 1);
}

fn in_background(url: &str, sql: &str) -> thread::JoinHandle<()> {
    let (url, sql) = (url.to_owned(), sql.to_owned());
    thread::spawn(move || drop(Cluster::shared().psql(&url, &sql)))
}

/// The other session has its locks when it sleeps.
fn wait_for_sleeper(url: &str) {
    let sleeping = "SELECT count(*) FROM pg_stat_activity \
        WHERE wait_event = 'PgSleep' AND datname = current_database()";
    let deadline = Instant::now() + Duration::from_secs(10);
    while Cluster::shared().psql(url, sleeping) != "1" {
        assert!(Instant::now() < deadline, "nobody sleeps");
        thread::sleep(Duration::from_millis(5));
    }
}
