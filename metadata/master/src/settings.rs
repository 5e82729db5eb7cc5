use std::{path::PathBuf, time::Duration};

use types::Placement;

/// How a master runs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the log and its snapshots are kept; made if it is not there.
    pub dir: PathBuf,
    /// `host:port` where other roles reach this master.
    pub advertised: String,
    /// A volume at or past this size takes no new needles.
    pub volume_size_limit_bytes: u64,
    /// The placement of an HTTP request that names none.
    pub default_placement: Placement,
    /// How often volume servers are expected to report. One unheard of for three beats is dead.
    pub beat: Duration,
    /// For so long after start, an unreported volume is not taken for lost: its class is not grown, and who looks for it is
    /// told to try again. Zero where all volume servers run in this process and report before the doors open.
    pub warm_up: Duration,
}

const DEFAULT_BEAT: Duration = Duration::from_secs(5);

/// 30000 MB, as weed has it: somewhat under the 32 GiB that four bytes of offset can address.
const DEFAULT_VOLUME_SIZE_LIMIT_BYTES: u64 = 30_000 << 20;

impl Settings {
    /// The defaults.
    pub fn new(dir: impl Into<PathBuf>, advertised: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            advertised: advertised.into(),
            volume_size_limit_bytes: DEFAULT_VOLUME_SIZE_LIMIT_BYTES,
            default_placement: Placement::SINGLE,
            beat: DEFAULT_BEAT,
            warm_up: DEFAULT_BEAT * 3,
        }
    }
}

/// Why a master did not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds the directory.
    #[error("master directory {} is in use by another process", dir.display())]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory cannot be written, or holds what was not written by a master.
    #[error("master directory {}: {reason}", dir.display())]
    Unusable {
        /// The directory.
        dir: PathBuf,
        /// For the operator.
        reason: String,
    },
    /// The directory belongs to a group of several masters.
    #[error("master directory {} belongs to a group of {masters} masters; this version runs one", dir.display())]
    ForeignGroup {
        /// The directory.
        dir: PathBuf,
        /// Voters in the group.
        masters: usize,
    },
    /// This master did not come to lead its group, or has no needle keys left to give.
    #[error("master is not ready: {0}")]
    NotReady(String),
}
