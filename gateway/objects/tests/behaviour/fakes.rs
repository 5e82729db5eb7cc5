//! A master and volume servers in memory that fail on demand, and a store whose commits fail on demand.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use namespace::{
    Bucket, Commit, CommitError, DeleteIntent, IntentId, Listing, Loaded, Namespace, Page, PartNumber,
    PartPage, RowKey, Store, StoreError, UploadId, UploadListing, UploadPage,
};
use namespace_embedded::EmbeddedStore;
use objects::{Objects, Settings};
use parking_lot::Mutex;
use protocol::{
    AllocateError, AllocateVolume, AssignError, AssignRequest, Assignment, DeleteError, Deleted, Heartbeat,
    HeartbeatReply, Location, LookupError, Master, MasterError, NewNeedle, ReadError, Servers, StoredNeedle,
    Volumes, WriteError, Written,
};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use types::{Cookie, Durability, FileId, NeedleKey, Timestamp, VolumeId};

use super::support::{bucket, owner};

/// How a volume behaves on one server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Well,
    /// Refuses writes and deletes; the master goes on naming it this once more.
    ReadOnly,
    /// Fails every request.
    Away,
    /// Writes are done and then reported as failed.
    Deaf,
    /// Reads find a wrong checksum.
    Rotten,
    /// Is not on the server that the master names.
    Moved,
}

/// Volumes 1, 2, 3 on each of some servers.
pub struct Cluster {
    pub state: Mutex<State>,
    /// Writes wait for a permit each. Full by default.
    pub gate: Semaphore,
    pub writing: AtomicUsize,
    pub writing_at_most: AtomicUsize,
    pub reading: AtomicUsize,
}

pub struct State {
    needles: BTreeMap<(usize, FileId), NewNeedle>,
    modes: HashMap<(usize, VolumeId), Mode>,
    /// Which servers the master names.
    pub named: Vec<usize>,
    /// Volumes that the master names, in turn.
    pub writable: Vec<VolumeId>,
    pub gone: Vec<VolumeId>,
    pub assigns: u64,
    pub keys: u64,
    pub writes: u64,
    /// Where the data of the last write was in memory.
    pub last_buffer: usize,
    pub deletes: u64,
}

struct Server {
    index: usize,
    cluster: Arc<Cluster>,
}

impl Cluster {
    fn new(copies: usize) -> Arc<Self> {
        let state = State {
            needles: BTreeMap::new(),
            modes: HashMap::new(),
            named: (0..copies).collect(),
            writable: vec![VolumeId(1)],
            gone: Vec::new(),
            assigns: 0,
            keys: 1,
            writes: 0,
            last_buffer: 0,
            deletes: 0,
        };
        Arc::new(Self {
            state: Mutex::new(state),
            gate: Semaphore::new(1 << 20),
            writing: AtomicUsize::new(0),
            writing_at_most: AtomicUsize::new(0),
            reading: AtomicUsize::new(0),
        })
    }

    pub fn set(&self, server: usize, volume: u32, mode: Mode) {
        self.state.lock().modes.insert((server, VolumeId(volume)), mode);
    }

    /// The volumes that leases are for, in turn, beginning with the second.
    pub fn name_writable(&self, volumes: &[u32]) {
        self.state.lock().writable = volumes.iter().copied().map(VolumeId).collect();
    }

    /// Needles alive on a server.
    pub fn needles(&self, server: usize) -> Vec<FileId> {
        let state = self.state.lock();
        state.needles.keys().filter(|(on, _)| *on == server).map(|(_, fid)| *fid).collect()
    }

    pub fn needle(&self, fid: FileId) -> Option<NewNeedle> {
        self.state.lock().needles.get(&(0, fid)).cloned()
    }

    /// Loses a needle behind everyone's back.
    pub fn lose(&self, server: usize, fid: FileId) {
        self.state.lock().needles.remove(&(server, fid)).expect("a needle to lose");
    }

    /// Writes wait from now on.
    pub fn shut_gate(&self) {
        self.gate.forget_permits(1 << 20);
    }

    pub fn open_gate(&self) {
        self.gate.add_permits(1 << 20);
    }
}

