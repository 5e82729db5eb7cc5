use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use types::{Collection, Cookie, NeedleKey, VolumeId};

use crate::{
    AppendError, CreateError, DeleteError, Disk, Needle, OpenError, Options, ReadError, VolumeSettings,
};

/// One volume. Clones share it; all calls may run at once.
#[derive(Clone)]
pub struct Volume {
    _inner: Arc<()>,
}

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
    /// The index file was made anew.
    pub index_rebuilt: bool,
    /// Where bytes and files went that were not understood.
    pub set_aside: Vec<PathBuf>,
}

/// What is in a directory of volumes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Discovered {
    /// Volumes to open, by id.
    pub volumes: Vec<(Collection, VolumeId)>,
    /// Erasure-coded volumes, left alone.
    pub erasure_coded: Vec<(Collection, VolumeId)>,
    /// Files that were moved to `quarantine/`, by their new names.
    pub set_aside: Vec<PathBuf>,
}

/// Finds the volumes in `dir`. Leftovers that would be misread (incomplete copies, unfinished compactions,
/// an index without data) move to `dir/quarantine/`; nothing is deleted. Blocks.
pub fn discover(disk: &dyn Disk, dir: &Path) -> io::Result<Discovered> {
    let _ = (disk, dir);
    todo!()
}

impl Volume {
    /// Makes an empty volume, durable on return. Blocks.
    pub fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        settings: VolumeSettings,
        options: &Options,
    ) -> Result<Self, CreateError> {
        let _ = (disk, dir, settings, options);
        todo!()
    }

    /// Opens a volume that is there and repairs what a crash left. Blocks; reads the index file and, of the data
    /// file, only what the index file lacks.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        collection: &Collection,
        id: VolumeId,
        options: &Options,
    ) -> Result<Self, OpenError> {
        let _ = (disk, dir, collection, id, options);
        todo!()
    }

    /// Stores a needle; on return it is readable and as durable as the options say.
    ///
    /// The same needle again is acknowledged as `unchanged` and not written, except in a volume with a TTL, where
    /// writing it again begins its life anew. Dropping the future does not undo the append.
    pub async fn append(&self, needle: Needle) -> Result<Appended, AppendError> {
        let _ = needle;
        todo!()
    }

    /// The needle and the CRC-32C of its stored data, verified.
    pub async fn read(&self, key: NeedleKey, cookie: Cookie) -> Result<(Needle, u32), ReadError> {
        let _ = (key, cookie);
        todo!()
    }

    /// Deletes a needle; on return it is gone, as durably as the options say.
    pub async fn delete(&self, key: NeedleKey, cookie: Cookie) -> Result<Deleted, DeleteError> {
        let _ = (key, cookie);
        todo!()
    }

    /// The volume in numbers.
    pub fn stat(&self) -> Stat {
        todo!()
    }

    /// What opening it had to repair.
    pub fn recovery(&self) -> &Recovery {
        todo!()
    }

    /// Ends writing: finishes what is queued and syncs, so that the next open has nothing to recover. Later appends
    /// and deletes fail with `Closed`; reads go on.
    pub async fn close(&self) {
        todo!()
    }
}
