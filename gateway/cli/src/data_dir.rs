//! The data directory: made at first start, held by one process at a time.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use rustix::fs::{FlockOperation, flock};

use crate::Failure;

/// A data directory that this process alone uses, for as long as this value lives.
pub struct DataDir {
    path: PathBuf,
    _lock: File,
}

impl DataDir {
    /// Makes the directory where it is missing, and locks it.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        // What is stored is for nobody else on this machine.
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| format!("data directory {shown}: {error}"))?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join("lock"))
            .map_err(|error| format!("data directory {shown}: {error}"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(io::Error::from) {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(format!("data directory {shown} is in use by another holdfast process").into())
            }
            Err(error) => Err(format!("data directory {shown}: {error}").into()),
        }
    }

    /// A directory of one of the roles.
    pub fn sub(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::DataDir;

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("data");
        let first = DataDir::open(&path).expect("opens");
        let second = DataDir::open(&path).err().map(|error| error.to_string());
        assert!(second.is_some_and(|error| error.ends_with("in use by another holdfast process")));
        drop(first);
        assert!(DataDir::open(&path).is_ok());
    }
}
