//! Measures the embedded store through the namespace: puts, gets, listings, deletes; rates and CPU time of this
//! process.
//!
//! `cargo run --release -p namespace-embedded --example measure`

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use namespace::{
    AccountId, Bucket, BucketName, Checksum, ChecksumAlgorithm, ChecksumKind, Chunk, ContentHeaders, ETag,
    Listing, Namespace, Object, ObjectKey, Part, Store, WritePreconditions,
    intents::{CreateBucket, DeleteObject, PutObject},
};
use namespace_embedded::{EmbeddedStore, Settings};
use types::{Cookie, Durability, FileId, NeedleKey, Timestamp, VolumeId};

const SPAN: Duration = Duration::from_secs(3);
const LARGE: u64 = 1_000_000;
const SMALL: u64 = 10_000;

/// Each part in a process of its own, so that memory and CPU time are its alone.
fn main() {
    let argument = |index, default: &str| std::env::args().nth(index).unwrap_or_else(|| default.to_owned());
    let (part, dir) = (argument(1, "all"), PathBuf::from(argument(2, "target/measure-namespace")));
    match part.as_str() {
        "disk" => runtime().block_on(writes(&dir, Durability::Disk)),
        "memory" => runtime().block_on(writes(&dir, Durability::Memory)),
        "load" => runtime().block_on(load(&dir)),
        "reads" => runtime().block_on(reads(&dir)),
        "deletes" => runtime().block_on(deletes(&dir)),
        "idle" => runtime().block_on(idle(&dir)),
        _ => {
            println!("{:<44} {:>10} {:>9} {:>9} {:>9}", "", "per s", "cpu us", "p50 us", "p99 us");
            for parts in
                [&["idle"][..], &["disk"], &["memory"], &["load", "idle", "reads", "deletes", "idle"]]
            {
                fresh(&dir);
                parts.iter().for_each(|part| run(part, &dir));
            }
            fresh(&dir);
        }
    }
}

fn run(part: &str, dir: &Path) {
    let program = std::env::current_exe().expect("this program");
    let status = std::process::Command::new(program).arg(part).arg(dir).status().expect("it runs");
    assert!(status.success(), "{part}: {status}");
}

/// What a start costs.
async fn idle(dir: &Path) {
    let begin = Instant::now();
    let (_namespace, _store) = open(dir, Durability::Disk).await;
    println!("opened in {:.3} s, {} MB resident", begin.elapsed().as_secs_f64(), resident_mb());
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("two seconds later {} MB resident", resident_mb());
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn fresh(dir: &Path) {
    if dir.exists() {
        std::fs::remove_dir_all(dir).expect("an old measurement can be removed");
    }
}

async fn open(dir: &Path, durability: Durability) -> (Namespace, Arc<EmbeddedStore>) {
    let settings = Settings { durability, ..Settings::default() };
    let store = Arc::new(EmbeddedStore::open(dir, &settings).expect("the store opens"));
    (Namespace::new(Arc::clone(&store) as Arc<dyn Store>, 1), store)
}

async fn writes(dir: &Path, durability: Durability) {
    let (namespace, _store) = open(dir, durability).await;
    let bucket = make_bucket(&namespace, "writes").await;
    for clients in [1, 16, 64] {
        let numbers = Arc::new(AtomicU64::new(clients << 32));
        let line = format!("put new keys, {durability}, {clients} clients");
        measure(
            &line,
            clients,
            (namespace.clone(), bucket.clone(), numbers),
            |(namespace, bucket, numbers)| async move {
                put(&namespace, &bucket, numbers.fetch_add(1, Ordering::Relaxed)).await;
            },
        )
        .await;
    }
    let numbers = Arc::new(AtomicU64::new(0));
    let line = format!("overwrite 10,000 keys, {durability}, 64 clients");
    measure(&line, 64, (namespace.clone(), bucket, numbers), |(namespace, bucket, numbers)| async move {
        put(&namespace, &bucket, numbers.fetch_add(7919, Ordering::Relaxed) % SMALL).await;
    })
    .await;
    namespace.close().await;
}

async fn load(dir: &Path) {
    let (namespace, _store) = open(dir, Durability::Memory).await;
    let large = make_bucket(&namespace, "large").await;
    let small = make_bucket(&namespace, "small").await;
    let begin = Instant::now();
    for (bucket, count) in [(&large, LARGE), (&small, SMALL)] {
        let numbers = Arc::new(AtomicU64::new(0));
        let loaders: Vec<_> = (0..256)
            .map(|_| {
                let (namespace, bucket, numbers) = (namespace.clone(), bucket.clone(), Arc::clone(&numbers));
                tokio::spawn(async move {
                    loop {
                        let number = numbers.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            break;
                        }
                        put(&namespace, &bucket, number).await;
                    }
                })
            })
            .collect();
        for loader in loaders {
            loader.await.expect("it ends");
        }
    }
    println!(
        "loaded {} keys in {:.1} s, {} MB resident",
        LARGE + SMALL,
        begin.elapsed().as_secs_f64(),
        resident_mb()
    );
    namespace.close().await;
}

