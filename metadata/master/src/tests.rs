//! What the role promises, in process. Over HTTP: `http/tests.rs`; under kills: `tests/kills.rs`.

use std::{
    collections::HashSet,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use protocol::{
    AllocateError, AllocateVolume, AssignError, AssignRequest, DeleteError, Deleted, Heartbeat, Location,
    LookupError, Master as _, MasterError, NewNeedle, ReadError, Servers, StoredNeedle, VolumeReport,
    Volumes, WriteError, Written, conformance::MemoryVolumes,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tempfile::TempDir;
use types::{FileId, NeedleKey, Placement, Ttl, VolumeId};

use crate::{Master, OpenError, Settings};

pub(crate) fn at(url: &str) -> Location {
    Location { url: url.to_owned(), public_url: format!("public.{url}") }
}

/// What a kill leaves behind: all files as they are, nothing flushed or closed first.
pub(crate) fn killed(dir: &Path) -> TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).expect("makes a directory");
        for file in std::fs::read_dir(from).expect("lists") {
            let file = file.expect("lists");
            let to = to.join(file.file_name());
            if file.file_type().expect("has a type").is_dir() {
                copy(&file.path(), &to);
            } else {
                std::fs::copy(file.path(), to).expect("copies");
            }
        }
    }
    let copied = tempfile::tempdir().expect("a directory");
    copy(dir, copied.path());
    copied
}

pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) volumes: Arc<MemoryVolumes>,
    pub(crate) master: Arc<Master>,
}

fn settings(dir: &Path) -> Settings {
    Settings { warm_up: Duration::ZERO, beat: Duration::from_secs(3600), ..Settings::new(dir, "master:9333") }
}

/// A dropped master lets go of its directory when its last task has ended.
async fn open(settings: Settings, servers: &Servers) -> Arc<Master> {
    for _ in 0..100 {
        match Master::open(settings.clone(), servers.clone()).await {
            Err(OpenError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(20)).await,
            opened => return opened.expect("opens"),
        }
    }
    panic!("the directory stays locked");
}

impl Fixture {
    /// A master that knows no server yet, and one at `volume:8080` that it can allocate on.
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let volumes = Arc::new(MemoryVolumes::default());
        let master = open(settings(dir.path()), &servers(&volumes)).await;
        Self { dir, volumes, master }
    }

    /// The same with the server reported.
    pub(crate) async fn with_server() -> Self {
        let fixture = Self::new().await;
        beat(&fixture.master, "volume:8080", vec![]).await;
        fixture
    }

    /// A restart without a close; the server reports what it has.
    async fn restarted(self) -> Self {
        let Self { dir, volumes, master } = self;
        drop(master);
        let master = open(settings(dir.path()), &servers(&volumes)).await;
        let reports = volumes
            .allocated()
            .into_iter()
            .map(|volume| VolumeReport { collection: volume.collection, ..report(volume.id.0, "", 0) });
        beat(&master, "volume:8080", reports.collect()).await;
        Self { dir, volumes, master }
    }
}

fn servers(volumes: &Arc<MemoryVolumes>) -> Servers {
    Servers::default().with_local(&at("volume:8080"), Arc::clone(volumes) as Arc<dyn Volumes>)
}

pub(crate) fn heartbeat(url: &str, volumes: Vec<VolumeReport>) -> Heartbeat {
    Heartbeat {
        location: at(url),
        data_center: String::new(),
        rack: String::new(),
        max_volumes: 100,
        volumes,
    }
}

pub(crate) async fn beat(master: &Master, url: &str, volumes: Vec<VolumeReport>) {
    master.heartbeat(heartbeat(url, volumes)).await.expect("takes a heartbeat");
}

