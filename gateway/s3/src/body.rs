//! The body of a request on its way to an operation: unframed, measured, verified.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures::Stream;
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use parking_lot::Mutex;
use s3s::stream::{ByteStream, RemainingLength};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::{Instant, Sleep};

use crate::{
    chunked::Decoder,
    error::{BodyFault, Refusal},
};

type StdError = Box<dyn std::error::Error + Send + Sync>;

/// What the bytes must prove.
pub(crate) enum Check {
    /// Their number.
    Length,
    /// Their number and this SHA-256.
    Sha256 { digest: Sha256, expected: [u8; 32] },
    /// Framing, signatures and trailers.
    Chunked(Box<Decoder>),
}

impl Check {
    pub(crate) fn sha256(expected: [u8; 32]) -> Self {
        Self::Sha256 { digest: Sha256::new(), expected }
    }
}

/// A body, verified while it is read. The last decoded bytes are held back until the whole body was found right: who
/// has read all the bytes has them verified, trailers included, even without asking for the end.
pub(crate) struct RequestBody {
    source: Source,
    check: Check,
    /// Decoded bytes not yet yielded.
    missing: u64,
    /// The rest of the last frame.
    input: Bytes,
    /// The last decoded bytes, until the end was found right.
    held: Option<Bytes>,
    stall: Stall,
    is_over: bool,
}

/// Where the door finds what became of a body after the operation dropped it.
#[derive(Default)]
pub(crate) struct BodyHome {
    unread: Mutex<Option<Unread>>,
    fault: OnceLock<BodyFault>,
}

/// A body that was not read to its end.
pub(crate) struct Unread {
    pub(crate) incoming: Incoming,
    /// Reading it was begun: a client that waits for `100 Continue` has got it, and sends.
    pub(crate) is_begun: bool,
}

impl BodyHome {
    /// What was left unread, if anything.
    pub(crate) fn take_unread(&self) -> Option<Unread> {
        self.unread.lock().take()
    }

    /// What was wrong with the body.
    pub(crate) fn fault(&self) -> Option<&Refusal> {
        self.fault.get().map(|fault| &fault.0)
    }
}

/// The connection's body, which goes home when dropped before its end.
struct Source {
    incoming: Option<Incoming>,
    is_begun: bool,
    is_at_end: bool,
    home: Arc<BodyHome>,
}

impl Drop for Source {
    fn drop(&mut self) {
        let incoming = self.incoming.take().filter(|incoming| !self.is_at_end && !incoming.is_end_stream());
        *self.home.unread.lock() = incoming.map(|incoming| Unread { incoming, is_begun: self.is_begun });
    }
}

/// Ends a body whose client sends too little, or nothing, for too long. Only time spent waiting for the client counts,
/// and the timer is made at the first wait.
pub(crate) struct Stall {
    /// How long the client may be waited for until it has sent `min_bytes`.
    after: Duration,
    min_bytes: u64,
    timer: Option<Pin<Box<Sleep>>>,
    /// Since when the client is waited for.
    waiting_since: Option<Instant>,
    /// Earlier waits, and what they brought, since `min_bytes` were last complete.
    waited: Duration,
    received_bytes: u64,
}

impl Stall {
    pub(crate) fn new(after: Duration, min_bytes: u64) -> Self {
        let (waited, received_bytes) = (Duration::ZERO, 0);
        Self { after, min_bytes, timer: None, waiting_since: None, waited, received_bytes }
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.after)));
        if self.waiting_since.is_none() {
            let now = Instant::now();
            timer.as_mut().reset(now + self.after.saturating_sub(self.waited));
            self.waiting_since = Some(now);
        }
        timer.as_mut().poll(cx).is_ready()
    }

    fn received(&mut self, bytes: usize) {
        let waiting_since = self.waiting_since.take();
        self.received_bytes += bytes as u64;
        if self.received_bytes >= self.min_bytes {
            (self.waited, self.received_bytes) = (Duration::ZERO, 0);
        } else if let Some(since) = waiting_since {
            self.waited += since.elapsed();
        }
    }
}

impl RequestBody {
    /// `size_bytes`: of the decoded body.
    pub(crate) fn new(
        incoming: Incoming,
        size_bytes: u64,
        check: Check,
        home: Arc<BodyHome>,
        stall: Stall,
    ) -> Self {
        Self {
            source: Source { incoming: Some(incoming), is_begun: false, is_at_end: false, home },
            check,
            missing: size_bytes,
            input: Bytes::new(),
            held: None,
            stall,
            is_over: false,
        }
    }

    /// Reads a body of no bytes to its end: framing, signatures and trailers are all that it has, and an operation
    /// would not read what it knows to be empty.
    pub(crate) async fn finish_empty(mut self) -> Result<(), Refusal> {
        while let Some(piece) = self.next_verified().await {
            piece?;
        }
        Ok(())
    }

