use std::{pin::Pin, sync::Arc};

use bytes::Bytes;
use futures::Stream;
use namespace::Namespace;
use protocol::{Master, Servers};
use types::Durability;

use crate::{
    ReadFailure, ReaperStats, Settings,
    background::Background,
    budget::Budget,
    lease::Leases,
    locations::Locations,
    reader::Reader,
    reaper::{Reaper, ReaperFigures},
    writer::Writer,
};

/// The bytes of a request. An error ends the request, and frees what was written.
pub type Body = Pin<Box<dyn Stream<Item = Result<Bytes, BodyError>> + Send>>;

/// Whatever the door found wrong with the body: handed back to it untouched inside the operation's error.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The bytes of an answer: verified before they are yielded.
pub type Content = Pin<Box<dyn Stream<Item = Result<Bytes, ReadFailure>> + Send>>;

/// All operations on buckets, objects and uploads. Cheap to clone.
#[derive(Clone)]
pub struct Objects {
    inner: Arc<Inner>,
}

struct Inner {
    namespace: Namespace,
    settings: Settings,
    background: Arc<Background>,
    leases: Arc<Leases>,
    writer: Arc<Writer>,
    reader: Arc<Reader>,
    /// Buffers of bodies coming in; the reader has those of bodies going out.
    incoming: Budget,
    reaper: Arc<ReaperFigures>,
}

impl Objects {
    /// Must be called within a tokio runtime: starts the reaper, which ends with [`Objects::close`] or with the
    /// last clone.
    pub fn new(namespace: Namespace, master: Arc<dyn Master>, servers: Servers, settings: Settings) -> Self {
        let settings = settings.bounded();
        let half_budget = settings.buffer_budget_bytes / 2;
        let background = Arc::new(Background::start(namespace.clone()));
        let locations = Arc::new(Locations::new(Arc::clone(&master), servers));
        let leases =
            Arc::new(Leases::new(namespace.clone(), master, Arc::clone(&locations), settings.placement));
        let writer = Arc::new(Writer::new(Arc::clone(&leases), Arc::clone(&background)));
        let reader = Arc::new(Reader::new(Arc::clone(&locations), Budget::new(half_budget)));
        let reaper = Arc::new(ReaperFigures::default());
        let reaping = Reaper::new(namespace.clone(), locations, settings.reap_delay, Arc::clone(&reaper));
        drop(background.spawn(reaping.run(background.stop())));
        let incoming = Budget::new(half_budget);
        let inner = Inner { namespace, settings, background, leases, writer, reader, incoming, reaper };
        Self { inner: Arc::new(inner) }
    }

    /// Ends the background tasks, waiting for the step under way and for the clean-up after requests that went
    /// away. The namespace is still open after it.
    pub async fn close(&self) {
        self.inner.background.close().await;
    }

    /// The weakest of what needles and rows survive. What needles survive is learnt from their writes.
    pub fn durability(&self) -> Durability {
        self.inner.namespace.durability().min(self.inner.writer.durability())
    }

    /// How far the reaper is.
    pub fn reaper_stats(&self) -> ReaperStats {
        self.inner.reaper.snapshot()
    }

    /// Bytes of chunk buffers in use, of bodies coming in and going out.
    pub fn buffered_bytes(&self) -> usize {
        self.inner.incoming.used_bytes() + self.inner.reader.budget().used_bytes()
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.inner.namespace
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn background(&self) -> &Arc<Background> {
        &self.inner.background
    }

    pub(crate) fn leases(&self) -> &Leases {
        &self.inner.leases
    }

    pub(crate) fn writer(&self) -> &Arc<Writer> {
        &self.inner.writer
    }

    pub(crate) fn reader(&self) -> &Arc<Reader> {
        &self.inner.reader
    }

    pub(crate) fn incoming(&self) -> &Budget {
        &self.inner.incoming
    }
}
