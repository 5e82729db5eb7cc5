//! What the store does in a second, on a temporary cluster with fsync:
//! `cargo run --release -p namespace-postgres --example measure_postgres [keys of the large bucket]`.

use std::{
    fs,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use namespace::{
    AccountId, Bucket, BucketName, Change, Chunk, Commit, ContentHeaders, ETag, Entry, Listing, Namespace,
    Object, ObjectKey, Part, Snapshot, Store, WritePreconditions,
    intents::{DeleteObject, PutObject},
};
use namespace_postgres::{PostgresStore, Settings};
use postgres_fixture::{Cluster, Options};
use types::{Cookie, Durability, FileId, NeedleKey, Timestamp, VolumeId};

const SPAN: Duration = Duration::from_secs(4);
const SMALL: u64 = 10_000;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let large = std::env::args().nth(1).map_or(Ok(300_000), |keys| keys.parse())?;
    let cluster = Arc::new(Cluster::start(Options::default()));
    let url = cluster.fresh_database();
    let store = open(&url, Durability::Disk).await?;
    load(&*store, "small", SMALL).await?;
    load(&*store, "large", large).await?;
    cluster.psql(&url, "VACUUM ANALYZE holdfast.objects");
    for durability in [Durability::Disk, Durability::Memory] {
        let namespace = Namespace::new(open(&url, durability).await?, 2);
        for clients in [1, 16, 64] {
            let next = AtomicU64::new(0);
            let name = |kind| format!("{kind}, durability {durability}, {clients} clients");
            measure(&cluster, &name("put of a new key"), clients, || {
                let number = next.fetch_add(1, Ordering::Relaxed);
                put(&namespace, format!("new/{durability}/{clients}/{number:010}"), number)
            })
            .await;
            measure(&cluster, &name("put of a key there is"), clients, || {
                let number = next.fetch_add(1, Ordering::Relaxed);
                put(&namespace, key_of(number * 7919 % large), number)
            })
            .await;
            let made = next.load(Ordering::Relaxed) / 2;
            let gone = AtomicU64::new(0);
            measure(&cluster, &name("delete"), clients, || {
                let number = gone.fetch_add(1, Ordering::Relaxed) % made;
                delete(&namespace, format!("new/{durability}/{clients}/{number:010}"))
            })
            .await;
        }
    }
    let namespace = Namespace::new(Arc::clone(&store) as Arc<dyn Store>, 1);
    for clients in [1, 4, 16, 64] {
        let next = AtomicU64::new(0);
        measure(&cluster, &format!("get, {clients} clients"), clients, || {
            let number = next.fetch_add(1, Ordering::Relaxed) * 7919 % large;
            get(&namespace, number)
        })
        .await;
    }
    for (bucket, keys) in [("small", SMALL), ("large", large)] {
        for (delimiter, kind) in [(None, "page of 1000 keys"), (Some("/"), "page of 1000 common prefixes")] {
            let next = AtomicU64::new(0);
            measure(&cluster, &format!("{kind} of {keys}"), 2, || {
                let first = next.fetch_add(1, Ordering::Relaxed) * 7919 % (keys - 1000);
                let first = if delimiter.is_some() {
                    first % (keys / 10).saturating_sub(1000).max(1) * 10
                } else {
                    first
                };
                page(&*store, bucket, delimiter, Some(key_of(first)), String::new())
            })
            .await;
        }
    }
    measure(&cluster, "page of a flat directory of 1000 with a delimiter", 2, || {
        page(&*store, "large", Some("/"), None, "flat/".to_owned())
    })
    .await;
    Ok(())
}

async fn open(url: &str, durability: Durability) -> Result<Arc<PostgresStore>, Box<dyn std::error::Error>> {
    Ok(Arc::new(PostgresStore::connect(url, Settings { durability, ..Settings::default() }).await?))
}

async fn load(store: &dyn Store, bucket: &str, keys: u64) -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let row =
        Bucket { name: bucket.parse()?, owner: AccountId("owner".to_owned()), created: Timestamp::now() };
    commit(store, vec![Change::PutBucket(row)]).await?;
    let numbers: Vec<u64> = (0..keys).collect();
    for batch in numbers.chunks(500) {
        let puts = batch.iter().map(|number| change(bucket, &key_of(*number), *number));
        commit(store, puts.collect::<Result<_, _>>()?).await?;
    }
    let flat = (0..1000).map(|number| change(bucket, &format!("flat/{number:06}"), number));
    commit(store, flat.collect::<Result<_, _>>()?).await?;
    println!("load of {keys} keys: {:.0}/s", keys as f64 / started.elapsed().as_secs_f64());
    Ok(())
}

