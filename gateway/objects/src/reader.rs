use std::sync::Arc;

use bytes::Bytes;
use namespace::Chunk;
use protocol::{LookupError, ReadError, Volumes};
use types::FileId;

use crate::{
    budget::{Budget, Reservation},
    locations::{Copies, Locations},
};

/// Reads needles, from whichever copy is well.
pub(crate) struct Reader {
    locations: Arc<Locations>,
    budget: Budget,
}

/// Why no copy of a needle could be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NeedleFault {
    /// Every copy was asked, and none knows it.
    #[error("needle {0} is on none of its servers")]
    Missing(FileId),
    /// No copy is right, and at least one is wrong.
    #[error("{0}")]
    Damaged(String),
    /// No copy is right, and at least one could not be asked.
    #[error("{0}")]
    Unavailable(String),
}

impl Reader {
    pub(crate) fn new(locations: Arc<Locations>, budget: Budget) -> Self {
        Self { locations, budget }
    }

    /// Buffers of reads.
    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// A whole needle, verified, once there is room for it. The room is given back when the last slice of the
    /// bytes is dropped.
    pub(crate) async fn read(&self, chunk: Chunk) -> Result<Bytes, NeedleFault> {
        let reservation = self.budget.reserve(chunk.size_bytes as usize).await;
        self.read_into(chunk, reservation).await
    }

    /// The same, in room that was found before.
    pub(crate) async fn read_into(&self, chunk: Chunk, room: Reservation) -> Result<Bytes, NeedleFault> {
        let data = self.read_any_copy(chunk).await?;
        Ok(Bytes::from_owner(Held { data, _room: room }))
    }

    async fn read_any_copy(&self, chunk: Chunk) -> Result<Bytes, NeedleFault> {
        let copies = self.locations.of(chunk.needle.volume).await.map_err(|error| unlocated(&error))?;
        let fault = match read_one_of(&copies, chunk).await {
            Ok(data) => return Ok(data),
            Err(fault) => fault,
        };
        // The copies may have moved since the master was asked.
        let now = self.locations.look_up(chunk.needle.volume).await.map_err(|error| unlocated(&error))?;
        if same_servers(&copies, &now) { Err(fault) } else { read_one_of(&now, chunk).await }
    }
}

/// Asks copy after copy, beginning with another one for every needle.
async fn read_one_of(copies: &Copies, chunk: Chunk) -> Result<Bytes, NeedleFault> {
    let first = usize::try_from(chunk.needle.key.0 % copies.len() as u64).unwrap_or(0);
    let (before, from) = copies.split_at(first);
    let mut fault = NeedleFault::Missing(chunk.needle);
    for copy in from.iter().chain(before) {
        match read_one(copy, chunk).await {
            Ok(data) => return Ok(data),
            Err(error) => fault = worse(fault, error),
        }
    }
    Err(fault)
}

async fn read_one(copy: &Arc<dyn Volumes>, chunk: Chunk) -> Result<Bytes, NeedleFault> {
    match copy.read(chunk.needle).await {
        Ok(stored) if stored.needle.data.len() == chunk.size_bytes as usize => Ok(stored.needle.data),
        Ok(stored) => Err(damaged(format!(
            "needle {} has {} bytes, its row says {}",
            chunk.needle,
            stored.needle.data.len(),
            chunk.size_bytes
        ))),
        Err(ReadError::NotFound(fid)) => Err(NeedleFault::Missing(fid)),
        Err(error @ ReadError::Corrupt { .. }) => Err(damaged(error.to_string())),
        Err(error @ (ReadError::NoVolume(_) | ReadError::Unavailable { .. })) => {
            tracing::warn!(%error, needle = %chunk.needle, "a copy cannot be read now");
            Err(NeedleFault::Unavailable(error.to_string()))
        }
    }
}

/// A copy that is wrong is an alarm even when the next one is right.
fn damaged(reason: String) -> NeedleFault {
    tracing::error!(reason, "a copy of a needle is damaged");
    NeedleFault::Damaged(reason)
}

/// A copy that cannot be asked may be the right one; a damaged one says more than a missing one.
fn worse(one: NeedleFault, other: NeedleFault) -> NeedleFault {
    let rank = |fault: &NeedleFault| match fault {
        NeedleFault::Missing(_) => 0,
        NeedleFault::Damaged(_) => 1,
        NeedleFault::Unavailable(_) => 2,
    };
    if rank(&other) > rank(&one) { other } else { one }
}

fn unlocated(error: &LookupError) -> NeedleFault {
    NeedleFault::Unavailable(error.to_string())
}

fn same_servers(one: &Copies, other: &Copies) -> bool {
    one.len() == other.len() && one.iter().zip(other.iter()).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// Bytes of a needle, and the room they take.
struct Held {
    data: Bytes,
    _room: Reservation,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}
