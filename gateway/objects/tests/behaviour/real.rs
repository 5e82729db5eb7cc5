//! Over the real store, volume server and master, in one process and one directory.

use std::{
    fs::{self, File},
    ops::Range,
    os::unix::fs::FileExt,
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures::future::join_all;
use namespace::{Namespace, Object};
use objects::{CopyError, Objects, ReadFailure, Settings};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use protocol::{Location, Master, ReadError, Servers, Volumes};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use types::{Durability, Timestamp};
use volume_server::VolumeServer;

use super::{
    copies::copy_of,
    fakes::open_store,
    multipart::{MIN_PART, completion, number, start},
    support::*,
};

/// All roles, over a directory that may be opened again.
struct Roles {
    objects: Objects,
    namespace: Namespace,
    volumes: Arc<VolumeServer>,
    master: Arc<master::Master>,
    stop: CancellationToken,
}

impl Roles {
    async fn open(dir: &Path, settings: Settings) -> Self {
        let url = "127.0.0.1:1".to_owned(); // nobody connects
        let location = Location { public_url: url.clone(), url };
        let mut volume_settings = volume_server::Settings::new(vec![dir.join("volumes")], location.clone());
        volume_settings.durability = Durability::Memory;
        let volumes = VolumeServer::open(volume_settings).await.expect("opens the volumes");
        let servers = Servers::default().with_local(&location, volumes.clone());
        let mut master_settings = master::Settings::new(dir.join("master"), "127.0.0.1:2");
        master_settings.warm_up = Duration::ZERO;
        let master = master::Master::open(master_settings, servers.clone()).await.expect("opens the master");
        master.heartbeat(volumes.heartbeat()).await.expect("takes the heartbeat");
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&volumes).run_heartbeats(master.clone(), stop.clone()));
        let namespace = Namespace::new(Arc::new(open_store(dir)), 1);
        let objects = Objects::new(namespace.clone(), master.clone(), servers, settings);
        Self { objects, namespace, volumes, master, stop }
    }

    async fn new(settings: Settings) -> (Self, TempDir) {
        let dir = tempfile::tempdir().expect("a directory");
        let roles = Self::open(dir.path(), settings).await;
        roles.objects.create_bucket(&bucket(), &owner()).await.expect("makes the bucket");
        (roles, dir)
    }

    async fn close(self) {
        self.objects.close().await;
        self.stop.cancel();
        self.namespace.close().await;
        self.volumes.close().await;
        self.master.close().await;
    }

    async fn reaped(&self) {
        eventually("all delete intents are struck", || async {
            let ever = Timestamp::from_millis(u64::MAX / 2);
            self.namespace.delete_intents(None, ever, 1).await.expect("lists").is_empty()
        })
        .await;
    }

    /// Whether all needles of an object are there, or none.
    async fn is_alive(&self, object: &Object) -> bool {
        let reads = join_all(object.needles().map(|fid| self.volumes.read(fid))).await;
        let alive = reads.iter().filter(|read| read.is_ok()).count();
        assert!(reads.iter().all(|read| matches!(read, Ok(_) | Err(ReadError::NotFound(_)))), "{reads:?}");
        assert!(alive == 0 || alive == reads.len(), "{alive} of {} needles", reads.len());
        alive > 0
    }

    /// Needles ever written, as the volume server counts them.
    fn written_needles(&self) -> u64 {
        let volumes = self.volumes.heartbeat().volumes;
        volumes.iter().map(|volume| volume.needle_count + volume.deleted_count).sum()
    }

    /// Live needles, as the volume server counts them.
    fn live_needles(&self) -> u64 {
        self.volumes.heartbeat().volumes.iter().map(|volume| volume.needle_count).sum()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn round_trips_outlive_a_restart() {
    let (roles, dir) = Roles::new(settings()).await;
    let sizes = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17];
    for size in sizes {
        put(&roles.objects, &size.to_string(), &bytes(size, size as u64)).await.expect("stores");
    }
    for size in sizes {
        let got = get(&roles.objects, &size.to_string()).await.expect("reads");
        assert_eq!(got, bytes(size, size as u64));
    }
    roles.close().await;
    let roles = Roles::open(dir.path(), settings()).await;
    for size in sizes {
        let got = get(&roles.objects, &size.to_string()).await.expect("reads");
        assert_eq!(got, bytes(size, size as u64));
    }
    put(&roles.objects, "new", &bytes(2 * CHUNK, 9)).await.expect("stores");
    assert_eq!(get(&roles.objects, "new").await.expect("reads"), bytes(2 * CHUNK, 9));
    roles.close().await;
}

