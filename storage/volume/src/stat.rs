use std::path::PathBuf;

use types::NeedleKey;

use crate::VolumeSettings;

/// The acknowledgement of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Bytes of data stored.
    pub size_bytes: u32,
    /// CRC-32C of the stored data.
    pub crc: u32,
    /// The same needle was there already; nothing was written.
    pub unchanged: bool,
}

/// The acknowledgement of a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// Bytes of data freed.
    pub size_bytes: u32,
}

/// A volume in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub settings: VolumeSettings,
    /// Bytes of the data file.
    pub size_bytes: u64,
    /// Live needles.
    pub needle_count: u64,
    /// Needles that were deleted or overwritten and still take space.
    pub deleted_count: u64,
    /// Bytes of the data file that hold no live needle.
    pub deleted_bytes: u64,
    /// The highest key that was ever in it, deleted ones included; 0 for none.
    pub max_key: NeedleKey,
    /// Why it takes no writes.
    pub read_only: Option<String>,
    /// Bytes of memory that the index takes.
    pub index_bytes: usize,
}

/// What opening a volume had to repair.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Needles and tombstones found in the data file that the index file did not have.
    pub records_recovered: u64,
    /// Bytes cut from the end of the data file: a write that never finished.
    pub cut_bytes: u64,
    /// No row of the index file could be used.
    pub index_rebuilt: bool,
    /// Where bytes and files went that were not understood.
    pub set_aside: Vec<PathBuf>,
}