async fn reads(dir: &Path) {
    let (namespace, _store) = open(dir, Durability::Memory).await;
    let (large, small) = (name("large"), name("small"));
    for clients in [1, 16] {
        let numbers = Arc::new(AtomicU64::new(0));
        let line = format!("get of {LARGE} keys, {clients} clients");
        measure(
            &line,
            clients,
            (namespace.clone(), large.clone(), numbers),
            |(namespace, bucket, numbers)| async move {
                let number = numbers.fetch_add(7_368_787, Ordering::Relaxed) % LARGE;
                assert!(namespace.object(&bucket, &key(number)).await.expect("a read").is_some());
            },
        )
        .await;
    }
    for (bucket, count) in [(&small, SMALL), (&large, LARGE)] {
        pages(&namespace, bucket, count, None, &format!("page of 1000, {count} keys")).await;
        pages(&namespace, bucket, count, Some("/"), &format!("page of 100 prefixes, {count} keys")).await;
        for clients in [1, 4] {
            let numbers = Arc::new(AtomicU64::new(0));
            let line = format!("page of 1000 keys of {count}, {clients} clients");
            let context = (namespace.clone(), bucket.clone(), (numbers, count));
            measure(&line, clients, context, |(namespace, bucket, (numbers, count))| async move {
                let number = numbers.fetch_add(7_368_787, Ordering::Relaxed) % (count - 2000);
                let page = namespace.list_objects(&listing(&bucket, number, None, 1000)).await;
                assert_eq!(page.expect("a page").entries.len(), 1000);
            })
            .await;
        }
    }
    println!("{} MB resident", resident_mb());
    namespace.close().await;
}

/// The cost of the first page, of one in the middle, and by delimiter.
async fn pages(namespace: &Namespace, bucket: &BucketName, count: u64, delimiter: Option<&str>, name: &str) {
    let limit = if delimiter.is_some() { 100.min(usize::try_from(count / 1000).unwrap_or(1)) } else { 1000 };
    let mut took = Vec::new();
    for round in 0..20 {
        let begin = Instant::now();
        let page = namespace.list_objects(&listing(bucket, count / 2 * (round % 2), delimiter, limit)).await;
        took.push((begin.elapsed(), page.expect("a page").entries.len()));
    }
    let best = |parity| took.iter().skip(parity).step_by(2).map(|(time, _)| *time).min().unwrap_or_default();
    println!("{name}: first {:?}, middle {:?}, {} entries", best(0), best(1), took[0].1);
}

