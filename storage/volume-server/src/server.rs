use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{StreamExt, future::join_all, stream};
use parking_lot::{Mutex, RwLock};
use protocol::{AllocateError, AllocateVolume, Master, Servers};
use tokio::sync::{Mutex as AsyncMutex, Notify, Semaphore};
use types::{Collection, VolumeId};
use volume::{CreateError, Options, Stat, Volume, VolumeSettings, discover};

use crate::{
    OpenError, Settings,
    directory::{self, Directory, Space},
    heartbeat::Reporting,
};

/// A volume server: directories, the volumes in them, and what the roles may ask of them.
pub struct VolumeServer {
    pub(crate) settings: Settings,
    pub(crate) directories: Vec<Arc<Directory>>,
    /// Read on every request, and held only to clone a handle; written when a volume is made.
    volumes: Arc<RwLock<HashMap<VolumeId, Held>>>,
    /// Volumes that could not be opened, and why.
    pub(crate) broken: HashMap<VolumeId, String>,
    options: Options,
    /// One volume is made at a time. Held until it is in `volumes`, even if the caller goes away.
    allocating: Arc<AsyncMutex<()>>,
    /// What the master was told is no longer so.
    pub(crate) changed: Notify,
    pub(crate) reporting: Mutex<Reporting>,
    /// Volumes that the last heartbeat called read-only.
    pub(crate) told_read_only: RwLock<HashSet<VolumeId>>,
    closing: AtomicBool,
    /// Memory of uploads, in KiB.
    pub(crate) upload_budget: Arc<Semaphore>,
    /// Who knows where the chunks of a manifest are; unknown until heartbeats run.
    pub(crate) master: RwLock<Option<Arc<dyn Master>>>,
    pub(crate) servers: Servers,
}

/// A volume and where it is.
#[derive(Clone)]
pub(crate) struct Held {
    pub(crate) volume: Volume,
    directory: usize,
}

/// Volumes opened at once: enough to keep a disk busy.
const OPENS_IN_FLIGHT: usize = 8;

impl VolumeServer {
    /// Takes the directories and opens every volume in them. A volume that cannot be opened is logged and kept out
    /// of service; the others serve.
    pub async fn open(settings: Settings) -> Result<Arc<Self>, OpenError> {
        if settings.dirs.is_empty() {
            return Err(OpenError::NoDirectory);
        }
        let directories = take_all(&settings)?;
        let found = find_all(&settings, &directories)?;
        let options = Options {
            durability: settings.durability,
            index_width: settings.index_width,
            ..Options::default()
        };
        let (volumes, broken) = open_all(&settings, &directories, found, &options).await;
        Ok(Arc::new(Self {
            upload_budget: Arc::new(Semaphore::new(in_kib(settings.upload_budget_bytes) as usize)),
            directories,
            volumes: Arc::new(RwLock::new(volumes)),
            broken,
            options,
            allocating: Arc::default(),
            changed: Notify::new(),
            reporting: Mutex::new(Reporting::Off),
            told_read_only: RwLock::default(),
            closing: AtomicBool::new(false),
            master: RwLock::new(None),
            servers: Servers::default(),
            settings,
        }))
    }

    /// Ends writing: refuses new volumes, finishes and syncs what is queued, lets the directories go. Reads go on
    /// until the last handle is dropped.
    pub async fn close(&self) {
        self.closing.store(true, Ordering::Release);
        let _none_is_being_made = self.allocating.lock().await;
        join_all(self.held().iter().map(|held| held.volume.close())).await;
        self.directories.iter().for_each(|directory| directory.release());
    }