#[async_trait]
impl Master for Cluster {
    async fn assign(&self, request: &AssignRequest) -> Result<Assignment, AssignError> {
        let mut state = self.state.lock();
        state.assigns += 1;
        let turn = usize::try_from(state.assigns).unwrap() % state.writable.len().max(1);
        let Some(volume) = state.writable.get(turn).copied() else {
            return Err(AssignError::NoRoom { reason: "no volumes".into() });
        };
        let first_key = NeedleKey(state.keys);
        state.keys += request.count;
        let locations = state.named.iter().map(|index| location(*index)).collect();
        Ok(Assignment { volume, first_key, count: request.count, cookie: Cookie(0), locations })
    }

    async fn lookup(&self, volume: VolumeId) -> Result<Vec<Location>, LookupError> {
        let state = self.state.lock();
        if state.gone.contains(&volume) {
            return Err(LookupError::NotFound(volume));
        }
        Ok(state.named.iter().map(|index| location(*index)).collect())
    }

    async fn heartbeat(&self, _: Heartbeat) -> Result<HeartbeatReply, MasterError> {
        Err(MasterError::Unavailable("a fake".into()))
    }
}

impl Server {
    fn mode(&self, volume: VolumeId) -> Mode {
        self.cluster.state.lock().modes.get(&(self.index, volume)).copied().unwrap_or_default()
    }

    fn away(fid: FileId) -> String {
        format!("the server of volume {} is away", fid.volume)
    }
}

#[async_trait]
impl Volumes for Server {
    async fn write(&self, fid: FileId, needle: NewNeedle) -> Result<Written, WriteError> {
        let now = self.cluster.writing.fetch_add(1, Ordering::SeqCst) + 1;
        self.cluster.writing_at_most.fetch_max(now, Ordering::SeqCst);
        let permit = self.cluster.gate.acquire().await.expect("the gate is never closed");
        drop(permit);
        self.cluster.writing.fetch_sub(1, Ordering::SeqCst);
        let volume = fid.volume;
        let mode = self.mode(volume);
        match mode {
            Mode::ReadOnly => return Err(WriteError::ReadOnly { volume, reason: "full".into() }),
            Mode::Away => return Err(WriteError::Unavailable { volume, reason: Self::away(fid) }),
            Mode::Moved => return Err(WriteError::NoVolume(volume)),
            Mode::Well | Mode::Deaf | Mode::Rotten => {}
        }
        let mut state = self.cluster.state.lock();
        state.writes += 1;
        state.last_buffer = needle.data.as_ptr() as usize;
        // A disk keeps bytes, not buffers.
        let needle = NewNeedle { data: Bytes::copy_from_slice(&needle.data), ..needle };
        for copy in state.named.clone() {
            state.needles.insert((copy, fid), needle.clone());
        }
        if mode == Mode::Deaf {
            return Err(WriteError::Unavailable { volume, reason: "no answer".into() });
        }
        let size_bytes = u32::try_from(needle.data.len()).unwrap();
        Ok(Written { size_bytes, crc: 0, unchanged: false, durability: Durability::Disk })
    }

    async fn read(&self, fid: FileId) -> Result<StoredNeedle, ReadError> {
        self.cluster.reading.fetch_add(1, Ordering::SeqCst);
        let volume = fid.volume;
        match self.mode(volume) {
            Mode::Away => return Err(ReadError::Unavailable { volume, reason: Self::away(fid) }),
            Mode::Rotten => return Err(ReadError::Corrupt { fid, reason: "checksum".into() }),
            Mode::Moved => return Err(ReadError::NoVolume(volume)),
            Mode::Well | Mode::ReadOnly | Mode::Deaf => {}
        }
        let found = self.cluster.state.lock().needles.get(&(self.index, fid)).cloned();
        let needle = found.ok_or(ReadError::NotFound(fid))?;
        // A fresh buffer, as a disk would give it.
        let needle = NewNeedle { data: needle.data.to_vec().into(), ..needle };
        Ok(StoredNeedle { needle, crc: 0 })
    }

    async fn delete(&self, fid: FileId) -> Result<Deleted, DeleteError> {
        let volume = fid.volume;
        match self.mode(volume) {
            Mode::Away => return Err(DeleteError::Unavailable { volume, reason: Self::away(fid) }),
            Mode::ReadOnly => return Err(DeleteError::ReadOnly { volume, reason: "marked".into() }),
            Mode::Moved => return Err(DeleteError::NoVolume(volume)),
            Mode::Well | Mode::Deaf | Mode::Rotten => {}
        }
        let mut state = self.cluster.state.lock();
        state.deletes += 1;
        if state.needles.remove(&(self.index, fid)).is_none() {
            return Err(DeleteError::NotFound(fid));
        }
        for copy in state.named.clone() {
            state.needles.remove(&(copy, fid));
        }
        Ok(Deleted { size_bytes: 0 })
    }

