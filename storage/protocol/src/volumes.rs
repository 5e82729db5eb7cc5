use bytes::Bytes;
use serde::{Deserialize, Serialize};
use types::{Collection, Durability, FileId, Placement, Ttl, VolumeId};

/// The volume role: one volume server, as gateways and masters see it.
#[async_trait::async_trait]
pub trait Volumes: Send + Sync + 'static {
    /// Stores a needle. When this returns, every copy is as durable as [`Written::durability`] says.
    async fn write(&self, fid: FileId, needle: NewNeedle) -> Result<Written, WriteError>;

    /// The whole needle, its checksum verified.
    async fn read(&self, fid: FileId) -> Result<StoredNeedle, ReadError>;

    /// Deletes a needle on every copy. Deleting what is not there is [`DeleteError::NotFound`].
    async fn delete(&self, fid: FileId) -> Result<Deleted, DeleteError>;

    /// Makes an empty volume, durable on return. Making one that is there, with the same settings, is fine.
    async fn allocate(&self, volume: AllocateVolume) -> Result<(), AllocateError>;
}

/// A needle to be stored. Empty texts are stored as absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NewNeedle {
    /// The body as it is stored: compressed where `gzipped`.
    pub data: Bytes,
    /// At most 255 bytes are kept.
    pub name: String,
    /// At most 255 bytes.
    pub mime: String,
    /// JSON object of header names and values, under 64 KiB.
    pub pairs: Bytes,
    /// Seconds since the epoch; 0 lets the server take its clock.
    pub modified_secs: u64,
    /// The needle's own life.
    pub ttl: Ttl,
    /// `data` is gzip.
    pub gzipped: bool,
    /// `data` is a chunk manifest.
    pub chunk_manifest: bool,
}

/// A needle as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredNeedle {
    /// What was written.
    pub needle: NewNeedle,
    /// CRC-32C of the stored data; 8 hex digits of it are weed's ETag.
    pub crc: u32,
}

/// The acknowledgement of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Bytes of data stored.
    pub size_bytes: u32,
    /// CRC-32C of the stored data.
    pub crc: u32,
    /// The needle was there already with the same data; nothing was written.
    pub unchanged: bool,
    /// What the write survives: the weakest of its copies.
    pub durability: Durability,
}

/// The acknowledgement of a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// Bytes of data freed.
    pub size_bytes: u32,
}

/// A volume to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct AllocateVolume {
    pub id: VolumeId,
    pub collection: Collection,
    pub placement: Placement,
    pub ttl: Ttl,
}

/// Why a needle was not stored. Nothing of it is visible, except after `Unavailable`, which leaves that open.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// This server does not hold the volume. Look it up again.
    #[error("volume {0} is not on this server")]
    NoVolume(VolumeId),
    /// Full, marked read-only, or its disk failed. Take another volume.
    #[error("volume {volume} is read-only: {reason}")]
    ReadOnly {
        /// The volume.
        volume: VolumeId,
        /// For the operator.
        reason: String,
    },
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
    /// The disk or the network failed.
    #[error("volume {volume}: {reason}")]
    Unavailable {
        /// The volume.
        volume: VolumeId,
        /// For the operator.
        reason: String,
    },
}

/// Why a needle could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// This server does not hold the volume. Look it up again.
    #[error("volume {0} is not on this server")]
    NoVolume(VolumeId),
    /// No live needle, or the wrong cookie: one answer, so that guessing keys teaches nothing.
    #[error("needle {0} not found")]
    NotFound(FileId),
    /// The bytes on this server are wrong. Read another copy, then report the volume.
    #[error("needle {fid}: {reason}")]
    Corrupt {
        /// The needle.
        fid: FileId,
        /// What did not match.
        reason: String,
    },
    /// The disk or the network failed.
    #[error("volume {volume}: {reason}")]
    Unavailable {
        /// The volume.
        volume: VolumeId,
        /// For the operator.
        reason: String,
    },
}

/// Why a needle was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeleteError {
    /// This server does not hold the volume. Look it up again.
    #[error("volume {0} is not on this server")]
    NoVolume(VolumeId),
    /// No live needle of this key.
    #[error("needle {0} not found")]
    NotFound(FileId),
    /// The needle is there under another cookie.
    #[error("needle {0}: wrong cookie")]
    WrongCookie(FileId),
    /// Marked read-only, or its disk failed.
    #[error("volume {volume} is read-only: {reason}")]
    ReadOnly {
        /// The volume.
        volume: VolumeId,
        /// For the operator.
        reason: String,
    },
    /// The disk or the network failed.
    #[error("volume {volume}: {reason}")]
    Unavailable {
        /// The volume.
        volume: VolumeId,
        /// For the operator.
        reason: String,
    },
}

/// Why a volume was not made.
#[derive(Debug, thiserror::Error)]
pub enum AllocateError {
    /// It is there with other settings.
    #[error("volume {0} is there with other settings")]
    Conflict(VolumeId),
    /// No slot or no space.
    #[error("no room for volume {volume}: {reason}")]
    NoRoom {
        /// The volume.
        volume: VolumeId,
        /// For the operator.
        reason: String,
    },
    /// The disk or the network failed.
    #[error("volume {volume}: {reason}")]
    Unavailable {
        /// The volume.
        volume: VolumeId,
        /// For the operator.
        reason: String,
    },
}
