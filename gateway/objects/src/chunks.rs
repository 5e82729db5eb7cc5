use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use namespace::Chunk;
use rand::Rng;
use tokio::task::JoinHandle;
use types::{Durability, FileId};

use crate::{
    background::{Background, Orphans},
    budget::Reservation,
    origin::{Origin, Place},
    writer::{WriteFailure, Writer, Written},
};

/// The needles of a body, as they are written: some done, some under way. Dropped before
/// [`ChunkWrites::finish`], all of them are freed, those under way when they are done.
pub(crate) struct ChunkWrites {
    writer: Arc<Writer>,
    background: Arc<Background>,
    origin: Arc<Origin>,
    in_flight: usize,
    /// `None`: there will be one needle.
    write: Option<u64>,
    offset: u64,
    under_way: VecDeque<JoinHandle<Result<Written, WriteFailure>>>,
    done: Needles,
}

impl ChunkWrites {
    pub(crate) fn new(
        writer: &Arc<Writer>,
        background: &Arc<Background>,
        origin: Origin,
        in_flight: usize,
        several: bool,
    ) -> Self {
        Self {
            writer: Arc::clone(writer),
            background: Arc::clone(background),
            origin: Arc::new(origin),
            in_flight,
            write: several.then(|| rand::rng().random()),
            offset: 0,
            under_way: VecDeque::new(),
            done: Needles::new(background.orphans()),
        }
    }

    /// Starts to write the next chunk of the body, waiting while too many are under way. `reservation` is given
    /// back when it is written.
    pub(crate) async fn write(
        &mut self,
        data: Bytes,
        last: bool,
        reservation: Option<Reservation>,
    ) -> Result<(), WriteFailure> {
        while self.under_way.len() >= self.in_flight {
            self.settle_first().await?;
        }
        let place = Place { offset: self.offset, last, write: self.write };
        self.offset += data.len() as u64;
        let (writer, origin) = (Arc::clone(&self.writer), Arc::clone(&self.origin));
        self.under_way.push_back(self.background.spawn(async move {
            let written = writer.write(&origin, place, data).await;
            drop(reservation);
            written
        }));
        Ok(())
    }

    /// The needles of the body, all written, in order.
    pub(crate) async fn finish(mut self) -> Result<Needles, WriteFailure> {
        while !self.under_way.is_empty() {
            self.settle_first().await?;
        }
        let orphans = Arc::clone(self.background.orphans());
        Ok(std::mem::replace(&mut self.done, Needles::new(&orphans)))
    }

    /// Cancel-safe: a write is taken from the queue only when it has ended.
    async fn settle_first(&mut self) -> Result<(), WriteFailure> {
        let Some(first) = self.under_way.front_mut() else { return Ok(()) };
        let ended = first.await;
        self.under_way.pop_front();
        let interrupted = |_| WriteFailure::Unavailable("the write was interrupted".into());
        self.done.add(ended.map_err(interrupted)??);
        Ok(())
    }
}

impl Drop for ChunkWrites {
    fn drop(&mut self) {
        let under_way = std::mem::take(&mut self.under_way);
        if under_way.is_empty() {
            return;
        }
        let orphans = Arc::clone(self.background.orphans());
        self.background.spawn(async move {
            for write in under_way {
                if let Ok(Ok(written)) = write.await {
                    orphans.add([written.chunk.needle]);
                }
            }
        });
    }
}

/// Needles that are written and belong to no row yet. Dropped, they are freed.
pub(crate) struct Needles {
    orphans: Arc<Orphans>,
    chunks: Vec<Chunk>,
    durability: Durability,
}

impl Needles {
    pub(crate) fn new(orphans: &Arc<Orphans>) -> Self {
        Self { orphans: Arc::clone(orphans), chunks: Vec::new(), durability: Durability::Disk }
    }

    pub(crate) fn add(&mut self, written: Written) {
        self.chunks.push(written.chunk);
        self.durability = self.durability.min(written.durability);
    }

    pub(crate) fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The weakest of what the needles survive.
    pub(crate) fn durability(&self) -> Durability {
        self.durability
    }

    /// Leaves them to a row that is being committed: from here on only a definite refusal may free them.
    pub(crate) fn into_fids(mut self) -> Vec<FileId> {
        std::mem::take(&mut self.chunks).into_iter().map(|chunk| chunk.needle).collect()
    }
}

impl Drop for Needles {
    fn drop(&mut self) {
        if !self.chunks.is_empty() {
            self.orphans.add(self.chunks.iter().map(|chunk| chunk.needle));
        }
    }
}
