//! Databases and rows to try the store with.

use namespace::{
    AccountId, Bucket, BucketName, Change, Chunk, Commit, CommitError, ContentHeaders, ETag, Guard, Object,
    ObjectKey, Part, Row, RowKey, Snapshot, Store,
};
use namespace_postgres::{PostgresStore, Settings};
use postgres_fixture::Cluster;
use types::{Cookie, FileId, NeedleKey, Timestamp, VolumeId};

/// On the shared cluster.
pub async fn fresh_database() -> String {
    tokio::task::spawn_blocking(|| Cluster::shared().fresh_database()).await.expect("a database")
}

pub async fn open(url: &str) -> PostgresStore {
    PostgresStore::connect(url, Settings::default()).await.expect("the cluster runs")
}

pub fn bucket_name(name: &str) -> BucketName {
    name.parse().expect("a bucket name")
}

pub fn key(key: &str) -> ObjectKey {
    key.parse().expect("a key")
}

pub fn row_key(text: &str) -> RowKey {
    RowKey::Object(bucket_name("photos"), key(text))
}

pub fn put_bucket(name: &str) -> Change {
    let owner = AccountId("owner".to_owned());
    Change::PutBucket(Bucket {
        name: bucket_name(name),
        owner,
        created: Timestamp::from_millis(1_790_000_000_000),
    })
}

/// Into the bucket `photos`.
pub fn put(text: &str, object: Object) -> Change {
    Change::PutObject(bucket_name("photos"), key(text), Box::new(object))
}

pub fn delete(text: &str) -> Change {
    Change::DeleteObject(bucket_name("photos"), key(text))
}

/// Of one needle.
pub fn object(size: u32) -> Object {
    let needle = FileId { volume: VolumeId(3), key: NeedleKey(u64::from(size)), cookie: Cookie(0x6370_37d6) };
    Object {
        size_bytes: u64::from(size),
        etag: ETag { md5: [0xab; 16], parts: None },
        modified: Timestamp::from_millis(1_790_000_000_123),
        storage_class: "STANDARD".to_owned(),
        checksum: None,
        headers: ContentHeaders { content_type: Some("image/jpeg".to_owned()), ..ContentHeaders::default() },
        metadata: Vec::new(),
        parts: vec![Part {
            number: None,
            size_bytes: u64::from(size),
            checksum: Vec::new(),
            chunks: vec![Chunk { needle, size_bytes: size }],
        }],
        upload: None,
    }
}

/// Without guards.
pub async fn commit(store: &dyn Store, changes: Vec<Change>) -> Result<(), CommitError> {
    guarded(store, Vec::new(), changes).await
}

pub async fn guarded(store: &dyn Store, guards: Vec<Guard>, changes: Vec<Change>) -> Result<(), CommitError> {
    store.commit(Commit { guards, snapshot: Snapshot::default(), changes }).await
}

/// The object of a key of `photos`.
pub async fn get(store: &dyn Store, text: &str) -> Option<Object> {
    let loaded = store.load(&[row_key(text)]).await.expect("a load");
    match loaded.rows.into_iter().next().flatten() {
        Some((Row::Object(object), _)) => Some(object),
        _ => None,
    }
}
