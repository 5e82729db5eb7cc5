//! The store's directory: who has it open, and what its last writer promised.
//!
//! ```text
//! lock         held by the process that has the store open
//! durability   what the journal's writer promised: `disk` or `memory`
//! rows/        fjall's database; made as `rows.new` and renamed when it is complete
//! ```

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use types::Durability;

/// An open directory. Dropping it lets another process open it.
pub(crate) struct Directory {
    dir: PathBuf,
    _lock: File,
}

impl Directory {
    /// Makes the directory if need be and locks it; `None`: another has it open.
    pub(crate) fn open(dir: &Path) -> io::Result<Option<Self>> {
        fs::create_dir_all(dir)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self { dir: dir.to_owned(), _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Where the database is.
    pub(crate) fn rows(&self) -> PathBuf {
        self.dir.join("rows")
    }

    /// Makes the database where there is none: whole, or not at all.
    pub(crate) fn make_rows<E: From<io::Error>>(
        &self,
        make: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.rows().try_exists()? {
            return Ok(());
        }
        let new = self.dir.join("rows.new");
        if new.try_exists()? {
            // A first start that did not come to its end: nothing was ever acknowledged from it.
            fs::remove_dir_all(&new)?;
        }
        make(&new)?;
        fs::rename(&new, self.rows())?;
        Ok(self.sync()?)
    }

    /// What the last writer promised; the stronger where nothing is said.
    pub(crate) fn promised(&self) -> io::Result<Durability> {
        match fs::read_to_string(self.promise_file()) {
            Ok(text) => Ok(text.trim().parse().unwrap_or(Durability::Disk)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Durability::Disk),
            Err(error) => Err(error),
        }
    }

    /// To be called when all that was written before is synced, and before anything else is written.
    pub(crate) fn promise(&self, durability: Durability) -> io::Result<()> {
        let new = self.dir.join("durability.new");
        let mut file = File::create(&new)?;
        writeln!(file, "{durability}")?;
        file.sync_all()?;
        fs::rename(&new, self.promise_file())?;
        self.sync()
    }

    fn promise_file(&self) -> PathBuf {
        self.dir.join("durability")
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
}
