use std::sync::Arc;

use protocol::{
    AssignError, AssignRequest, Assignment, Heartbeat, HeartbeatReply, Location, LookupError, MasterError,
    VolumeReport,
};
use topology::{Class, Command, Held, Ledger, Outcome, Server};
use types::{Cookie, NeedleKey, VolumeId};

use crate::{
    Master,
    grower::{GrowError, location},
    keys::LeaseError,
    raft::Unavailable,
};

/// Keys of one lease, at most: a wrong count must not empty the key space.
pub(crate) const MAX_KEYS_PER_LEASE: u64 = 1_000_000;

/// A new volume may fill, or lose its server, before the next in line gets to it. So often in a row, something is wrong.
const PICKS: usize = 5;

const DEFAULT_DATA_CENTER: &str = "DefaultDataCenter";
const DEFAULT_RACK: &str = "DefaultRack";

#[async_trait::async_trait]
impl protocol::Master for Master {
    async fn assign(&self, request: &AssignRequest) -> Result<Assignment, AssignError> {
        if request.count > MAX_KEYS_PER_LEASE {
            let reason = format!("{} keys asked for, {MAX_KEYS_PER_LEASE} are the most", request.count);
            return Err(AssignError::NoRoom { reason });
        }
        let count = request.count.max(1);
        let (volume, servers) = self.writable(&class_of(request)).await?;
        let first_key = self.keys.take(count).await?;
        let locations = servers.iter().map(|server| location(server)).collect();
        Ok(Assignment { volume, first_key, count, cookie: Cookie(rand::random()), locations })
    }

    async fn lookup(&self, volume: VolumeId) -> Result<Vec<Location>, LookupError> {
        let servers = self.cluster.lock().locate(volume);
        if !servers.is_empty() {
            return Ok(servers.iter().map(|server| location(server)).collect());
        }
        // Not "not found": whoever deletes its needles must come again.
        if self.consensus.ledger(|ledger| ledger.class_of(volume).is_some()) {
            return Err(LookupError::Unavailable(format!("no server reports volume {volume} now")));
        }
        // Nor while servers may still report what another master made.
        if self.is_warming_up() {
            return Err(LookupError::Unavailable(format!("warming up: volume {volume} is not reported yet")));
        }
        Err(LookupError::NotFound(volume))
    }

    async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<HeartbeatReply, MasterError> {
        // One limit for both: what is not adopted is not writable, either.
        let key_limit = self.consensus.ledger(Ledger::foreign_key_limit);
        self.admit(&heartbeat, key_limit).await?;
        let (server, held) = told(&heartbeat, key_limit);
        self.cluster.lock().beat(server, heartbeat.max_volumes, held);
        Ok(HeartbeatReply { volume_size_limit_bytes: self.settings.volume_size_limit_bytes })
    }
}

impl Master {
    /// A volume of `class` to write to, made if there is none.
    async fn writable(&self, class: &Class) -> Result<(VolumeId, Vec<Arc<Server>>), AssignError> {
        for _ in 0..PICKS {
            if let Some(picked) = self.cluster.lock().pick(class) {
                return Ok(picked);
            }
            if self.awaits(class) {
                let reason = format!("warming up: volumes of {class} are not reported yet");
                return Err(AssignError::Unavailable(reason));
            }
            self.grower.satisfy(class).await?;
        }
        Err(AssignError::Unavailable(format!("volumes of {class} close as fast as they are made")))
    }

    /// Whether servers may still report a volume of `class`: soon after a start, growing would only duplicate it.
    fn awaits(&self, class: &Class) -> bool {
        if !self.is_warming_up() {
            return false;
        }
        let known = self.consensus.ledger(|ledger| ledger.volumes_of(class));
        let cluster = self.cluster.lock();
        cluster.servers().next().is_none() || known.into_iter().any(|id| cluster.locate(id).is_empty())
    }

    /// Enters volumes and keys that another master gave out, before anything is decided on them.
    async fn admit(&self, heartbeat: &Heartbeat, key_limit: NeedleKey) -> Result<(), MasterError> {
        let reports = &heartbeat.volumes;
        let keys = reports.iter().map(|report| report.max_key).filter(|key| *key < key_limit);
        let max_key = keys.max().unwrap_or(NeedleKey(0));
        let unknown = self.consensus.ledger(|ledger| {
            let classes: Vec<_> = reports.iter().map(|report| (report.id, reported_class(report))).collect();
            if let Some(conflict) = ledger.conflict(classes.iter().map(|(id, class)| (*id, class))) {
                return Err(MasterError::Refused(conflict.to_string()));
            }
            let unknown = |(id, _): &(VolumeId, Class)| ledger.class_of(*id).is_none();
            let unknown: Vec<_> = classes.into_iter().filter(unknown).collect();
            Ok((!unknown.is_empty() || max_key >= ledger.next_key()).then_some(unknown))
        })?;
        if let Some(volumes) = unknown {
            tracing::info!(
                server = heartbeat.location.url,
                volumes = volumes.len(),
                "adopts what another master made"
            );
            self.adopt(volumes, max_key).await?;
        }
        // Not before the ledger is past the key, too: it would lease blocks below the floor, each in vain.
        self.keys.skip_past(max_key);
        Ok(())
    }

    async fn adopt(&self, volumes: Vec<(VolumeId, Class)>, max_key: NeedleKey) -> Result<(), MasterError> {
        match self.consensus.propose(Command::Adopt { volumes, max_key }).await {
            Ok(Outcome::Refused(refusal)) => Err(MasterError::Refused(refusal.to_string())),
            Ok(_) => Ok(()),
            Err(Unavailable(reason)) => Err(MasterError::Unavailable(reason)),
        }
    }
}

fn class_of(request: &AssignRequest) -> Class {
    Class { collection: request.collection.clone(), placement: request.placement, ttl: request.ttl }
}

fn reported_class(report: &VolumeReport) -> Class {
    Class { collection: report.collection.clone(), placement: report.placement, ttl: report.ttl }
}

fn told(heartbeat: &Heartbeat, key_limit: NeedleKey) -> (Server, Vec<Held>) {
    let named = |name: &str, default: &str| if name.is_empty() { default } else { name }.to_owned();
    let server = Server {
        url: heartbeat.location.url.clone(),
        public_url: heartbeat.location.public_url.clone(),
        data_center: named(&heartbeat.data_center, DEFAULT_DATA_CENTER),
        rack: named(&heartbeat.rack, DEFAULT_RACK),
    };
    let held = heartbeat.volumes.iter().map(|report| Held {
        id: report.id,
        class: reported_class(report),
        size_bytes: report.size_bytes,
        read_only: report.read_only || report.max_key >= key_limit,
    });
    (server, held.collect())
}

impl From<GrowError> for AssignError {
    fn from(error: GrowError) -> Self {
        match error {
            GrowError::NoRoom(reason) => Self::NoRoom { reason },
            GrowError::Unavailable(Unavailable(reason)) => Self::Unavailable(reason),
        }
    }
}

impl From<LeaseError> for AssignError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::UsedUp(reason) => Self::NoRoom { reason },
            LeaseError::Unavailable(Unavailable(reason)) => Self::Unavailable(reason),
        }
    }
}
