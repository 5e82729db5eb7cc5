use std::{io, path::PathBuf};

use types::{FileId, VolumeId};

/// Why a volume was not made. Nothing of it is left that a later attempt would trip over.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A volume with this id and collection is there.
    #[error("volume {0} is there already")]
    Exists(VolumeId),
    /// The disk is full.
    #[error("volume {0}: no space left on the disk")]
    NoSpace(VolumeId),
    /// The disk failed.
    #[error("volume {volume}: cannot create it")]
    Disk {
        /// The volume.
        volume: VolumeId,
        /// What the disk said.
        source: io::Error,
    },
}

/// Why a volume could not be opened. Its files are as they were.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no data file.
    #[error("volume {0} is not here")]
    NotFound(VolumeId),
    /// The files are there but are not a volume that this version can serve.
    #[error("{path}: {reason}", path = path.display())]
    Unreadable {
        /// The file that makes it so.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk failed.
    #[error("volume {volume}: cannot open it")]
    Disk {
        /// The volume.
        volume: VolumeId,
        /// What the disk said.
        source: io::Error,
    },
}

/// Why a needle was not stored. It is not readable, but may become so after a crash where `Disk` says so.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppendError {
    /// Marked read-only, of an old format version, or its disk failed earlier. Take another volume.
    #[error("volume {volume} is read-only: {reason}")]
    ReadOnly {
        /// The volume.
        volume: VolumeId,
        /// Why, for the operator.
        reason: String,
    },
    /// The volume cannot address more. Take another one.
    #[error("volume {0} is full")]
    Full(VolumeId),
    /// The disk is full; the volume is as it was. Take another one.
    #[error("volume {0}: no space left on the disk")]
    NoSpace(VolumeId),
    /// A needle with this key and another cookie is there.
    #[error("needle {0}: wrong cookie")]
    WrongCookie(FileId),
    /// The needle does not fit the format.
    #[error("needle {fid}: {reason}")]
    TooLarge {
        /// The needle.
        fid: FileId,
        /// What is too large.
        reason: String,
    },
    /// A needle with this key is there but cannot be read, so its cookie cannot be compared.
    #[error("needle {fid}: {reason}")]
    Corrupt {
        /// The needle.
        fid: FileId,
        /// What did not match.
        reason: String,
    },
    /// The disk failed: the volume is read-only from now on. After a crash the needle may be whole or absent.
    #[error("volume {volume}: {reason}")]
    Disk {
        /// The volume.
        volume: VolumeId,
        /// What the disk said.
        reason: String,
    },
    /// The volume was closed.
    #[error("volume {0} is closed")]
    Closed(VolumeId),
}

/// Why a needle could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// No live needle of this key, or its own life has ended.
    #[error("needle {0} not found")]
    NotFound(FileId),
    /// The needle is there under another cookie. To the outside this is "not found".
    #[error("needle {0}: wrong cookie")]
    WrongCookie(FileId),
    /// The bytes on this disk are wrong. Read a replica, then report the volume.
    #[error("needle {fid}: {reason}")]
    Corrupt {
        /// The needle.
        fid: FileId,
        /// What did not match.
        reason: String,
    },
    /// The disk failed.
    #[error("volume {volume}: {reason}")]
    Disk {
        /// The volume.
        volume: VolumeId,
        /// What the disk said.
        reason: String,
    },
}

/// Why a needle was not deleted.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeleteError {
    /// No live needle of this key.
    #[error("needle {0} not found")]
    NotFound(FileId),
    /// The needle is there under another cookie.
    #[error("needle {0}: wrong cookie")]
    WrongCookie(FileId),
    /// The needle's bytes are wrong, so its cookie cannot be compared.
    #[error("needle {fid}: {reason}")]
    Corrupt {
        /// The needle.
        fid: FileId,
        /// What did not match.
        reason: String,
    },
    /// Marked read-only, of an old format version, or its disk failed earlier.
    #[error("volume {volume} is read-only: {reason}")]
    ReadOnly {
        /// The volume.
        volume: VolumeId,
        /// Why, for the operator.
        reason: String,
    },
    /// No room for the tombstone: the disk is full, or the volume cannot address more.
    #[error("volume {0}: no space left for a tombstone")]
    NoSpace(VolumeId),
    /// The disk failed: the volume is read-only from now on.
    #[error("volume {volume}: {reason}")]
    Disk {
        /// The volume.
        volume: VolumeId,
        /// What the disk said.
        reason: String,
    },
    /// The volume was closed.
    #[error("volume {0} is closed")]
    Closed(VolumeId),
}
