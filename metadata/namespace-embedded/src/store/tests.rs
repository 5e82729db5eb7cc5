use std::{collections::BTreeSet, sync::Arc, time::Duration};

use namespace::{
    AccountId, Bucket, Change, Commit, Entry, Listing, Object, RowKey, Snapshot, Store, UploadId,
    conformance::Fixture,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tempfile::TempDir;
use types::{Durability, Timestamp};

use super::EmbeddedStore;
use crate::{OpenError, Settings, gaps::Gaps};

/// A store that takes every step of every scan for slow: gaps are learnt and used wherever they can be.
struct FullOfGaps(TempDir);

impl FullOfGaps {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }
}

#[async_trait::async_trait]
impl Fixture for FullOfGaps {
    async fn open(&mut self) -> Arc<dyn Store> {
        let settings = Settings { durability: Durability::Memory, ..Settings::default() };
        let gaps = Gaps::new(Duration::ZERO, Duration::ZERO);
        Arc::new(EmbeddedStore::open_with(self.0.path(), &settings, gaps).expect("the store opens"))
    }
}

namespace::conformance_suite!(FullOfGaps::new());

fn bucket() -> namespace::BucketName {
    "bucket".parse().expect("a bucket name")
}

async fn commit(store: &dyn Store, changes: Vec<Change>) {
    store
        .commit(Commit { guards: Vec::new(), snapshot: Snapshot::default(), changes })
        .await
        .expect("no guards");
}

fn object() -> Box<Object> {
    Box::new(Object {
        size_bytes: 1,
        etag: namespace::ETag { md5: [0; 16], parts: None },
        modified: Timestamp::default(),
        storage_class: String::new(),
        checksum: None,
        headers: namespace::ContentHeaders::default(),
        metadata: Vec::new(),
        parts: Vec::new(),
        upload: None,
    })
}

async fn keys(store: &dyn Store) -> Vec<String> {
    let listing =
        Listing { bucket: bucket(), prefix: String::new(), delimiter: None, after: None, limit: usize::MAX };
    let page = store.list_objects(&listing).await.expect("a listing");
    page.entries.iter().map(Entry::text).map(str::to_owned).collect()
}

/// While gaps are learnt in the background, every listing shows what was put before it and not deleted since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gaps_never_hide_a_row() {
    let store = FullOfGaps::new().open().await;
    let mut random = StdRng::seed_from_u64(5);
    let mut expected = BTreeSet::new();
    for step in 0..3000 {
        let key = format!("{:02}", random.random_range(0..60));
        let parsed = key.parse().expect("a key");
        // Long runs of deletions, so that gaps come to be, and long runs of puts into them.
        if random.random_bool(if step / 100 % 2 == 0 { 0.8 } else { 0.2 }) {
            commit(&*store, vec![Change::PutObject(bucket(), parsed, object())]).await;
            expected.insert(key);
        } else {
            commit(&*store, vec![Change::DeleteObject(bucket(), parsed)]).await;
            expected.remove(&key);
        }
        if random.random_bool(0.3) {
            assert_eq!(keys(&*store).await, expected.iter().cloned().collect::<Vec<_>>(), "step {step}");
        }
        let occupied = store.load(&[RowKey::Occupancy(bucket())]).await.expect("a load").rows[0].is_some();
        assert_eq!(occupied, !expected.is_empty(), "step {step}");
    }
}