#[test]
fn every_range_reads_as_of_a_vec() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let data = bytes(7 * CHUNK + 17, 1);
    let (roles, _dir) = runtime.block_on(Roles::new(settings()));
    let object = runtime.block_on(put(&roles.objects, "k", &data)).expect("stores").object;
    let read = |start: u64, end: u64| {
        runtime.block_on(async {
            let content = roles.objects.read(&bucket(), &key("k"), &object, start..end).await?;
            collect(content).await
        })
    };
    let end = data.len() as u64 + 10;
    let mut runner = TestRunner::new(Config { cases: 200, failure_persistence: None, ..Config::default() });
    let tested = runner.run(&(0..end, 0..end), |(start, end)| {
        let model = data.get(start as usize..data.len().min(end as usize)).unwrap_or_default();
        let got = read(start, end).map_err(|failure| TestCaseError::fail(failure.to_string()))?;
        prop_assert_eq!(&got[..], model);
        Ok(())
    });
    tested.expect("all ranges");
    runtime.block_on(roles.close());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_puts_leave_the_needles_of_one() {
    let (roles, _dir) = Roles::new(settings()).await;
    let puts = (0..20).map(|i| {
        let objects = roles.objects.clone();
        let size = if i % 2 == 0 { 100 } else { 2 * CHUNK + 5 };
        async move { put(&objects, "k", &bytes(size, i)).await.expect("stores").object }
    });
    let stored = join_all(puts).await;
    roles.reaped().await;
    let current = roles.objects.lookup(&bucket(), &key("k")).await.expect("is there");
    for object in &stored {
        assert_eq!(roles.is_alive(object).await, object.parts == current.parts);
    }
    assert_eq!(roles.live_needles(), current.needles().count() as u64);
    roles.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delete_intents_outlive_a_restart() {
    let late = Settings { reap_delay: Duration::from_secs(3600), ..settings() };
    let (roles, dir) = Roles::new(late).await;
    let replaced = put(&roles.objects, "k", &bytes(2 * CHUNK, 1)).await.expect("stores").object;
    let deleted = put(&roles.objects, "other", &bytes(10, 1)).await.expect("stores").object;
    let kept = put(&roles.objects, "k", &bytes(2 * CHUNK, 2)).await.expect("stores").object;
    roles.objects.delete(&bucket(), &key("other"), Default::default()).await.expect("deletes");
    assert!(roles.is_alive(&replaced).await && roles.is_alive(&deleted).await);
    roles.close().await;
    let roles = Roles::open(dir.path(), settings()).await;
    roles.reaped().await;
    assert!(!roles.is_alive(&replaced).await && !roles.is_alive(&deleted).await);
    assert!(roles.is_alive(&kept).await);
    roles.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_bodies_leave_no_live_needle() {
    let (roles, _dir) = Roles::new(settings()).await;
    for size in [10, 3 * CHUNK + 17] {
        let data = bytes(size, 1);
        let wrong = objects::Integrity { md5: Some([0; 16]), ..sized(&data) };
        roles.objects.put(put_of("k", wrong), body(&data, 300)).await.expect_err("another MD5");
        assert!(size < CHUNK || roles.written_needles() > 0, "the chunks of a large body are written");
        let short = objects::Integrity { size_bytes: Some(size as u64 + 1), ..Default::default() };
        roles.objects.put(put_of("k", short), body(&data, 300)).await.expect_err("another size");
    }
    assert!(roles.objects.lookup(&bucket(), &key("k")).await.is_err());
    eventually("no needle is left", || async { roles.live_needles() == 0 }).await;
    roles.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_needles_are_never_served_nor_denied() {
    let (roles, dir) = Roles::new(settings()).await;
    let data = bytes(3 * CHUNK, 1);
    put(&roles.objects, "k", &data).await.expect("stores");
    flip_a_bit(&dir.path().join("volumes"), &data[CHUNK..2 * CHUNK]);
    let object = roles.objects.lookup(&bucket(), &key("k")).await.expect("is there");
    let failure = get(&roles.objects, "k").await.expect_err("the middle is damaged");
    assert!(matches!(failure, ReadFailure::Damaged(_)), "{failure:?}");
    let middle = CHUNK as u64 + 1..CHUNK as u64 + 2;
    let failure = roles.objects.read(&bucket(), &key("k"), &object, middle).await.err();
    assert!(matches!(failure, Some(ReadFailure::Damaged(_))), "{failure:?}");
    let content = roles.objects.read(&bucket(), &key("k"), &object, 0..CHUNK as u64).await.expect("is well");
    assert_eq!(collect(content).await.expect("reads"), data[..CHUNK]);
    roles.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_and_copies_race_replacement() {
    let (roles, _dir) = Roles::new(Settings { reap_delay: Duration::ZERO, ..settings() }).await;
    let versions: Arc<Vec<_>> = Arc::new((0..60).map(|i| bytes(2 * CHUNK + 5, i + 1)).collect());
    put(&roles.objects, "k", &versions[0]).await.expect("stores");
    let (objects, replacing) = (roles.objects.clone(), Arc::clone(&versions));
    let replacing = tokio::spawn(async move {
        for version in replacing.iter() {
            put(&objects, "k", version).await.expect("stores");
        }
    });
    let reader = |objects: Objects, versions: Arc<Vec<_>>| async move {
        let mut changed = 0;
        for _ in 0..100 {
            match get(&objects, "k").await {
                Ok(data) => assert!(versions.contains(&data), "{} bytes of no version", data.len()),
                Err(ReadFailure::Changed) => changed += 1,
                Err(failure) => panic!("{failure:?}"),
            }
        }
        changed
    };
    let readers = (0..4).map(|_| tokio::spawn(reader(roles.objects.clone(), Arc::clone(&versions))));
    for i in 0..20 {
        let to = format!("copy{i}");
        match roles.objects.copy(copy_of("k", &to)).await {
            Ok(_) => {
                let data = get(&roles.objects, &to).await.expect("reads the copy");
                assert!(versions.contains(&data), "{} bytes of no version", data.len());
            }
            Err(CopyError::Source(ReadFailure::Unavailable(_))) => {} // it kept changing
            Err(error) => panic!("{error:?}"),
        }
    }
    for reader in join_all(readers).await {
        reader.expect("reads what was put");
    }
    replacing.await.expect("replaces");
    assert_eq!(get(&roles.objects, "k").await.expect("reads"), versions[59]);
    roles.close().await;
}

/// Finds `data` in a volume, and changes one bit of it.
fn flip_a_bit(dir: &Path, data: &[u8]) {
    let files = fs::read_dir(dir).expect("lists").map(|entry| entry.expect("an entry").path());
    for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "dat")) {
        let content = fs::read(&path).expect("reads");
        if let Some(at) = content.windows(data.len()).position(|window| window == data) {
            let file = File::options().write(true).open(&path).expect("opens");
            return file.write_all_at(&[content[at] ^ 1], at as u64).expect("writes");
        }
    }
    panic!("the data is in no volume");
}

#[test]
fn parts_of_any_size_read_as_one() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let settings = Settings { chunk_bytes: 3 << 20, buffer_budget_bytes: 64 << 20, ..settings() };
    let (roles, _dir) = runtime.block_on(Roles::new(settings));
    let full = prop::collection::vec(MIN_PART..MIN_PART + (2 << 20), 0..3);
    let cases = (full, 1usize..100_000, 0u64..12 << 20, 0u64..12 << 20);
    let mut runner = TestRunner::new(Config { cases: 6, failure_persistence: None, ..Config::default() });
    let tested = runner.run(&cases, |(mut sizes, last, start, len)| {
        sizes.push(last);
        runtime.block_on(check_parts(&roles, &sizes, start..start + len));
        Ok(())
    });
    tested.expect("all parts");
    runtime.block_on(roles.close());
}

/// Uploads parts of these sizes, and reads them back: all, and `range` of them.
async fn check_parts(roles: &Roles, sizes: &[usize], range: Range<u64>) {
    let (objects, bucket, key) = (&roles.objects, bucket(), key("k"));
    let parts: Vec<_> = sizes.iter().enumerate().map(|(at, size)| bytes(*size, at as u64 + 1)).collect();
    let id = start(objects, "k", None).await;
    let mut stored = Vec::new();
    for (at, data) in parts.iter().enumerate() {
        let number = number(u16::try_from(at).expect("few parts") + 1);
        let part = objects.put_part(&bucket, &key, &id, number, sized(data), body(data, 64 << 10));
        stored.push(part.await.expect("stores"));
    }
    let object = objects.complete(completion("k", id, &stored)).await.expect("completes").object;
    let model = parts.concat();
    assert_eq!(get(objects, "k").await.expect("reads"), model);
    let content = objects.read(&bucket, &key, &object, range.clone()).await.expect("begins");
    let (from, to) = (range.start as usize, model.len().min(range.end as usize));
    assert_eq!(collect(content).await.expect("reads"), model.get(from..to).unwrap_or_default());
}