    /// Why the server should not be sent requests now, or nothing.
    pub(crate) fn unready(&self) -> Option<String> {
        if self.is_closing() {
            return Some("shutting down".into());
        }
        match &*self.reporting.lock() {
            Reporting::Off | Reporting::Taken => None,
            Reporting::Waiting => Some("no master has answered yet".into()),
            Reporting::Failing(reason) => Some(format!("the master does not take heartbeats: {reason}")),
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// The volume, if it is here and in service.
    pub(crate) fn volume(&self, id: VolumeId) -> Option<Volume> {
        self.volumes.read().get(&id).map(|held| held.volume.clone())
    }

    /// Every volume in service, and the directory each is in.
    pub(crate) fn stats(&self) -> Vec<(Stat, usize)> {
        self.held().into_iter().map(|held| (held.volume.stat(), held.directory)).collect()
    }

    fn held(&self) -> Vec<Held> {
        self.volumes.read().values().cloned().collect()
    }

    /// The file systems under the directories, in their order; none where the system does not say.
    pub(crate) fn spaces(&self) -> Vec<Option<Space>> {
        let space = |directory: &Arc<Directory>| {
            directory
                .space()
                .inspect_err(
                    |error| tracing::error!(dir = %directory.path.display(), %error, "free space unknown"),
                )
                .ok()
        };
        self.directories.iter().map(space).collect()
    }

    pub(crate) fn max_volumes(&self, held: usize, spaces: &[Option<Space>]) -> u32 {
        self.settings.max_volumes.unwrap_or_else(|| {
            let known: Vec<_> = spaces.iter().copied().flatten().collect();
            directory::slots(held, &known, self.settings.min_free_bytes, directory::open_files())
        })
    }

    /// Makes a volume, or finds that it is there.
    pub(crate) async fn make(&self, wanted: AllocateVolume) -> Result<(), AllocateError> {
        let turn = Arc::clone(&self.allocating).lock_owned().await;
        let AllocateVolume { id, collection, placement, ttl } = wanted;
        let wanted = VolumeSettings { id, collection, placement, ttl };
        let unavailable = |reason: String| AllocateError::Unavailable { volume: id, reason };
        if self.is_closing() {
            return Err(unavailable("the volume server is shutting down".into()));
        }
        if let Some(held) = self.volume(id) {
            return same_or_conflict(&held, &wanted);
        }
        if let Some(reason) = self.broken.get(&id) {
            return Err(unavailable(format!("it is here but was not opened: {reason}")));
        }
        let directory = self.directory_with_room(id)?;
        let creation = Creation {
            wanted,
            path: self.directories[directory].path.clone(),
            directory,
            disk: Arc::clone(&self.settings.disk),
            options: self.options.clone(),
            volumes: Arc::clone(&self.volumes),
        };
        // The turn goes along: a caller that goes away must not let a second creation start beside this one.
        let made = tokio::task::spawn_blocking(move || {
            let made = creation.run();
            drop(turn);
            made
        });
        made.await.map_err(|error| unavailable(error.to_string()))??;
        self.changed.notify_one();
        Ok(())
    }

    /// The directory for a new volume: the one with the most free space, then with the fewest volumes.
    fn directory_with_room(&self, id: VolumeId) -> Result<usize, AllocateError> {
        let no_room = |reason: String| AllocateError::NoRoom { volume: id, reason };
        let held = self.held();
        let spaces = self.spaces();
        let max = self.max_volumes(held.len(), &spaces);
        if held.len() >= max as usize {
            return Err(no_room(format!("all {max} volumes are taken")));
        }
        let count_in = |index: usize| held.iter().filter(|held| held.directory == index).count();
        spaces
            .iter()
            .enumerate()
            .filter_map(|(index, space)| Some((index, (*space)?.free_bytes)))
            .filter(|(_, free_bytes)| *free_bytes >= self.settings.min_free_bytes)
            // Whole GiB: two directories of one disk must not look different by a few blocks.
            .max_by_key(|(index, free_bytes)| (free_bytes >> 30, std::cmp::Reverse(count_in(*index))))
            .map(|(index, _)| index)
            .ok_or_else(|| no_room("the disks are full".into()))
    }
}

/// Uploads are counted in KiB, so that 32 bits of permits hold any budget.
pub(crate) fn in_kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

fn take_all(settings: &Settings) -> Result<Vec<Arc<Directory>>, OpenError> {
    settings.dirs.iter().map(|path| Directory::take(path).map(Arc::new)).collect()
}

/// A volume that is on disk.
struct Found {
    id: VolumeId,
    collection: Collection,
    directory: usize,
}

fn find_all(settings: &Settings, directories: &[Arc<Directory>]) -> Result<Vec<Found>, OpenError> {
    let mut found: HashMap<VolumeId, Found> = HashMap::new();
    for (index, directory) in directories.iter().enumerate() {
        let path = &directory.path;
        let here = discover(&*settings.disk, path)
            .map_err(|source| OpenError::Directory { path: path.clone(), source })?;
        for set_aside in here.set_aside {
            tracing::warn!(path = %set_aside.display(), "moved to quarantine: not understood");
        }
        for (collection, id) in here.erasure_coded {
            tracing::warn!(volume = id.0, %collection, "erasure-coded volume is not served");
        }
        for (collection, id) in here.volumes {
            let volume = Found { id, collection, directory: index };
            if let Some(first) = found.insert(id, volume) {
                let first = directories[first.directory].path.clone();
                return Err(OpenError::Duplicate { id, first, second: path.clone() });
            }
        }
    }
    Ok(found.into_values().collect())
}

async fn open_all(
    settings: &Settings,
    directories: &[Arc<Directory>],
    found: Vec<Found>,
    options: &Options,
) -> (HashMap<VolumeId, Held>, HashMap<VolumeId, String>) {
    let opens = stream::iter(found).map(|Found { id, collection, directory }| {
        let path = directories[directory].path.clone();
        let (disk, options) = (Arc::clone(&settings.disk), options.clone());
        async move {
            let open = move || Volume::open(disk, &path, &collection, id, &options);
            let opened = tokio::task::spawn_blocking(open).await;
            let opened = opened.map_err(|error| error.to_string());
            let volume = opened.and_then(|opened| opened.map_err(|error| with_source(&error)));
            (id, directory, volume)
        }
    });
    let mut opens = opens.buffer_unordered(OPENS_IN_FLIGHT);
    let (mut volumes, mut broken) = (HashMap::new(), HashMap::new());
    while let Some((id, directory, opened)) = opens.next().await {
        match opened {
            Ok(volume) => {
                report_recovery(id, &volume);
                volumes.insert(id, Held { volume, directory });
            }
            Err(reason) => {
                tracing::error!(volume = id.0, %reason, "volume is out of service");
                broken.insert(id, reason);
            }
        }
    }
    (volumes, broken)
}

fn report_recovery(id: VolumeId, volume: &Volume) {
    let recovery = volume.recovery();
    if *recovery != volume::Recovery::default() {
        tracing::warn!(volume = id.0, ?recovery, "volume was repaired");
    }
}

fn with_source(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn same_or_conflict(held: &Volume, wanted: &VolumeSettings) -> Result<(), AllocateError> {
    match held.stat().settings == *wanted {
        true => Ok(()),
        false => Err(AllocateError::Conflict(wanted.id)),
    }
}

/// All that making a volume needs, on a blocking thread.
struct Creation {
    wanted: VolumeSettings,
    path: PathBuf,
    directory: usize,
    disk: Arc<dyn volume::Disk>,
    options: Options,
    volumes: Arc<RwLock<HashMap<VolumeId, Held>>>,
}

impl Creation {
    fn run(self) -> Result<(), AllocateError> {
        let id = self.wanted.id;
        let made = Volume::create(self.disk, &self.path, self.wanted, &self.options);
        let volume = made.map_err(|error| match error {
            CreateError::NoSpace(_) => AllocateError::NoRoom { volume: id, reason: error.to_string() },
            _ => AllocateError::Unavailable { volume: id, reason: with_source(&error) },
        })?;
        self.volumes.write().insert(id, Held { volume, directory: self.directory });
        Ok(())
    }
}
