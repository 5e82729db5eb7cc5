use bytes::{Bytes, BytesMut};
use futures::StreamExt;

use crate::{
    Body, MAX_BODY_BYTES, PutError,
    budget::{Budget, Reservation},
    hash::{Digested, Digests, Hasher},
};

/// The first buffer of a body whose size nobody told; it grows by doubling.
const FIRST_BUFFER_BYTES: usize = 64 << 10;

/// Cuts a body into chunks, hashing it on the way.
pub(crate) struct Chunker<'a> {
    body: Body,
    budget: &'a Budget,
    chunk_bytes: usize,
    declared: Option<u64>,
    received: u64,
    leftover: Bytes,
    hasher: Hasher,
}

/// The next chunk of a body.
pub(crate) struct Filled {
    /// Empty only for an empty body.
    pub(crate) data: Bytes,
    /// Held until the data is written.
    pub(crate) reservation: Option<Reservation>,
    /// The body has ended.
    pub(crate) last: bool,
}

impl<'a> Chunker<'a> {
    pub(crate) fn new(
        body: Body,
        budget: &'a Budget,
        chunk_bytes: usize,
        declared: Option<u64>,
        digests: Digests,
    ) -> Self {
        let hasher = Hasher::new(digests);
        Self { body, budget, chunk_bytes, declared, received: 0, leftover: Bytes::new(), hasher }
    }

    /// The next chunk: full, or the last. A full one is given out only when it is known whether more follows, so
    /// that a body of one chunk can be verified before anything is written.
    pub(crate) async fn next(&mut self) -> Result<Filled, PutError> {
        let mut buffer = Buffer::default();
        let mut reservation = None;
        while let Some(mut frame) = self.next_frame().await? {
            if buffer.len() == self.chunk_bytes {
                self.leftover = frame;
                return Ok(Filled { data: buffer.freeze(), reservation, last: false });
            }
            let expected = self.expected_bytes(frame.len());
            if reservation.is_none() {
                reservation = Some(self.budget.reserve(expected.min(self.chunk_bytes)).await);
            }
            let piece = frame.split_to(frame.len().min(self.chunk_bytes - buffer.len()));
            self.leftover = frame;
            self.received += piece.len() as u64;
            let expected_chunk = (buffer.len() + expected).min(self.chunk_bytes);
            self.hasher.feed(piece.clone()).await?;
            buffer.push(piece, if self.declared.is_some() { expected_chunk } else { FIRST_BUFFER_BYTES });
        }
        Ok(Filled { data: buffer.freeze(), reservation, last: true })
    }

    /// What the body came to; called after its last chunk.
    pub(crate) async fn finish(self) -> Result<Digested, PutError> {
        Ok(self.hasher.finish().await?)
    }

    /// The next bytes, never none; `None` at the end of a body of the right size.
    async fn next_frame(&mut self) -> Result<Option<Bytes>, PutError> {
        if !self.leftover.is_empty() {
            return Ok(Some(std::mem::take(&mut self.leftover)));
        }
        loop {
            match self.body.next().await {
                Some(Ok(frame)) if frame.is_empty() => {}
                Some(Ok(frame)) => return self.within_limits(frame).map(Some),
                Some(Err(error)) => return Err(PutError::Body(error)),
                None => return self.at_end().map(|()| None),
            }
        }
    }

    fn within_limits(&self, frame: Bytes) -> Result<Bytes, PutError> {
        let actual = self.received + frame.len() as u64;
        match self.declared {
            Some(declared) if actual > declared => Err(PutError::IncompleteBody { declared, actual }),
            _ if actual > MAX_BODY_BYTES => Err(PutError::TooLarge),
            _ => Ok(frame),
        }
    }

    fn at_end(&self) -> Result<(), PutError> {
        match self.declared {
            Some(declared) if self.received < declared => {
                Err(PutError::IncompleteBody { declared, actual: self.received })
            }
            _ => Ok(()),
        }
    }

    /// Bytes still to come, the `at_hand` ones included; a whole chunk where nobody told.
    fn expected_bytes(&self, at_hand: usize) -> usize {
        match self.declared {
            Some(declared) => usize::try_from(declared - self.received).unwrap_or(usize::MAX),
            None => at_hand.max(self.chunk_bytes),
        }
    }
}

/// A chunk under way. A single frame is kept as it came; only a second one makes a copy of both.
#[derive(Default)]
struct Buffer {
    single: Bytes,
    joined: BytesMut,
}

impl Buffer {
    fn len(&self) -> usize {
        self.single.len() + self.joined.len()
    }

    fn push(&mut self, piece: Bytes, expected_bytes: usize) {
        if self.len() == 0 {
            self.single = piece;
            return;
        }
        if self.joined.is_empty() {
            self.joined.reserve(expected_bytes.max(self.single.len() + piece.len()));
            self.joined.extend_from_slice(&std::mem::take(&mut self.single));
        }
        self.joined.extend_from_slice(&piece);
    }

    fn freeze(self) -> Bytes {
        if self.joined.is_empty() { self.single } else { self.joined.freeze() }
    }
}
