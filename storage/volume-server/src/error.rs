use std::{io, path::PathBuf};

use types::VolumeId;

/// Why a volume server did not start. Nothing was changed, except that leftovers may have moved to `quarantine/`.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No directory was given.
    #[error("a volume server needs at least one directory")]
    NoDirectory,
    /// A directory cannot be made, read or written.
    #[error("directory {path}: {source}", path = path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another server, or another mention of the same directory in this one, holds it.
    #[error("directory {path} is in use by another volume server", path = path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// Two volumes of one number: serving either could show old bytes.
    #[error(
        "volume {id} is there twice, in {first} and in {second}: move one away",
        first = first.display(), second = second.display()
    )]
    Duplicate {
        /// The number.
        id: VolumeId,
        /// Where it is.
        first: PathBuf,
        /// Where it is also, perhaps the same directory under another collection.
        second: PathBuf,
    },
}