/// 100,000 keys are deleted; the page that starts before them, and the check whether the bucket is empty, must
/// not pay for it.
async fn deletes(dir: &Path) {
    let (namespace, _store) = open(dir, Durability::Memory).await;
    let bucket = name("large");
    let deleters: Vec<_> = (0..256)
        .map(|worker| {
            let (namespace, bucket) = (namespace.clone(), bucket.clone());
            tokio::spawn(async move {
                for number in (worker..100_000).step_by(256) {
                    let delete = DeleteObject {
                        bucket: bucket.clone(),
                        key: key(number),
                        preconditions: WritePreconditions::default(),
                    };
                    namespace.submit(delete).await.expect("it is there");
                }
            })
        })
        .collect();
    let begin = Instant::now();
    for deleter in deleters {
        deleter.await.expect("it ends");
    }
    println!("deleted 100000 keys in {:.2} s", begin.elapsed().as_secs_f64());
    for round in 0..4 {
        let begin = Instant::now();
        let page = namespace.list_objects(&listing(&bucket, 0, None, 1000)).await.expect("a page");
        println!("first page after it, time {round}: {:?}, {} entries", begin.elapsed(), page.entries.len());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    namespace.close().await;
}

fn name(name: &str) -> BucketName {
    name.parse().expect("a bucket name")
}

async fn make_bucket(namespace: &Namespace, bucket: &str) -> BucketName {
    let name = name(bucket);
    let bucket =
        Bucket { name: name.clone(), owner: AccountId("owner".to_owned()), created: Timestamp::now() };
    namespace.submit(CreateBucket { bucket }).await.expect("a new bucket");
    name
}

async fn put(namespace: &Namespace, bucket: &BucketName, number: u64) {
    let put = PutObject {
        bucket: bucket.clone(),
        key: key(number),
        object: object(number),
        preconditions: WritePreconditions::default(),
    };
    namespace.submit(put).await.expect("the bucket is there");
}

/// A thousand keys to a "directory".
fn key(number: u64) -> ObjectKey {
    format!("photos/{:06}/image-{:09}.jpeg", number / 1000, number).parse().expect("a key")
}

fn object(number: u64) -> Object {
    let needle = FileId { volume: VolumeId(7), key: NeedleKey(number), cookie: Cookie(0x1234_5678) };
    Object {
        size_bytes: 4096,
        etag: ETag { md5: [7; 16], parts: None },
        modified: Timestamp::default(),
        storage_class: "STANDARD".to_owned(),
        checksum: Some(Checksum {
            algorithm: ChecksumAlgorithm::Crc64Nvme,
            kind: ChecksumKind::FullObject,
            value: vec![1; 8],
        }),
        headers: ContentHeaders { content_type: Some("image/jpeg".to_owned()), ..ContentHeaders::default() },
        metadata: vec![("camera".to_owned(), "a camera of some make".to_owned())],
        parts: vec![Part {
            number: None,
            size_bytes: 4096,
            checksum: Vec::new(),
            chunks: vec![Chunk { needle, size_bytes: 4096 }],
        }],
        upload: None,
    }
}

fn listing(bucket: &BucketName, number: u64, delimiter: Option<&str>, limit: usize) -> Listing {
    Listing {
        bucket: bucket.clone(),
        prefix: if delimiter.is_some() { "photos/".to_owned() } else { String::new() },
        delimiter: delimiter.map(str::to_owned),
        after: (number > 0).then(|| String::from(key(number))),
        limit,
    }
}

/// Runs `operation` over and over by so many clients.
async fn measure<C, F, O>(name: &str, clients: u64, context: C, operation: F)
where
    C: Clone + Send + 'static,
    F: Fn(C) -> O + Copy + Send + 'static,
    O: Future<Output = ()> + Send,
{
    let (begin, cpu) = (Instant::now(), cpu_time());
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let context = context.clone();
            tokio::spawn(async move {
                let mut took = Vec::new();
                while begin.elapsed() < SPAN {
                    let at = Instant::now();
                    operation(context.clone()).await;
                    took.push(u32::try_from(at.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for client in clients {
        took.extend(client.await.expect("it ends"));
    }
    let (elapsed, cpu) = (begin.elapsed(), cpu_time() - cpu);
    took.sort_unstable();
    let count = took.len().max(1) as f64;
    println!(
        "{name:<44} {:>10.0} {:>9.1} {:>9} {:>9}",
        count / elapsed.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / count,
        took.get(took.len() / 2).copied().unwrap_or_default(),
        took.get(took.len() * 99 / 100).copied().unwrap_or_default(),
    );
}

/// CPU time of all threads of this process, from `/proc/self/stat`, in ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit_once(')').expect("a name").1;
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn resident_mb() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|field| field.parse().ok()).expect("a number");
    pages * 4096 / 1_000_000
}
