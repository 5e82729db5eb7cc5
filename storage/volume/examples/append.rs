//! Measures one volume: appends and hot reads per second.
//!
//! `cargo run --release -p volume --example append [seconds] [directory]`; the directory is `target` unless given.
#![allow(clippy::expect_used)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use types::{Collection, Cookie, Durability, NeedleKey, Placement, Ttl, VolumeId};
use volume::{Needle, Options, RealDisk, Volume, VolumeSettings};

const DATA_BYTES: usize = 1024;
const COOKIE: Cookie = Cookie(7);

fn main() {
    let seconds = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    let parent = std::env::args().nth(2).unwrap_or_else(|| "target".to_owned());
    let (span, parent) = (Duration::from_secs(seconds), Path::new(&parent));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    println!("fdatasync of one appended kilobyte: {} us (p50)", probe(parent));
    for durability in [Durability::Memory, Durability::Disk] {
        for tasks in [1, 16, 64] {
            runtime.block_on(measure(durability, tasks, span, parent));
        }
    }
}

async fn measure(durability: Durability, tasks: u64, span: Duration, parent: &Path) {
    let dir = tempfile::tempdir_in(parent).expect("temp dir");
    let volume = make(dir.path(), durability);
    let data = Bytes::from(vec![7; DATA_BYTES]);
    let next = Arc::new(AtomicU64::new(1));
    let appends = run(tasks, span, {
        let (volume, next) = (volume.clone(), Arc::clone(&next));
        move || {
            let (volume, data) = (volume.clone(), data.clone());
            let key = NeedleKey(next.fetch_add(1, Ordering::Relaxed));
            async move {
                let needle = Needle { key, cookie: COOKIE, data, ..Needle::default() };
                volume.append(needle).await.expect("append");
            }
        }
    })
    .await;
    let count = next.load(Ordering::Relaxed) - 1;
    let reads = run(tasks, span, {
        let volume = volume.clone();
        let seed = Arc::new(AtomicU64::new(1));
        move || {
            let volume = volume.clone();
            let random = seed.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            async move {
                volume.read(NeedleKey(1 + random % count), COOKIE).await.expect("read");
            }
        }
    })
    .await;
    let index_bytes = volume.stat().index_bytes;
    volume.close().await;
    let opened = Instant::now();
    let _ = Volume::open(
        Arc::new(RealDisk),
        dir.path(),
        &Collection::default(),
        VolumeId(1),
        &Options::default(),
    )
    .expect("open");
    println!(
        "{durability:>6} c={tasks:<2} appends {appends}  hot reads {reads}  index {:.1} B/needle, opens {count} in {:.0?}",
        ratio(index_bytes as u64, count),
        opened.elapsed()
    );
}

fn make(dir: &Path, durability: Durability) -> Volume {
    let settings = VolumeSettings {
        id: VolumeId(1),
        collection: Collection::default(),
        placement: Placement::SINGLE,
        ttl: Ttl::NEVER,
    };
    let options = Options { durability, ..Options::default() };
    Volume::create(Arc::new(RealDisk), dir, settings, &options).expect("create")
}

/// Runs `op` in `tasks` loops; rate, and the latency that half of the calls and 99 of 100 stayed under.
async fn run<F, O>(tasks: u64, span: Duration, op: F) -> String
where
    F: Fn() -> O + Send + Sync + 'static,
    O: Future<Output = ()> + Send,
{
    let op = Arc::new(op);
    let begin = Instant::now();
    let loops: Vec<_> = (0..tasks)
        .map(|_| {
            let op = Arc::clone(&op);
            tokio::spawn(async move {
                let mut spans = Vec::new();
                while begin.elapsed() < span {
                    for _ in 0..32 {
                        let start = Instant::now();
                        op().await;
                        spans.push(start.elapsed());
                    }
                    tokio::task::yield_now().await;
                }
                spans
            })
        })
        .collect();
    let mut spans = Vec::new();
    for each in loops {
        spans.extend(each.await.expect("task"));
    }
    let elapsed = begin.elapsed();
    spans.sort_unstable();
    let at = |percent: usize| spans[(spans.len() - 1) * percent / 100];
    let rate = ratio(spans.len() as u64 * 1_000_000, elapsed.as_micros().try_into().unwrap_or(u64::MAX));
    format!("{:>6.1} k/s p50 {:>7.1?} p99 {:>7.1?}", rate / 1000.0, at(50), at(99))
}

fn probe(parent: &Path) -> u128 {
    use std::io::Write;
    let mut file = tempfile::tempfile_in(parent).expect("temp file");
    let mut spans: Vec<_> = (0..200)
        .map(|_| {
            let start = Instant::now();
            file.write_all(&[7; DATA_BYTES]).expect("write");
            file.sync_data().expect("sync");
            start.elapsed().as_micros()
        })
        .collect();
    spans.sort_unstable();
    spans[spans.len() / 2]
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}