/// After 50,000 deletions, scans are slow once and then not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_keys_do_not_slow_listings_down() {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = Settings { durability: Durability::Memory, ..Settings::default() };
    let store = EmbeddedStore::open(dir.path(), &settings).expect("the store opens");
    let key = |number: u32| format!("{number:06}").parse().expect("a key");
    for from in (0..50_000).step_by(1000) {
        let puts = (from..from + 1000).map(|number| Change::PutObject(bucket(), key(number), object()));
        commit(&store, puts.chain([Change::PutObject(bucket(), key(900_000), object())]).collect()).await;
    }
    for from in (0..50_000).step_by(1000) {
        let deletes = (from..from + 1000).map(|number| Change::DeleteObject(bucket(), key(number)));
        commit(&store, deletes.collect()).await;
    }
    let begin = std::time::Instant::now();
    assert_eq!(keys(&store).await, ["900000"]);
    let slow = begin.elapsed();
    let mut fast = slow;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let begin = std::time::Instant::now();
        assert_eq!(keys(&store).await, ["900000"]);
        fast = fast.min(begin.elapsed());
        if fast * 10 < slow {
            break;
        }
    }
    assert!(fast * 10 < slow, "first {slow:?}, then {fast:?}");
    commit(&store, vec![Change::PutObject(bucket(), key(7), object())]).await;
    assert_eq!(keys(&store).await, ["000007", "900000"]);
}

#[test]
fn a_directory_in_use_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = EmbeddedStore::open(dir.path(), &Settings::default()).expect("the store opens");
    let refused = EmbeddedStore::open(dir.path(), &Settings::default()).err().expect("it is in use");
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
    assert_eq!(
        refused.to_string(),
        format!("the namespace in {} is in use by another process", dir.path().display())
    );
    drop(store);
    EmbeddedStore::open(dir.path(), &Settings::default()).expect("it is free again");
}

#[test]
fn a_directory_that_cannot_be_made_is_told() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let refused =
        EmbeddedStore::open(&file.path().join("under"), &Settings::default()).err().expect("a file");
    assert!(matches!(refused, OpenError::Io { .. }), "{refused:?}");
}

#[test]
fn a_later_format_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(EmbeddedStore::open(dir.path(), &Settings::default()).expect("the store opens"));
    {
        let db = fjall::Database::builder(dir.path().join("rows")).open().expect("the database");
        let meta = db.keyspace("meta", fjall::KeyspaceCreateOptions::default).expect("the space");
        meta.insert("format", [2]).expect("it is written");
    }
    let refused = EmbeddedStore::open(dir.path(), &Settings::default()).err().expect("it is later");
    assert!(matches!(refused, OpenError::TooNew { found: 2, .. }), "{refused:?}");
}

/// The details of an object that was replaced or deleted are not left behind.
#[tokio::test]
async fn details_go_with_their_object() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = EmbeddedStore::open(dir.path(), &Settings::default()).expect("the store opens");
    let details = || store.inner.spaces.get(crate::spaces::Space::Details).iter().count();
    let large = Object { metadata: vec![("filler".to_owned(), "v".repeat(5000))], ..*object() };
    let put = |object: Object| Change::PutObject(bucket(), "k".parse().expect("a key"), Box::new(object));
    for gone in [put(*object()), Change::DeleteObject(bucket(), "k".parse().expect("a key"))] {
        commit(&store, vec![put(large.clone())]).await;
        assert_eq!(details(), 1);
        commit(&store, vec![gone]).await;
        assert_eq!(details(), 0);
    }
}

/// Rows are refused, not read as something else, when they were written in another form.
#[tokio::test]
async fn a_row_of_another_form_is_an_error() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = EmbeddedStore::open(dir.path(), &Settings::default()).expect("the store opens");
    let name = Bucket { name: bucket(), owner: AccountId(String::new()), created: Timestamp::default() };
    commit(&store, vec![Change::PutBucket(name)]).await;
    let buckets = store.inner.spaces.get(crate::spaces::Space::Buckets);
    let row = buckets.get("bucket").expect("a read").expect("it is there");
    for wrong in [&[][..], &row[..5], &[&[9], &row[1..]].concat(), &row[..row.len() - 1]] {
        buckets.insert("bucket", wrong).expect("it is written");
        let loaded = store.load(&[RowKey::Bucket(bucket())]).await;
        assert!(matches!(loaded, Err(namespace::StoreError::Corrupt(_))), "{wrong:?}: {loaded:?}");
    }
    let upload = store.load(&[RowKey::Upload(UploadId([0; 16]))]).await.expect("others are not harmed");
    assert!(upload.rows[0].is_none());
}