pub(crate) fn report(id: u32, collection: &str, max_key: u64) -> VolumeReport {
    VolumeReport {
        id: VolumeId(id),
        collection: collection.parse().expect("a name"),
        placement: Placement::SINGLE,
        ttl: Ttl::NEVER,
        size_bytes: 8,
        needle_count: 0,
        deleted_count: 0,
        deleted_bytes: 0,
        max_key: NeedleKey(max_key),
        read_only: false,
    }
}

pub(crate) fn request(collection: &str, count: u64) -> AssignRequest {
    let collection = collection.parse().expect("a name");
    AssignRequest { count, collection, placement: Placement::SINGLE, ttl: Ttl::NEVER }
}

#[tokio::test]
async fn conforms() {
    let fixture = Fixture::new().await;
    protocol::conformance::master(fixture.master, at("volume:8080")).await;
}

#[tokio::test]
async fn many_assigns_for_a_new_collection_make_one_volume() {
    let fixture = Fixture::with_server().await;
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..200 {
        let master = Arc::clone(&fixture.master);
        callers.spawn(async move {
            let collection = ["a", "b"][caller % 2];
            (collection, master.assign(&request(collection, 1)).await.expect("assigns").volume)
        });
    }
    let volumes: HashSet<_> = callers.join_all().await.into_iter().collect();
    assert_eq!(volumes.len(), 2, "{volumes:?}");
    assert_eq!(fixture.volumes.allocated().len(), 2);
}

#[tokio::test]
async fn a_growth_outlives_the_caller_that_began_it() {
    let fixture = Fixture::with_server().await;
    for _ in 0..20 {
        let assign = async { fixture.master.assign(&request("c", 1)).await.map(drop) };
        let _ = tokio::time::timeout(Duration::from_micros(50), assign).await;
    }
    fixture.master.assign(&request("c", 1)).await.expect("assigns");
    assert_eq!(fixture.volumes.allocated().len(), 1);
}

/// A restart without a close between any two operations: no volume id and no key comes twice.
#[tokio::test]
async fn restarts_repeat_nothing() {
    let mut fixture = Fixture::with_server().await;
    let mut random = StdRng::seed_from_u64(4);
    let (mut keys, mut ids, mut foreign) = (HashSet::new(), HashSet::new(), 0);
    for step in 0..60_u32 {
        match random.random_range(0..3) {
            0 => {
                let count = random.random_range(1..150_000);
                let collection = ["a", "b", "c"][random.random_range(0..3)];
                let lease = fixture.master.assign(&request(collection, count)).await.expect("assigns");
                for key in [lease.first_key.0, lease.first_key.0 + count / 2, lease.first_key.0 + count - 1] {
                    assert!(key > foreign, "step {step}: key {key} is somebody else's");
                }
                let range = lease.first_key.0..lease.first_key.0 + count;
                assert!(
                    keys.iter()
                        .all(|taken: &std::ops::Range<u64>| taken.end <= range.start
                            || range.end <= taken.start),
                    "step {step}: {range:?} overlaps"
                );
                keys.insert(range);
            }
            1 => {
                let class = topology::Class::default();
                let id = fixture.master.grower.grow(&class, None).await.expect("grows");
                assert!(ids.insert(id), "step {step}: volume {id} came twice");
            }
            _ => {
                let id = ids.iter().max().map_or(0, |id: &VolumeId| id.0) + 1000;
                let used = keys.iter().map(|range| range.end).max().unwrap_or(0);
                foreign = foreign.max(used + random.random_range(0..200_000));
                beat(&fixture.master, "other:8080", vec![report(id, "x", foreign)]).await;
                ids.insert(VolumeId(id));
            }
        }
        if random.random_bool(0.6) {
            fixture = fixture.restarted().await;
        }
    }
    assert!(keys.len() > 10 && ids.len() > 10);
}

