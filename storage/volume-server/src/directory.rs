use std::{
    collections::HashSet,
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use rustix::process::{Resource, getrlimit};

use crate::OpenError;

/// The file whose lock says that a directory is taken. The lock ends with the process, the file stays.
const LOCK_FILE: &str = "holdfast-volume.lock";

/// Free bytes that count as room for one more volume. A slot reserves nothing: a volume begins with 8 bytes, and
/// every bucket needs one of its own, so a disk smaller than one full volume must still hold many.
const BYTES_PER_SLOT: u64 = 64 << 20;

/// A volume holds two files open; as many descriptors again are left for connections and the rest.
const DESCRIPTORS_PER_SLOT: u64 = 4;

/// A directory of volumes, held by this process.
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
    lock: Mutex<Option<File>>,
}

/// The file system under a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Space {
    /// Tells file systems apart.
    pub(crate) device: u64,
    pub(crate) all_bytes: u64,
    /// What this process may still write.
    pub(crate) free_bytes: u64,
}

impl Directory {
    /// Makes the directory where it is not there, and takes it.
    pub(crate) fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Directory { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(failed)?;
        let lock = File::options().create(true).append(true).open(path.join(LOCK_FILE)).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), lock: Mutex::new(Some(lock)) }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Lets another server have it.
    pub(crate) fn release(&self) {
        self.lock.lock().take();
    }

    pub(crate) fn space(&self) -> io::Result<Space> {
        let stat = rustix::fs::statvfs(&self.path)?;
        Ok(Space {
            device: fs::metadata(&self.path)?.dev(),
            all_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
            free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        })
    }
}

/// How many volumes a server may hold that holds `held` and has these file systems under its directories.
pub(crate) fn slots(held: usize, spaces: &[Space], min_free_bytes: u64, open_files: Option<u64>) -> u32 {
    let mut seen = HashSet::new();
    let more: u64 = spaces
        .iter()
        .filter(|space| seen.insert(space.device))
        .map(|space| space.free_bytes.saturating_sub(min_free_bytes) / BYTES_PER_SLOT)
        .sum();
    let openable = open_files.map_or(u64::MAX, |files| files / DESCRIPTORS_PER_SLOT);
    let held = held as u64;
    u32::try_from((held + more).min(openable).max(held)).unwrap_or(u32::MAX)
}

/// Files this process may have open; `None`: no limit.
pub(crate) fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(device: u64, free_bytes: u64) -> Space {
        Space { device, all_bytes: 1 << 40, free_bytes }
    }

    #[test]
    fn slots_follow_free_space_counted_once_per_file_system() {
        const GIB: u64 = 1 << 30;
        assert_eq!(slots(3, &[space(1, GIB)], 0, None), 3 + 16);
        assert_eq!(slots(3, &[space(1, GIB), space(1, GIB)], 0, None), 3 + 16);
        assert_eq!(slots(3, &[space(1, GIB), space(2, GIB)], 0, None), 3 + 32);
        assert_eq!(slots(3, &[space(1, GIB)], 2 * GIB, None), 3);
        assert_eq!(slots(3, &[space(1, 1000 * GIB)], 0, Some(1024)), 256);
        assert_eq!(slots(300, &[space(1, 1000 * GIB)], 0, Some(1024)), 300);
    }

    #[test]
    fn a_directory_is_taken_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("volumes");
        let taken = Directory::take(&path).expect("takes it");
        assert!(matches!(Directory::take(&path), Err(OpenError::Locked { .. })));
        taken.release();
        Directory::take(&path).expect("takes it again");
        assert_ne!(taken.space().expect("has space").all_bytes, 0);
    }

    #[test]
    fn what_is_no_directory_is_refused() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        assert!(matches!(Directory::take(file.path()), Err(OpenError::Directory { .. })));
    }
}
