use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::RwLock;
use protocol::{Location, LookupError, Master, Servers, Volumes};
use types::VolumeId;

/// The servers that hold the copies of a volume; never empty.
pub(crate) type Copies = Arc<[Arc<dyn Volumes>]>;

/// Where volumes are, as the master last said.
pub(crate) struct Locations {
    master: Arc<dyn Master>,
    servers: Servers,
    known: RwLock<HashMap<VolumeId, Known>>,
}

struct Known {
    copies: Copies,
    learnt: Instant,
}

/// New copies are found after this at the latest; gone ones at the first read.
const FRESH: Duration = Duration::from_secs(120);
const MAX_KNOWN: usize = 100_000;

impl Locations {
    pub(crate) fn new(master: Arc<dyn Master>, servers: Servers) -> Self {
        Self { master, servers, known: RwLock::default() }
    }

    /// The copies of a volume; an old answer where the master cannot give a new one.
    pub(crate) async fn of(&self, volume: VolumeId) -> Result<Copies, LookupError> {
        let stale = match self.known.read().get(&volume) {
            Some(known) if known.learnt.elapsed() < FRESH => return Ok(Arc::clone(&known.copies)),
            known => known.map(|known| Arc::clone(&known.copies)),
        };
        match (self.look_up(volume).await, stale) {
            (Err(LookupError::Unavailable(_)), Some(copies)) => Ok(copies),
            (answer, _) => answer,
        }
    }

    /// Asks the master, whatever is known.
    pub(crate) async fn look_up(&self, volume: VolumeId) -> Result<Copies, LookupError> {
        match self.master.lookup(volume).await {
            Ok(locations) if locations.is_empty() => Err(LookupError::NotFound(volume)),
            Ok(locations) => Ok(self.learn(volume, &locations)),
            Err(LookupError::NotFound(volume)) => {
                self.known.write().remove(&volume);
                Err(LookupError::NotFound(volume))
            }
            Err(unavailable) => Err(unavailable),
        }
    }

    /// Takes what the master told with a lease.
    pub(crate) fn learn(&self, volume: VolumeId, locations: &[Location]) -> Copies {
        let copies: Copies = locations.iter().map(|location| self.servers.at(location)).collect();
        let mut known = self.known.write();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(volume, Known { copies: Arc::clone(&copies), learnt: Instant::now() });
        copies
    }
}
