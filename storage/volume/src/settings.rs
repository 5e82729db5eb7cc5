use std::{fmt, sync::Arc};

use types::{Collection, Durability, Placement, Ttl, VolumeId};

use crate::{Clock, SystemClock};

/// What a volume is, for ever: chosen when it is made, read back from its files when it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeSettings {
    /// Its number, part of the file names.
    pub id: VolumeId,
    /// Its group, part of the file names.
    pub collection: Collection,
    /// Copies wanted; kept in the superblock.
    pub placement: Placement,
    /// Life of its needles; kept in the superblock.
    pub ttl: Ttl,
}

/// How this process uses a volume.
#[derive(Clone)]
pub struct Options {
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// Width of the offsets in the index file of a volume that is made. One that is there says its own.
    pub index_width: IndexWidth,
    /// Time of appends and of expiry.
    pub clock: Arc<dyn Clock>,
}

/// Bytes of a needle's offset in the index file; also how large a volume can grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IndexWidth {
    /// 16-byte rows, volumes to 32 GiB.
    #[default]
    Four,
    /// 17-byte rows, volumes to 8 TiB: SeaweedFS's "large disk" build.
    Five,
}

impl IndexWidth {
    /// Bytes of an offset: 4 or 5, as `.vif` says it.
    pub const fn offset_bytes(self) -> usize {
        match self {
            Self::Four => 4,
            Self::Five => 5,
        }
    }

    /// Where the last needle of a volume may end at most.
    pub const fn max_volume_bytes(self) -> u64 {
        match self {
            Self::Four => 1 << 35,
            Self::Five => 1 << 43,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::default(),
            index_width: IndexWidth::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("durability", &self.durability)
            .field("index_width", &self.index_width)
            .finish_non_exhaustive()
    }
}
