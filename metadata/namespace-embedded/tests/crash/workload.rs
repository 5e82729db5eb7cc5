//! Workers that each put and delete one key in a known order, so that what must be there can be told from the
//! number of the last step alone.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use namespace::{
    AccountId, Bucket, BucketName, Chunk, ContentHeaders, ETag, Namespace, Object, ObjectKey, Part, Store,
    WritePreconditions,
    intents::{CreateBucket, DeleteObject, PutObject},
};
use namespace_embedded::{EmbeddedStore, Settings};
use types::{Cookie, Durability, FileId, NeedleKey, Timestamp, VolumeId};

pub(crate) const WORKERS: u64 = 16;

/// The last step of each worker, by number; steps begin at 1.
pub(crate) type Steps = BTreeMap<u64, u64>;

pub(crate) fn open(dir: &Path, durability: Durability) -> Arc<EmbeddedStore> {
    let settings = Settings { durability, ..Settings::default() };
    Arc::new(EmbeddedStore::open(dir, &settings).expect("the store opens"))
}

pub(crate) fn bucket() -> BucketName {
    "crash".parse().expect("a bucket name")
}

pub(crate) fn key(worker: u64) -> ObjectKey {
    format!("worker/{worker}").parse().expect("a key")
}

/// What a worker's key holds after a step: every fourth step deletes.
pub(crate) fn after(worker: u64, step: u64) -> Option<Object> {
    (step > 0 && !step.is_multiple_of(4)).then(|| object(worker, step))
}

/// Of some size, so that memory is written out to files now and then; at times with a detail of its own row.
fn object(worker: u64, step: u64) -> Object {
    let value = "v".repeat(if step.is_multiple_of(3) { 3000 } else { 700 });
    Object {
        size_bytes: step,
        etag: ETag { md5: [0; 16], parts: None },
        modified: Timestamp::default(),
        storage_class: "STANDARD".to_owned(),
        checksum: None,
        headers: ContentHeaders::default(),
        metadata: vec![("filler".to_owned(), value)],
        parts: vec![Part {
            number: None,
            size_bytes: step,
            checksum: Vec::new(),
            chunks: vec![Chunk { needle: needle(worker, step), size_bytes: 1 }],
        }],
        upload: None,
    }
}

fn needle(worker: u64, step: u64) -> FileId {
    FileId { volume: VolumeId(1), key: NeedleKey(worker << 32 | step), cookie: Cookie(7) }
}

pub(crate) async fn make_bucket(namespace: &Namespace) {
    let bucket = Bucket { name: bucket(), owner: AccountId(String::new()), created: Timestamp::default() };
    // There from the round before, or made now.
    let _ = namespace.submit(CreateBucket { bucket }).await;
}

/// Carries out one step; true when it was acknowledged.
pub(crate) async fn step(namespace: &Namespace, worker: u64, step: u64) -> Result<(), String> {
    let preconditions = WritePreconditions::default();
    match after(worker, step) {
        Some(object) => {
            let put = PutObject { bucket: bucket(), key: key(worker), object, preconditions };
            namespace.submit(put).await.map(drop).map_err(|failure| format!("{failure:?}"))
        }
        None => {
            let delete = DeleteObject { bucket: bucket(), key: key(worker), preconditions };
            namespace.submit(delete).await.map(drop).map_err(|failure| format!("{failure:?}"))
        }
    }
}

/// Checks that every worker's key is as after its last acknowledged step, or as after the next, which was under
/// way; and that every needle of the steps before is freed once. Returns where each worker stands.
pub(crate) async fn verify(store: Arc<EmbeddedStore>, acknowledged: &Steps) -> Steps {
    let namespace = Namespace::new(Arc::clone(&store) as Arc<dyn Store>, 1);
    let freed = freed(&*store).await;
    let mut stands = Steps::new();
    for (worker, last) in acknowledged {
        let found = namespace.object(&bucket(), &key(*worker)).await.expect("a read");
        let found = found.map(|object| Object { modified: Timestamp::default(), ..object });
        let step = [*last, last + 1].into_iter().find(|step| after(*worker, *step) == found);
        let step = step.unwrap_or_else(|| panic!("worker {worker}, acknowledged {last}: found {found:?}"));
        for before in 1..step {
            let times = freed.get(&needle(*worker, before)).copied().unwrap_or_default();
            let expected = usize::from(after(*worker, before).is_some());
            assert_eq!(times, expected, "worker {worker}: step {before} of {step} is freed {times} times");
        }
        stands.insert(*worker, step);
    }
    namespace.close().await;
    stands
}

async fn freed(store: &dyn Store) -> BTreeMap<FileId, usize> {
    let mut freed = BTreeMap::new();
    let mut after = None;
    loop {
        let page =
            store.delete_intents(after, Timestamp::from_millis(u64::MAX), 1000).await.expect("a listing");
        let Some(last) = page.last() else { return freed };
        after = Some(last.id);
        for needle in page.iter().flat_map(|intent| &intent.needles) {
            *freed.entry(*needle).or_default() += 1;
        }
    }
}