fn change(bucket: &str, key: &str, number: u64) -> Result<Change, Box<dyn std::error::Error>> {
    Ok(Change::PutObject(bucket.parse()?, key.parse()?, Box::new(object(number))))
}

async fn commit(store: &dyn Store, changes: Vec<Change>) -> Result<(), namespace::CommitError> {
    store.commit(Commit { guards: Vec::new(), snapshot: Snapshot::default(), changes }).await
}

/// Ten keys to a directory.
fn key_of(number: u64) -> String {
    format!("photos-2026-{:08}/{number:010}.jpeg", number / 10)
}

fn object(number: u64) -> Object {
    let needle = FileId { volume: VolumeId(7), key: NeedleKey(number), cookie: Cookie(0x6370_37d6) };
    let chunk = Chunk { needle, size_bytes: 4096 };
    Object {
        size_bytes: 4096,
        etag: ETag { md5: [7; 16], parts: None },
        modified: Timestamp::now(),
        storage_class: "STANDARD".to_owned(),
        checksum: None,
        headers: ContentHeaders { content_type: Some("image/jpeg".to_owned()), ..ContentHeaders::default() },
        metadata: vec![("mtime".to_owned(), "1790000000".to_owned())],
        parts: vec![Part { number: None, size_bytes: 4096, checksum: Vec::new(), chunks: vec![chunk] }],
        upload: None,
    }
}

fn name(bucket: &str, key: &str) -> (BucketName, ObjectKey) {
    (bucket.parse().expect("a name"), key.parse().expect("a key"))
}

async fn put(namespace: &Namespace, key: String, number: u64) {
    let (bucket, key) = name("large", &key);
    let preconditions = WritePreconditions::default();
    let put = PutObject { bucket, key, object: object(number), preconditions };
    namespace.submit(put).await.expect("a put");
}

async fn delete(namespace: &Namespace, key: String) {
    let (bucket, key) = name("large", &key);
    let delete = DeleteObject { bucket, key, preconditions: WritePreconditions::default() };
    namespace.submit(delete).await.expect("a delete");
}

async fn get(namespace: &Namespace, number: u64) {
    let (bucket, key) = name("large", &key_of(number));
    namespace.object(&bucket, &key).await.expect("a get").expect("it is there");
}

async fn page(
    store: &dyn Store,
    bucket: &str,
    delimiter: Option<&str>,
    after: Option<String>,
    prefix: String,
) {
    let listing = Listing {
        bucket: bucket.parse().expect("a name"),
        prefix,
        delimiter: delimiter.map(str::to_owned),
        after,
        limit: 1000,
    };
    let page = store.list_objects(&listing).await.expect("a page");
    assert!(!page.entries.is_empty());
    std::hint::black_box(page.entries.iter().filter(|entry| matches!(entry, Entry::Object { .. })).count());
}

/// `clients` at once, each one call after the other, for [`SPAN`].
async fn measure<F: Future<Output = ()>>(
    cluster: &Cluster,
    name: &str,
    clients: usize,
    call: impl Fn() -> F,
) {
    let (started, own, server) = (Instant::now(), cpu_of_self(), cpu_of_server(cluster));
    let calls = AtomicU64::new(0);
    let client = async || {
        while started.elapsed() < SPAN {
            call().await;
            calls.fetch_add(1, Ordering::Relaxed);
        }
    };
    futures::future::join_all((0..clients).map(|_| client())).await;
    let calls = calls.into_inner() as f64;
    let rate = calls / started.elapsed().as_secs_f64();
    let per_call = |before: f64, after: f64| (after - before) * 1e6 / calls;
    println!(
        "{name}: {rate:.0}/s, CPU {:.0} us here and {:.0} us in the server",
        per_call(own, cpu_of_self()),
        per_call(server, cpu_of_server(cluster)),
    );
}

fn cpu_of_self() -> f64 {
    cpu_of("/proc/self/stat")
}

/// Every process of the cluster: its working directory is the cluster's. Those that have ended are not counted.
fn cpu_of_server(cluster: &Cluster) -> f64 {
    let data = cluster.psql("postgres", "SHOW data_directory");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ours = processes.filter(|process| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.as_os_str() == data.as_str())
    });
    ours.map(|process| cpu_of(&process.path().join("stat").to_string_lossy())).sum()
}

/// User and system time in seconds: fields 14 and 15, in hundredths.
fn cpu_of(stat: &str) -> f64 {
    let text = fs::read_to_string(stat).unwrap_or_default();
    let fields: Vec<f64> = text
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse().ok())
        .collect();
    fields.iter().sum::<f64>() / 100.0
}
