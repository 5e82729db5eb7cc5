use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::available_parallelism,
    time::Instant,
};

use fjall::Database;
use namespace::{
    Bucket, Commit, CommitError, DeleteIntent, IntentId, Listing, Loaded, Page, PartNumber, PartPage, RowKey,
    Store, StoreError, UploadId, UploadListing, UploadPage,
};
use tokio::{sync::Semaphore, task::spawn_blocking};
use types::{Durability, Timestamp};

use crate::{
    OpenError, Settings,
    commit::Writer,
    directory::Directory,
    gaps::Gaps,
    list, load,
    open::{Opened, open},
    spaces::Spaces,
    walk::View,
};

/// The rows of a namespace in one directory. One process at a time.
///
/// Single rows are read on the caller's thread; listings, and commits that may wait for the disk, on the runtime's
/// blocking threads.
pub struct EmbeddedStore {
    inner: Arc<Inner>,
    durability: Durability,
    /// Bounds the threads that listings occupy.
    scans: Semaphore,
}

struct Inner {
    writer: Writer,
    gaps: Gaps,
    spaces: Spaces,
    db: Database,
    /// No delete intent before this one is left: saves walking over those that were struck.
    first_intent: AtomicU64,
    /// Last, so that the lock is held until the database is closed.
    _directory: Directory,
}

/// Changes of a commit that is written on the caller's thread when nothing is synced: about 0.2 ms.
const SHORT_COMMIT: usize = 64;

impl EmbeddedStore {
    /// Opens the store in `dir`, made if it is not there.
    pub fn open(dir: &Path, settings: &Settings) -> Result<Self, OpenError> {
        Self::open_with(dir, settings, Gaps::default())
    }

    fn open_with(dir: &Path, settings: &Settings, gaps: Gaps) -> Result<Self, OpenError> {
        let Opened { db, spaces, counters, directory } = open(dir, settings)?;
        let writer = Writer::new(db.clone(), settings.durability, counters);
        let inner =
            Inner { writer, gaps, spaces, db, first_intent: AtomicU64::new(0), _directory: directory };
        let scans = available_parallelism().map_or(2, usize::from) * 2;
        Ok(Self { inner: Arc::new(inner), durability: settings.durability, scans: Semaphore::new(scans) })
    }

    /// Runs what walks over rows where it may block.
    async fn scan<T: Send + 'static>(
        &self,
        scan: impl FnOnce(&Arc<Inner>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _permit = self.scans.acquire().await.map_err(|_| stopped())?;
        let inner = Arc::clone(&self.inner);
        spawn_blocking(move || scan(&inner)).await.map_err(|_| stopped())?
    }
}

impl Inner {
    fn view(&self) -> View<'_> {
        let moment = self.writer.moment();
        View::new(&self.spaces, &self.gaps, moment, self.db.snapshot())
    }

    /// Walks over a bucket's rows. When that was slow, it is walked once more in the background, to learn where
    /// the deleted rows are.
    fn walk<T: Send + 'static>(
        self: &Arc<Self>,
        walk: impl Fn(&View<'_>) -> Result<(T, usize), StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let begin = Instant::now();
        let (walked, entries) = walk(&self.view())?;
        if self.gaps.is_slow(begin.elapsed(), entries) {
            let inner = Arc::clone(self);
            spawn_blocking(move || inner.learn_gaps(walk));
        }
        Ok(walked)
    }

    fn learn_gaps<T>(&self, walk: impl Fn(&View<'_>) -> Result<(T, usize), StoreError>) {
        if self.writer.between_commits(|| self.gaps.watch()) {
            let view = self.view().watched();
            // A walk that fails has still seen what it has seen.
            let _ = walk(&view);
            let (found, since) = view.into_slow_steps();
            self.gaps.learn(found, since);
        }
    }

    fn delete_intents(
        &self,
        after: Option<IntentId>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeleteIntent>, StoreError> {
        let first = self.first_intent.load(Ordering::Acquire);
        let from = after.map_or(0, |after| after.0.saturating_add(1)).max(first);
        // In this order: every intent before `next` is then in the view, unless it was struck.
        let next = self.writer.next_intent();
        let (due, first_left) = list::intents(&self.view(), IntentId(from), until, limit)?;
        if from == first {
            self.first_intent
                .fetch_max(first_left.map_or(next.0, |left| left.0.min(next.0)), Ordering::AcqRel);
        }
        Ok(due)
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("the server is stopping".to_owned())
}

#[async_trait::async_trait]
impl Store for EmbeddedStore {
    fn durability(&self) -> Durability {
        self.durability
    }

    async fn load(&self, keys: &[RowKey]) -> Result<Loaded, StoreError> {
        if load::is_long(keys) {
            let keys = keys.to_vec();
            return self.scan(move |inner| inner.walk(move |view| Ok((load::load(view, &keys)?, 0)))).await;
        }
        // In this order: what is then read is not older than the moment.
        let moment = self.inner.writer.moment();
        match load::load_single(&self.inner.spaces, keys, moment)? {
            Some(loaded) => Ok(loaded),
            None => load::load(&self.inner.view(), keys),
        }
    }

    async fn list_objects(&self, listing: &Listing) -> Result<Page, StoreError> {
        let listing = listing.clone();
        let walk = move |view: &View<'_>| {
            let page = list::objects(view, &listing)?;
            let entries = page.entries.len();
            Ok((page, entries))
        };
        self.scan(move |inner| inner.walk(walk)).await
    }

    async fn list_buckets(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Bucket>, StoreError> {
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        self.scan(move |inner| list::buckets(&inner.view(), &prefix, after.as_deref(), limit)).await
    }

    async fn list_uploads(&self, listing: &UploadListing) -> Result<UploadPage, StoreError> {
        let listing = listing.clone();
        let walk = move |view: &View<'_>| {
            let page = list::uploads(view, &listing)?;
            let entries = page.uploads.len() + page.common_prefixes.len();
            Ok((page, entries))
        };
        self.scan(move |inner| inner.walk(walk)).await
    }

    async fn list_parts(
        &self,
        upload: &UploadId,
        after: Option<PartNumber>,
        limit: usize,
    ) -> Result<PartPage, StoreError> {
        let upload = *upload;
        self.scan(move |inner| list::parts(&inner.view(), &upload, after, limit)).await
    }

    async fn delete_intents(
        &self,
        after: Option<IntentId>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeleteIntent>, StoreError> {
        self.scan(move |inner| inner.delete_intents(after, until, limit)).await
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        // A short write to the page cache takes less time than the way to another thread and back.
        if self.durability == Durability::Memory
            && commit.changes.len() <= SHORT_COMMIT
            && self.inner.spaces.are_calm()
        {
            return self.inner.writer.commit(&self.inner.spaces, &self.inner.gaps, commit);
        }
        let inner = Arc::clone(&self.inner);
        spawn_blocking(move || inner.writer.commit(&inner.spaces, &inner.gaps, commit))
            .await
            .unwrap_or_else(|error| Err(CommitError::InDoubt(error.to_string())))
    }
}

#[cfg(test)]
mod tests;
