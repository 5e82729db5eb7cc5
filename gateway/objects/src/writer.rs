use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use namespace::Chunk;
use protocol::{NewNeedle, WriteError};
use types::Durability;

use crate::{
    background::Background,
    lease::{Leases, NoLease},
    origin::{Origin, Place},
};

/// Writes needles to leased addresses, turning to other volumes when one fails.
pub(crate) struct Writer {
    leases: Arc<Leases>,
    background: Arc<Background>,
    /// Some needle was acknowledged from memory only.
    memory_seen: AtomicBool,
}

/// A needle that was acknowledged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    pub(crate) chunk: Chunk,
    pub(crate) durability: Durability,
}

/// Why a needle was not written anywhere.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteFailure {
    #[error("no such bucket")]
    NoSuchBucket,
    #[error("{0}")]
    Unavailable(String),
}

/// What a failed attempt left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// Nothing of ours.
    Nothing,
    /// Perhaps the needle.
    InDoubt,
    /// Nothing, and no other volume would take it either.
    Hopeless,
}

/// Waits before each further attempt, on another volume.
const RETRIES: [Duration; 4] = [
    Duration::from_millis(5),
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_millis(1_000),
];

impl Writer {
    pub(crate) fn new(leases: Arc<Leases>, background: Arc<Background>) -> Self {
        Self { leases, background, memory_seen: AtomicBool::new(false) }
    }

    /// Writes one needle. Attempts that may have left one behind are freed. Not to be cancelled: the needle of a
    /// write that was dropped under way is known to nobody.
    pub(crate) async fn write(
        &self,
        origin: &Origin,
        place: Place,
        data: Bytes,
    ) -> Result<Written, WriteFailure> {
        let size_bytes = u32::try_from(data.len())
            .map_err(|_| WriteFailure::Unavailable(format!("a needle of {} bytes", data.len())))?;
        let pairs = origin.pairs(place);
        let mut retries = RETRIES.iter();
        loop {
            let address = self.leases.take(&origin.bucket, data.len(), &self.background).await?;
            let needle = NewNeedle {
                data: data.clone(),
                name: origin.name(place),
                mime: origin.mime(place),
                pairs: pairs.clone(),
                ..NewNeedle::default()
            };
            let error = match address.server.write(address.fid, needle).await {
                Ok(written) => {
                    self.saw(written.durability);
                    let chunk = Chunk { needle: address.fid, size_bytes };
                    return Ok(Written { chunk, durability: written.durability });
                }
                Err(error) => error,
            };
            let left = left_by(&error);
            if left == Left::InDoubt {
                self.background.orphans().add([address.fid]);
            }
            let pause = if left == Left::Hopeless { None } else { retries.next() };
            let Some(pause) = pause else { return Err(WriteFailure::Unavailable(error.to_string())) };
            self.leases.refused(&origin.bucket, address.fid.volume);
            tracing::warn!(%error, bucket = %origin.bucket, "a needle goes to another volume");
            tokio::time::sleep(*pause).await;
        }
    }

    /// [`Durability::Memory`] once any needle was acknowledged from memory.
    pub(crate) fn durability(&self) -> Durability {
        if self.memory_seen.load(Ordering::Relaxed) { Durability::Memory } else { Durability::Disk }
    }

    fn saw(&self, durability: Durability) {
        if durability == Durability::Memory && !self.memory_seen.load(Ordering::Relaxed) {
            self.memory_seen.store(true, Ordering::Relaxed);
        }
    }
}

fn left_by(error: &WriteError) -> Left {
    match error {
        WriteError::NoVolume(_) | WriteError::ReadOnly { .. } => Left::Nothing,
        // Someone else's needle is at an address that was leased to us. It must not be freed.
        WriteError::WrongCookie(_) => Left::Nothing,
        WriteError::Unavailable { .. } => Left::InDoubt,
        WriteError::TooLarge { .. } => Left::Hopeless,
    }
}

impl From<NoLease> for WriteFailure {
    fn from(error: NoLease) -> Self {
        match error {
            NoLease::NoSuchBucket => Self::NoSuchBucket,
            NoLease::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}
