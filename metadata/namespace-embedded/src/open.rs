use std::{
    io,
    path::{Path, PathBuf},
};

use fjall::{Database, PersistMode, Readable};
use types::Durability;

use crate::{
    commit::Counters,
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

/// An open database, its spaces, and where its counters stand.
pub(crate) fn open(dir: &Path, settings: &Settings) -> Result<(Database, Spaces, Counters), OpenError> {
    let failed = |error| open_error(dir, error);
    let db = Database::builder(dir)
        .cache_size(settings.cache_bytes)
        .max_journaling_size(JOURNAL_BYTES)
        .worker_threads(WORKERS)
        .manual_journal_persist(true)
        .open()
        .map_err(failed)?;
    let spaces = Spaces::open(&db).map_err(failed)?;
    check_format(dir, &db, &spaces)?;
    let counters = Counters::read(&spaces).map_err(|error| corrupt(dir, error.to_string()))?;
    Ok((db, spaces, counters))
}

fn check_format(dir: &Path, db: &Database, spaces: &Spaces) -> Result<(), OpenError> {
    let failed = |error| open_error(dir, error);
    let meta = spaces.get(Space::Meta);
    match meta.get(FORMAT_KEY).map_err(failed)?.as_deref() {
        Some([FORMAT]) => Ok(()),
        Some([found]) => Err(OpenError::TooNew { dir: dir.to_owned(), found: *found }),
        Some(other) => Err(corrupt(dir, format!("a format of {} bytes", other.len()))),
        None if !db.snapshot().is_empty(meta).map_err(failed)? => {
            Err(corrupt(dir, "it holds rows and no format".to_owned()))
        }
        None => {
            meta.insert(FORMAT_KEY, [FORMAT]).map_err(failed)?;
            db.persist(PersistMode::SyncAll).map_err(failed)
        }
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
