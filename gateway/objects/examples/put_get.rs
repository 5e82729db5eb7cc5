//! What a PUT and a GET cost without HTTP: all roles in this process, in a temporary directory.
//!
//! `cargo run --release -p objects --example put_get -- [disk|memory] [concurrency] [size]`. CPU is of the whole process, so
//! pinned to one core (`taskset -c 0`) it is also the time. The MD5 line is the bound of a stream of PUTs.
#![allow(clippy::print_stdout, clippy::expect_used, clippy::cast_precision_loss, reason = "a measuring tool")]

use std::{
    future::Future,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{StreamExt, stream};
use md5::{Digest, Md5};
use namespace::{AccountId, BucketName, ContentHeaders, Namespace, ObjectKey, WritePreconditions};
use objects::{Body, BodyError, Integrity, Objects, Put, Settings};
use protocol::{Location, Master, Servers};
use types::Durability;

/// As a connection gives them.
const FRAME_BYTES: usize = 64 << 10;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let durability = arguments.next().map_or(Durability::Disk, |text| text.parse().expect("disk or memory"));
    let concurrency = arguments.next().map_or(32, |text| text.parse().expect("a number"));
    let only = arguments.next();
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let objects = open(dir.path(), durability).await;
        let md5 = md5_rate();
        println!("durability {durability}, {concurrency} at once; MD5 alone {md5:.0} MB/s");
        for (name, size, count) in [("4K", 4 << 10, 40_000), ("1M", 1 << 20, 800), ("64M", 64 << 20, 12)] {
            if only.as_ref().is_some_and(|only| only != name) {
                continue;
            }
            let at_once = if size > 1 << 20 { concurrency.min(2) } else { concurrency };
            measure(&objects, name, size, count, at_once, md5).await;
        }
        objects.close().await;
    });
}

async fn measure(objects: &Objects, name: &str, size: usize, count: usize, at_once: usize, md5: f64) {
    let data: Bytes = (0..size).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
    let put = |i: usize| {
        let (objects, data) = (objects.clone(), data.clone());
        async move { put(&objects, i, &data).await }
    };
    let get = |i: usize| {
        let objects = objects.clone();
        async move { get(&objects, i).await }
    };
    run(200.min(count), at_once, put).await;
    let (wall, cpu) = run(count, at_once, put).await;
    let rate = megabytes(size * count) / wall.as_secs_f64();
    let of_md5 = 100.0 * megabytes(size * count) / cpu.as_secs_f64() / md5;
    println!("PUT {name:>6}: {} ({of_md5:.0} % of one core's MD5 by CPU)", line(count, wall, cpu, rate));
    let (wall, cpu) = run(count, at_once, get).await;
    println!("GET {name:>6}: {}", line(count, wall, cpu, megabytes(size * count) / wall.as_secs_f64()));
}

fn line(count: usize, wall: Duration, cpu: Duration, rate: f64) -> String {
    let each = cpu.as_secs_f64() * 1e6 / count as f64;
    format!("{:.0}/s, {rate:.0} MB/s, {each:.1} us CPU each", count as f64 / wall.as_secs_f64())
}

/// Runs `count` requests as tasks, `at_once` at a time. Wall and CPU time.
async fn run<F>(count: usize, at_once: usize, request: impl Fn(usize) -> F) -> (Duration, Duration)
where
    F: Future<Output = ()> + Send + 'static,
{
    let (started, cpu) = (Instant::now(), cpu_time());
    let tasks = stream::iter(0..count).map(|i| tokio::spawn(request(i))).buffer_unordered(at_once);
    tasks.for_each(|done| async move { done.expect("the request succeeds") }).await;
    (started.elapsed(), cpu_time() - cpu)
}

async fn put(objects: &Objects, i: usize, data: &Bytes) {
    let put = Put {
        bucket: bucket(),
        key: key(i),
        headers: ContentHeaders { content_type: Some("image/jpeg".into()), ..ContentHeaders::default() },
        metadata: Vec::new(),
        storage_class: "STANDARD".into(),
        preconditions: WritePreconditions::default(),
        integrity: Integrity { size_bytes: Some(data.len() as u64), ..Integrity::default() },
    };
    let frames: Vec<Result<Bytes, BodyError>> = (0..data.len())
        .step_by(FRAME_BYTES)
        .map(|at| Ok(data.slice(at..data.len().min(at + FRAME_BYTES))))
        .collect();
    let body: Body = Box::pin(stream::iter(frames));
    objects.put(put, body).await.expect("stores");
}

async fn get(objects: &Objects, i: usize) {
    let object = objects.lookup(&bucket(), &key(i)).await.expect("is there");
    let content = objects.read(&bucket(), &key(i), &object, 0..object.size_bytes).await.expect("reads");
    let read = content.fold(0, |sum, piece| async move { sum + piece.expect("reads").len() as u64 }).await;
    assert_eq!(read, object.size_bytes);
}

fn bucket() -> BucketName {
    "photos".parse().expect("a bucket name")
}

fn key(i: usize) -> ObjectKey {
    format!("2024/album-{:03}/{i:08}.jpg", i % 100).parse().expect("a key")
}

async fn open(dir: &Path, durability: Durability) -> Objects {
    let url = "127.0.0.1:1".to_owned(); // nobody connects
    let location = Location { public_url: url.clone(), url };
    let mut settings = volume_server::Settings::new(vec![dir.join("volumes")], location.clone());
    settings.durability = durability;
    let volumes = volume_server::VolumeServer::open(settings).await.expect("opens the volumes");
    let servers = Servers::default().with_local(&location, volumes.clone());
    let mut settings = master::Settings::new(dir.join("master"), "127.0.0.1:2");
    settings.warm_up = Duration::ZERO;
    let master = master::Master::open(settings, servers.clone()).await.expect("opens the master");
    master.heartbeat(volumes.heartbeat()).await.expect("takes the heartbeat");
    let settings = namespace_embedded::Settings { durability, ..Default::default() };
    let store = namespace_embedded::EmbeddedStore::open(&dir.join("namespace"), &settings).expect("opens");
    let objects = Objects::new(Namespace::new(Arc::new(store), 1), master, servers, Settings::default());
    objects.create_bucket(&bucket(), &AccountId("someone".into())).await.expect("makes the bucket");
    objects
}

fn md5_rate() -> f64 {
    let data = vec![7; 1 << 20];
    let started = cpu_time();
    let mut md5 = Md5::new();
    (0..256).for_each(|_| md5.update(&data));
    assert_ne!(md5.finalize().as_slice(), [0; 16]);
    megabytes(256 << 20) / (cpu_time() - started).as_secs_f64()
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// User and system time of this process: fields 14 and 15 of its `stat`, in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let after_name = stat.rsplit(')').next().expect("a name in brackets");
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().expect("a number"))
        .sum();
    Duration::from_millis(ticks * 10)
}
