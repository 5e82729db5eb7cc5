use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use namespace::{Namespace, intents::FreeNeedles};
use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::Notify};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use types::FileId;

/// Work that outlives its request: tracked, so that [`Background::close`] can wait for it.
pub(crate) struct Background {
    tracker: TaskTracker,
    runtime: Handle,
    /// Ends the long-running tasks, at the latest when the last handle is gone.
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    orphans: Arc<Orphans>,
}

impl Background {
    /// Starts the task that frees orphans. Must be called within a runtime.
    pub(crate) fn start(namespace: Namespace) -> Self {
        let stop = CancellationToken::new();
        let orphans = Arc::new(Orphans::new(namespace));
        let tracker = TaskTracker::new();
        tracker.spawn(Arc::clone(&orphans).run(stop.clone()));
        let guard = stop.clone().drop_guard();
        Self { tracker, runtime: Handle::current(), stop, _stop_on_drop: guard, orphans }
    }

    /// Starts a task that ends by itself.
    pub(crate) fn spawn<F>(&self, task: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.tracker.spawn_on(task, &self.runtime)
    }

    /// Cancelled when long-running tasks must end.
    pub(crate) fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Carries `work` to its end even when the request that waits for it goes away. Costs no task as long as it
    /// does not.
    pub(crate) fn uninterrupted<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Uninterrupted<T> {
        Uninterrupted {
            work: Some(Box::pin(work)),
            tracker: self.tracker.clone(),
            runtime: self.runtime.clone(),
        }
    }

    /// Needles that no row refers to or will ever refer to.
    pub(crate) fn orphans(&self) -> &Arc<Orphans> {
        &self.orphans
    }

    /// Stops the long-running tasks and waits for all.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
        // Tasks that ended after the one that frees orphans may have left some.
        self.orphans.free_all().await;
    }
}

/// See [`Background::uninterrupted`].
pub(crate) struct Uninterrupted<T: Send + 'static> {
    work: Option<Pin<Box<dyn Future<Output = T> + Send>>>,
    tracker: TaskTracker,
    runtime: Handle,
}

impl<T: Send + 'static> Future for Uninterrupted<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Uninterrupted<T> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.tracker.spawn_on(
                async move {
                    work.await;
                },
                &self.runtime,
            );
        }
    }
}

/// Needles to be freed by the namespace, so that the reaper deletes them: what failed requests wrote.
pub(crate) struct Orphans {
    namespace: Namespace,
    waiting: Mutex<Vec<FileId>>,
    arrived: Notify,
    /// Held while a batch is on its way, so that [`Orphans::free_all`] returns after it.
    freeing: tokio::sync::Mutex<()>,
}

/// With the namespace away for long, more than this are given up: `fsck` finds them.
const MAX_WAITING: usize = 1_000_000;
const FREE_BATCH: usize = 1_000;
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(30);

impl Orphans {
    fn new(namespace: Namespace) -> Self {
        Self {
            namespace,
            waiting: Mutex::default(),
            arrived: Notify::new(),
            freeing: tokio::sync::Mutex::default(),
        }
    }

    /// Takes needles in charge.
    pub(crate) fn add(&self, needles: impl IntoIterator<Item = FileId>) {
        let mut waiting = self.waiting.lock();
        let before = waiting.len();
        waiting.extend(needles);
        if waiting.len() > MAX_WAITING {
            tracing::error!(given_up = waiting.len() - MAX_WAITING, "too many needles wait to be freed");
            waiting.truncate(MAX_WAITING);
        }
        if waiting.len() > before {
            self.arrived.notify_one();
        }
    }

    async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut retry = RETRY_FIRST;
        loop {
            tokio::select! {
                biased; // Cancel-safe: a notification that is dropped with `notified` is kept for the next one.
                () = stop.cancelled() => break,
                () = self.arrived.notified() => {}
            }
            while !self.free_all().await {
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(retry) => retry = (retry * 2).min(RETRY_LAST),
                }
                if stop.is_cancelled() {
                    break;
                }
            }
            retry = RETRY_FIRST;
        }
        self.free_all().await;
    }

    /// Whether all that waited are freed now.
    async fn free_all(&self) -> bool {
        let _one_at_a_time = self.freeing.lock().await;
        loop {
            let batch = self.take_batch();
            if batch.is_empty() {
                return true;
            }
            // In doubt counts as failed: freeing a needle twice does no harm.
            if let Err(error) = self.namespace.submit(FreeNeedles { needles: batch.clone() }).await {
                tracing::warn!(needles = batch.len(), %error, "needles of a failed write are not freed yet");
                self.waiting.lock().extend(batch);
                return false;
            }
        }
    }

    fn take_batch(&self) -> Vec<FileId> {
        let mut waiting = self.waiting.lock();
        let rest = waiting.len().saturating_sub(FREE_BATCH);
        waiting.split_off(rest)
    }
}