    async fn allocate(&self, volume: AllocateVolume) -> Result<(), AllocateError> {
        Err(AllocateError::Unavailable { volume: volume.id, reason: "a fake".into() })
    }
}

fn location(index: usize) -> Location {
    let url = format!("server-{index}:8080");
    Location { public_url: url.clone(), url }
}

/// What the next commits do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    Work,
    /// Are refused: nothing is applied.
    Fail,
    /// Are applied and then reported as in doubt.
    Doubt,
}

/// The embedded store, except that its commits fail on demand.
pub struct FaultyStore {
    inner: EmbeddedStore,
    pub commits: Mutex<Commits>,
}

#[async_trait]
impl Store for FaultyStore {
    fn durability(&self) -> Durability {
        self.inner.durability()
    }

    async fn load(&self, keys: &[RowKey]) -> Result<Loaded, StoreError> {
        self.inner.load(keys).await
    }

    async fn list_objects(&self, listing: &Listing) -> Result<Page, StoreError> {
        self.inner.list_objects(listing).await
    }

    async fn list_buckets(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Bucket>, StoreError> {
        self.inner.list_buckets(prefix, after, limit).await
    }

    async fn list_uploads(&self, listing: &UploadListing) -> Result<UploadPage, StoreError> {
        self.inner.list_uploads(listing).await
    }

    async fn list_parts(
        &self,
        upload: &UploadId,
        after: Option<PartNumber>,
        limit: usize,
    ) -> Result<PartPage, StoreError> {
        self.inner.list_parts(upload, after, limit).await
    }

    async fn delete_intents(
        &self,
        after: Option<IntentId>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeleteIntent>, StoreError> {
        self.inner.delete_intents(after, until, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let commits = *self.commits.lock();
        match commits {
            Commits::Work => self.inner.commit(commit).await,
            Commits::Fail => Err(CommitError::NotApplied(StoreError::Unavailable("told to fail".into()))),
            Commits::Doubt => {
                self.inner.commit(commit).await?;
                Err(CommitError::InDoubt("told to doubt".into()))
            }
        }
    }
}

/// Objects over the fakes, with one bucket.
pub struct Fixture {
    pub objects: Objects,
    pub cluster: Arc<Cluster>,
    pub store: Arc<FaultyStore>,
    pub namespace: Namespace,
    _dir: TempDir,
}

impl Fixture {
    pub async fn new(settings: Settings) -> Self {
        Self::with_copies(1, settings).await
    }

    pub async fn with_copies(copies: usize, settings: Settings) -> Self {
        let dir = memory_dir();
        let store =
            Arc::new(FaultyStore { inner: open_store(dir.path()), commits: Mutex::new(Commits::Work) });
        let namespace = Namespace::new(Arc::clone(&store) as Arc<dyn Store>, 1);
        let cluster = Cluster::new(copies);
        let servers = (0..copies + 1).fold(Servers::default(), |servers, index| {
            servers.with_local(&location(index), Arc::new(Server { index, cluster: Arc::clone(&cluster) }))
        });
        let master: Arc<dyn Master> = Arc::clone(&cluster) as Arc<dyn Master>;
        let objects = Objects::new(namespace.clone(), master, servers, settings);
        objects.create_bucket(&bucket(), &owner()).await.expect("makes the bucket");
        Self { objects, cluster, store, namespace, _dir: dir }
    }

    /// Delete intents that are not struck yet.
    pub async fn intents(&self) -> Vec<DeleteIntent> {
        self.namespace
            .delete_intents(None, Timestamp::from_millis(u64::MAX / 2), 10_000)
            .await
            .expect("lists the intents")
    }

    /// Waits until no intent is left.
    pub async fn reaped(&self) {
        super::support::eventually("all delete intents are struck", || async {
            self.intents().await.is_empty()
        })
        .await;
    }
}

/// In memory where the system has such a place: these tests are not about disks, and a new store syncs a lot.
fn memory_dir() -> TempDir {
    let memory = Path::new("/dev/shm");
    let dir = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    dir.expect("a directory")
}

pub fn open_store(dir: &Path) -> EmbeddedStore {
    let settings = namespace_embedded::Settings { durability: Durability::Memory, cache_bytes: 1 << 20 };
    EmbeddedStore::open(&dir.join("namespace"), &settings).expect("opens the store")
}