    async fn next_verified(&mut self) -> Option<Result<Bytes, Refusal>> {
        std::future::poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// The next decoded bytes. After an error, or `None`, nothing more.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Refusal>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        loop {
            match self.decode() {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(piece))),
                Ok(None) => {}
                Err(refusal) => return Poll::Ready(self.fail(refusal)),
            }
            match ready!(self.poll_frame(cx)) {
                Ok(Some(data)) => self.input = data,
                Ok(None) => {
                    self.is_over = true;
                    return Poll::Ready(match self.finish() {
                        Ok(last) => last.map(Ok),
                        Err(refusal) => self.fail(refusal),
                    });
                }
                Err(refusal) => return Poll::Ready(self.fail(refusal)),
            }
        }
    }

    fn fail(&mut self, refusal: Refusal) -> Option<Result<Bytes, Refusal>> {
        self.is_over = true;
        // The first fault is the one to be told.
        let _ = self.source.home.fault.set(BodyFault(refusal.clone()));
        Some(Err(refusal))
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Refusal>> {
        self.source.is_begun = true;
        let Some(incoming) = &mut self.source.incoming else { return Poll::Ready(Ok(None)) };
        loop {
            // Known from the length: saves a turn through the connection's task.
            if incoming.is_end_stream() {
                return Poll::Ready(Ok(None));
            }
            let frame = match Pin::new(&mut *incoming).poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending if self.stall.poll_expired(cx) => {
                    return Poll::Ready(Err(Refusal::of("RequestTimeout")));
                }
                Poll::Pending => return Poll::Pending,
            };
            match frame {
                // HTTP's own trailers mean nothing to S3.
                Some(Ok(frame)) => {
                    let data = frame.into_data().unwrap_or_default();
                    self.stall.received(data.len());
                    if !data.is_empty() {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Err(broken(&error))),
                None => {
                    self.source.is_at_end = true;
                    return Poll::Ready(Ok(None));
                }
            }
        }
    }

    /// Decoded bytes of the input at hand.
    fn decode(&mut self) -> Result<Option<Bytes>, Refusal> {
        while !self.input.is_empty() {
            let piece = match &mut self.check {
                Check::Chunked(decoder) => match decoder.next(&mut self.input)? {
                    Some(piece) => piece,
                    None => break,
                },
                Check::Length => std::mem::take(&mut self.input),
                Check::Sha256 { digest, .. } => {
                    digest.update(&self.input);
                    std::mem::take(&mut self.input)
                }
            };
            self.missing = self.missing.checked_sub(piece.len() as u64).ok_or_else(too_long)?;
            if self.missing > 0 {
                return Ok(Some(piece));
            }
            self.held = Some(piece);
        }
        Ok(None)
    }

    /// At the end of the input: the last bytes, when everything is right.
    fn finish(&mut self) -> Result<Option<Bytes>, Refusal> {
        if let Check::Chunked(decoder) = &mut self.check {
            decoder.finish()?;
        }
        if self.missing > 0 {
            return Err(Refusal::of("IncompleteBody"));
        }
        if let Check::Sha256 { digest, expected } = &mut self.check {
            check_sha256(std::mem::take(digest), expected)?;
        }
        Ok(self.held.take())
    }
}

/// Refuses a body whose digest is not the expected one.
pub(crate) fn check_sha256(digest: Sha256, expected: &[u8; 32]) -> Result<(), Refusal> {
    let computed: [u8; 32] = digest.finalize().into();
    if computed.ct_eq(expected).into() {
        return Ok(());
    }
    Err(Refusal::of("XAmzContentSHA256Mismatch")
        .with("ClientComputedContentSHA256", hex::encode(expected))
        .with("S3ComputedContentSHA256", hex::encode(computed)))
}

fn broken(error: &hyper::Error) -> Refusal {
    Refusal::new("IncompleteBody", format!("The request body terminated unexpectedly: {error}."))
}

fn too_long() -> Refusal {
    Refusal::new("IncompleteBody", "The body is longer than the Content-Length HTTP header says.")
}

impl Stream for RequestBody {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_piece(cx).map(|piece| piece.map(|piece| piece.map_err(|refusal| BodyFault(refusal).into())))
    }
}

impl ByteStream for RequestBody {
    fn remaining_length(&self) -> RemainingLength {
        let held = self.held.as_ref().map_or(0, Bytes::len) as u64;
        RemainingLength::new_exact(usize::try_from(self.missing + held).unwrap_or(usize::MAX))
    }
}

/// Reads and forgets at most `limit` bytes of a body, for at most `patience`. Whether its end was reached: then
/// the connection can carry another request.
pub(crate) async fn drain(mut incoming: Incoming, limit: usize, patience: Duration) -> bool {
    let read = async {
        let mut left = limit;
        while let Some(frame) = incoming.frame().await {
            let Ok(frame) = frame else { return false };
            match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
        true
    };
    tokio::time::timeout(patience, read).await.unwrap_or(false)
}