#[tokio::test]
async fn keys_that_another_master_gave_out_are_passed_over_at_once() {
    let fixture = Fixture::with_server().await;
    let first = fixture.master.assign(&request("", 1)).await.expect("assigns");
    // Inside the block that this master leased for itself.
    beat(&fixture.master, "weed:8080", vec![report(70, "", first.first_key.0 + 500)]).await;
    let next = fixture.master.assign(&request("", 1)).await.expect("assigns");
    assert_eq!(next.first_key.0, first.first_key.0 + 501);
    // Past all keys that are ever given out: that volume takes no new ones, and nothing is used up.
    beat(&fixture.master, "weed:8080", vec![report(71, "odd", u64::MAX)]).await;
    let after = fixture.master.assign(&request("", 1)).await.expect("assigns");
    assert_eq!(after.first_key.0, next.first_key.0 + 1);
    let odd = fixture.master.assign(&request("odd", 1)).await.expect("assigns");
    assert_ne!(odd.volume, VolumeId(71));
    assert_eq!(fixture.master.lookup(VolumeId(71)).await.expect("is read all the same"), [at("weed:8080")]);
    // Below that, but further ahead than any master gets.
    beat(&fixture.master, "weed:8080", vec![report(172, "stray", (1 << 56) - 1)]).await;
    let stray = fixture.master.assign(&request("stray", 1)).await.expect("assigns");
    assert_ne!(stray.volume, VolumeId(172));
    assert!(stray.first_key.0 < 1 << 40, "{stray:?}");
}

#[tokio::test]
async fn a_refused_report_skips_no_keys() {
    let fixture = Fixture::with_server().await;
    beat(&fixture.master, "volume:8080", vec![report(1, "", 0)]).await;
    let conflicting = heartbeat("weed:8080", vec![report(1, "other", 1 << 30)]);
    let refused = fixture.master.heartbeat(conflicting).await;
    assert!(matches!(refused, Err(MasterError::Refused(_))), "{refused:?}");
    let request = request("", 1);
    let assigning = fixture.master.assign(&request);
    let assigned = tokio::time::timeout(Duration::from_secs(5), assigning).await.expect("does not spin");
    assert!(assigned.expect("assigns").first_key < NeedleKey(1 << 20));
}

#[tokio::test]
async fn a_silent_server_leaves_lookups_and_the_writable_set() {
    let dir = tempfile::tempdir().expect("a directory");
    let volumes = Arc::new(MemoryVolumes::default());
    let beat_length = Duration::from_millis(40);
    let settings = Settings { beat: beat_length, ..settings(dir.path()) };
    let master = open(settings, &servers(&volumes)).await;
    beat(&master, "volume:8080", vec![report(1, "", 0)]).await;
    assert_eq!(master.lookup(VolumeId(1)).await.expect("found"), [at("volume:8080")]);
    let deadline = Instant::now() + Duration::from_secs(5);
    while master.lookup(VolumeId(1)).await.is_ok() {
        assert!(Instant::now() < deadline, "the dead are still found");
        tokio::time::sleep(beat_length).await;
    }
    let error = master.assign(&request("", 1)).await.expect_err("nobody to write to");
    assert_eq!(error.to_string(), "Cannot grow volume group! Not enough data node found!");
    beat(&master, "volume:8080", vec![report(1, "", 0)]).await;
    assert_eq!(master.assign(&request("", 1)).await.expect("assigns").volume, VolumeId(1));
}

