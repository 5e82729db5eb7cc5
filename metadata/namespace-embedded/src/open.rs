use std::{
    io,
    path::{Path, PathBuf},
};

use fjall::{CompressionType, Database, PersistMode};
use types::Durability;

use crate::{
    commit::Counters,
    directory::Directory,
    journal::{self, JournalError, Promise},
    spaces::{Space, Spaces},
};

/// How a store is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What a commit survives.
    pub durability: Durability,
    /// Memory for blocks of sorted files.
    pub cache_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { durability: Durability::Disk, cache_bytes: 32 << 20 }
    }
}

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("the namespace in {} is in use by another process", dir.display())]
    InUse {
        /// Its directory.
        dir: PathBuf,
    },
    /// The directory cannot be made, read or written.
    #[error("the namespace in {}: {source}", dir.display())]
    Io {
        /// Its directory.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Written by a later release.
    #[error("the namespace in {} has format {found}, this release knows {FORMAT}", dir.display())]
    TooNew {
        /// Its directory.
        dir: PathBuf,
        /// Its format.
        found: u8,
    },
    /// What is there cannot be understood. Nothing was changed.
    #[error("the namespace in {} cannot be read: {why}", dir.display())]
    Corrupt {
        /// Its directory.
        dir: PathBuf,
        /// What was found.
        why: String,
    },
}

/// The layout of spaces and keys.
const FORMAT: u8 = 1;
const FORMAT_KEY: &str = "format";
/// Journals beyond this make fjall write out the rows that hold them back. Bounds the time of the next start.
const JOURNAL_BYTES: u64 = 64 << 20;
/// One to write out memtables while the other merges files.
const WORKERS: usize = 2;

/// An open store.
pub(crate) struct Opened {
    pub(crate) db: Database,
    pub(crate) spaces: Spaces,
    pub(crate) counters: Counters,
    /// To be dropped last.
    pub(crate) directory: Directory,
}

pub(crate) fn open(dir: &Path, settings: &Settings) -> Result<Opened, OpenError> {
    let io_failed = |source| OpenError::Io { dir: dir.to_owned(), source };
    let directory = Directory::open(dir).map_err(io_failed)?;
    let directory = directory.ok_or_else(|| OpenError::InUse { dir: dir.to_owned() })?;
    let rows = directory.rows();
    directory.make_rows(|new| make(new, settings)).map_err(|error| open_error(dir, error))?;
    mend_journal(dir, &directory)?;
    let db = open_database(&rows, settings).map_err(|error| open_error(dir, error))?;
    let spaces = Spaces::open(&db).map_err(|error| open_error(dir, error))?;
    check_format(dir, &spaces)?;
    let counters = Counters::read(&spaces).map_err(|error| corrupt(dir, error.to_string()))?;
    // fjall has synced what it found.
    directory.promise(settings.durability).map_err(io_failed)?;
    Ok(Opened { db, spaces, counters, directory })
}

/// An empty database, closed again.
fn make(dir: &Path, settings: &Settings) -> fjall::Result<()> {
    let db = open_database(dir, settings)?;
    Spaces::open(&db)?.get(Space::Meta).insert(FORMAT_KEY, [FORMAT])?;
    db.persist(PersistMode::SyncAll)
}

fn open_database(dir: &Path, settings: &Settings) -> fjall::Result<Database> {
    Database::builder(dir)
        .cache_size(settings.cache_bytes)
        .max_journaling_size(JOURNAL_BYTES)
        .journal_compression(CompressionType::None)
        .worker_threads(WORKERS)
        .manual_journal_persist(true)
        .open()
}

fn mend_journal(dir: &Path, directory: &Directory) -> Result<(), OpenError> {
    let io_failed = |source| OpenError::Io { dir: dir.to_owned(), source };
    let promise = match directory.promised().map_err(io_failed)? {
        Durability::Disk => Promise::Synced,
        Durability::Memory => Promise::Unsynced,
    };
    journal::mend(&directory.rows(), promise).map_err(|error| match error {
        JournalError::Io { source, .. } => io_failed(source),
        damaged @ JournalError::Damaged { .. } => corrupt(dir, damaged.to_string()),
    })
}

fn check_format(dir: &Path, spaces: &Spaces) -> Result<(), OpenError> {
    let format = spaces.get(Space::Meta).get(FORMAT_KEY).map_err(|error| open_error(dir, error))?;
    match format.as_deref() {
        Some([FORMAT]) => Ok(()),
        Some([found]) => Err(OpenError::TooNew { dir: dir.to_owned(), found: *found }),
        Some(other) => Err(corrupt(dir, format!("a format of {} bytes", other.len()))),
        None => Err(corrupt(dir, "its format is not said".to_owned())),
    }
}

fn open_error(dir: &Path, error: fjall::Error) -> OpenError {
    let dir = dir.to_owned();
    match error {
        fjall::Error::Locked => OpenError::InUse { dir },
        fjall::Error::Io(source) => OpenError::Io { dir, source },
        other => OpenError::Corrupt { dir, why: format!("{other:?}") },
    }
}

fn corrupt(dir: &Path, why: String) -> OpenError {
    OpenError::Corrupt { dir: dir.to_owned(), why }
}
