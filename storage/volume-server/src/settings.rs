use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use protocol::Location;
use types::Durability;
use volume::{Disk, IndexWidth, RealDisk};

/// What a volume server needs to know. [`Settings::new`] gives the defaults.
#[derive(Clone)]
pub struct Settings {
    /// Directories of volumes; made where they are not there.
    pub dirs: Vec<PathBuf>,
    /// Where the server answers, as the master shall know it.
    pub location: Location,
    /// What an acknowledged write survives; `disk`.
    pub durability: Durability,
    /// Volumes at most. `None`: as many as the disks and the process's open files allow.
    pub max_volumes: Option<u32>,
    /// A directory with less room takes no new volumes, and its volumes no new leases; 256 MiB.
    pub min_free_bytes: u64,
    /// Empty: `DefaultDataCenter`.
    pub data_center: String,
    /// Empty: `DefaultRack`.
    pub rack: String,
    /// Largest request body, and largest body that is unpacked for a client without gzip; 256 MiB.
    pub max_body_bytes: usize,
    /// Memory of all uploads under way; 512 MiB. Uploads past it wait.
    pub upload_budget_bytes: usize,
    /// From the head of a request to the end of its body; 5 minutes.
    pub body_timeout: Duration,
    /// The longest time between two heartbeats; 3 s.
    pub heartbeat_interval: Duration,
    /// Offsets of new volumes.
    pub index_width: IndexWidth,
    /// The file system of the volumes.
    pub disk: Arc<dyn Disk>,
}

impl Settings {
    /// The defaults for these directories, answering at `location`.
    pub fn new(dirs: Vec<PathBuf>, location: Location) -> Self {
        Self {
            dirs,
            location,
            durability: Durability::default(),
            max_volumes: None,
            min_free_bytes: 256 << 20,
            data_center: String::new(),
            rack: String::new(),
            max_body_bytes: 256 << 20,
            upload_budget_bytes: 512 << 20,
            body_timeout: Duration::from_secs(300),
            heartbeat_interval: Duration::from_secs(3),
            index_width: IndexWidth::default(),
            disk: Arc::new(RealDisk),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("dirs", &self.dirs)
            .field("location", &self.location)
            .field("durability", &self.durability)
            .field("max_volumes", &self.max_volumes)
            .finish_non_exhaustive()
    }
}