#[tokio::test]
async fn a_nearly_full_volume_gets_a_successor_before_it_is_full() {
    let dir = tempfile::tempdir().expect("a directory");
    let volumes = Arc::new(MemoryVolumes::default());
    let settings =
        Settings { beat: Duration::from_millis(40), volume_size_limit_bytes: 1000, ..settings(dir.path()) };
    let master = open(settings, &servers(&volumes)).await;
    let crowded = VolumeReport { size_bytes: 950, ..report(1, "", 0) };
    let deadline = Instant::now() + Duration::from_secs(5);
    while volumes.allocated().is_empty() {
        assert!(Instant::now() < deadline, "no successor");
        beat(&master, "volume:8080", vec![crowded.clone()]).await;
        master.assign(&request("", 1)).await.expect("assigns");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(volumes.allocated()[0].id, VolumeId(2));
}

#[tokio::test]
async fn warming_up_is_no_answer() {
    let fixture = Fixture::with_server().await;
    let held = fixture.master.assign(&request("c", 1)).await.expect("assigns").volume;
    let Fixture { dir, volumes, master } = fixture;
    drop(master);
    let settings = Settings { warm_up: Duration::from_secs(3600), ..settings(dir.path()) };
    let master = open(settings, &servers(&volumes)).await;
    assert!(matches!(master.assign(&request("c", 1)).await, Err(AssignError::Unavailable(_))));
    assert!(matches!(master.lookup(held).await, Err(LookupError::Unavailable(_))));
    let foreign = master.lookup(VolumeId(999)).await;
    assert!(matches!(foreign, Err(LookupError::Unavailable(_))), "another master's, perhaps: {foreign:?}");
    beat(&master, "volume:8080", vec![]).await;
    assert!(
        matches!(master.assign(&request("c", 1)).await, Err(AssignError::Unavailable(_))),
        "not reported yet"
    );
    assert!(master.assign(&request("new", 1)).await.is_ok(), "a new collection waits for nobody");
    beat(&master, "volume:8080", vec![report(held.0, "c", 1)]).await;
    assert_eq!(master.assign(&request("c", 1)).await.expect("assigns").volume, held);
}

/// A server whose disk is full, or that is not there: its report did not say so.
struct Refusing(fn(VolumeId) -> AllocateError);

#[async_trait::async_trait]
impl Volumes for Refusing {
    async fn write(&self, fid: FileId, _: NewNeedle) -> Result<Written, WriteError> {
        Err(WriteError::NoVolume(fid.volume))
    }
    async fn read(&self, fid: FileId) -> Result<StoredNeedle, ReadError> {
        Err(ReadError::NoVolume(fid.volume))
    }
    async fn delete(&self, fid: FileId) -> Result<Deleted, DeleteError> {
        Err(DeleteError::NoVolume(fid.volume))
    }
    async fn allocate(&self, volume: AllocateVolume) -> Result<(), AllocateError> {
        Err((self.0)(volume.id))
    }
}

#[tokio::test]
async fn a_server_that_cannot_take_the_volume_is_passed_over() {
    let dir = tempfile::tempdir().expect("a directory");
    let volumes = Arc::new(MemoryVolumes::default());
    let full = Refusing(|volume| AllocateError::NoRoom { volume, reason: "disk full".to_owned() });
    let servers = servers(&volumes).with_local(&at("full:8080"), Arc::new(full));
    let master = open(settings(dir.path()), &servers).await;
    beat(&master, "full:8080", vec![]).await;
    let error = master.assign(&request("c", 1)).await.expect_err("no other server");
    assert!(matches!(&error, AssignError::NoRoom { reason } if reason.contains("disk full")), "{error}");
    assert_eq!(master.consensus.ledger(topology::Ledger::volume_count), 0, "what was not made is forgotten");
    beat(&master, "volume:8080", vec![]).await;
    for number in 0..10 {
        let lease =
            master.assign(&request(&format!("c{number}"), 1)).await.expect("the other server takes it");
        assert_eq!(lease.locations, [at("volume:8080")]);
    }
}

#[tokio::test]
async fn a_second_master_on_one_directory_is_kept_out() {
    let fixture = Fixture::new().await;
    let second = Master::open(settings(fixture.dir.path()), Servers::default()).await;
    let error = second.map(drop).expect_err("in use");
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    let file = fixture.dir.path().join("file");
    std::fs::write(&file, b"").expect("writes");
    let error = Master::open(settings(&file), Servers::default()).await.map(drop).expect_err("no directory");
    assert!(matches!(error, OpenError::Unusable { .. }), "{error}");
}
