use serde::{Deserialize, Serialize};
use types::{Collection, Cookie, FileId, NeedleKey, Placement, Ttl, VolumeId};

/// The master role, as gateways and volume servers see it.
#[async_trait::async_trait]
pub trait Master: Send + Sync + 'static {
    /// Leases `count` needle keys on one writable volume, growing volumes where none is writable.
    async fn assign(&self, request: &AssignRequest) -> Result<Assignment, AssignError>;

    /// Where the copies of `volume` answer; never empty.
    async fn lookup(&self, volume: VolumeId) -> Result<Vec<Location>, LookupError>;

    /// Tells the master all that a volume server holds. Sent at start, on change and on a beat.
    async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<HeartbeatReply, MasterError>;
}

/// Where a volume server answers, `host:port` each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Location {
    /// For the other roles.
    pub url: String,
    /// For clients from outside.
    pub public_url: String,
}

/// What a lease of needle keys must satisfy.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AssignRequest {
    /// Keys wanted, at least 1.
    pub count: u64,
    /// The group of volumes.
    pub collection: Collection,
    /// Copies of the volume.
    pub placement: Placement,
    /// The TTL class of the volume.
    pub ttl: Ttl,
}

/// A lease: the keys `first_key..first_key + count` on `volume` are the caller's alone, for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The volume to write to.
    pub volume: VolumeId,
    /// The first key of the lease.
    pub first_key: NeedleKey,
    /// Keys leased: as many as asked for.
    pub count: u64,
    /// A random cookie. A caller that mints cookies of its own need not use it.
    pub cookie: Cookie,
    /// Every copy of the volume; never empty.
    pub locations: Vec<Location>,
}

impl Assignment {
    /// The first address of the lease, under the lease's own cookie.
    pub fn first(&self) -> FileId {
        FileId { volume: self.volume, key: self.first_key, cookie: self.cookie }
    }
}

/// All that one volume server holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Where the server answers; also its identity.
    pub location: Location,
    /// Empty: `DefaultDataCenter`.
    pub data_center: String,
    /// Empty: `DefaultRack`.
    pub rack: String,
    /// Volumes it has room for, those it holds included.
    pub max_volumes: u32,
    /// Every volume it serves.
    pub volumes: Vec<VolumeReport>,
}

/// One volume as its server sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct VolumeReport {
    pub id: VolumeId,
    pub collection: Collection,
    pub placement: Placement,
    pub ttl: Ttl,
    pub size_bytes: u64,
    pub needle_count: u64,
    pub deleted_count: u64,
    pub deleted_bytes: u64,
    /// The highest key ever in it: a master that did not lease it must lease above it.
    pub max_key: NeedleKey,
    pub read_only: bool,
}

/// What the master tells a volume server in return.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// A volume at or past this size takes no new leases.
    pub volume_size_limit_bytes: u64,
}

/// Why no keys were leased.
#[derive(Debug, thiserror::Error)]
pub enum AssignError {
    /// No volume is writable and none can be made. Weed's text where the placement cannot be met.
    #[error("{reason}")]
    NoRoom {
        /// For the operator.
        reason: String,
    },
    /// The master cannot answer now: no leader, shutting down, its log cannot be written. Try again.
    #[error("master unavailable: {0}")]
    Unavailable(String),
}

/// Why a volume has no locations.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// The cluster has no such volume: never made, or deleted for good. What was to be deleted from it is gone.
    #[error("volume id {0} not found")]
    NotFound(VolumeId),
    /// The master cannot answer now, or no server that holds the volume has been heard of lately. Try again.
    #[error("master unavailable: {0}")]
    Unavailable(String),
}

/// Why the master did not take a heartbeat.
#[derive(Debug, thiserror::Error)]
pub enum MasterError {
    /// The master cannot answer now. Try again.
    #[error("master unavailable: {0}")]
    Unavailable(String),
    /// The report contradicts the cluster (say, a volume under two collections).
    #[error("{0}")]
    Refused(String),
}
