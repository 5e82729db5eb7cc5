mod batch;
mod lane;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    batch::{Queued, Ticket},
    lane::Lane,
};
use crate::{Intent, RowKey, Store};

/// Gathers concurrent intents into batches: load, decide in order, commit, answer. Cheap to clone.
///
/// Each lane is one task with a bounded queue, and has one batch under way. Intents on one object or upload go
/// to one lane; those that meet across lanes are set right by the store's guards. The lanes stop when the last
/// clone is gone, or by [`Committer::close`], and finish what is queued.
#[derive(Clone)]
pub struct Committer {
    lanes: Arc<[mpsc::Sender<Box<dyn Queued>>]>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// Intents waiting in a lane. More wait in their callers.
const QUEUE: usize = 4096;

/// Why an intent was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommitFailure<R> {
    /// By its own rule.
    #[error("refused")]
    Refused(R),
    /// The store cannot be reached, or is overloaded; nothing was changed.
    #[error("namespace unavailable: {0}")]
    Unavailable(String),
    /// The commit may or may not have been applied: needles of the intent must not be freed.
    #[error("commit in doubt: {0}")]
    InDoubt(String),
}

impl Committer {
    /// Starts the lanes, at least one. Must be called within a tokio runtime.
    pub fn start(store: &Arc<dyn Store>, lanes: usize) -> Self {
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let lanes = (0..lanes.max(1))
            .map(|_| {
                let (sender, queue) = mpsc::channel(QUEUE);
                tasks.spawn(Lane::new(Arc::clone(store), queue, stop.clone()).run());
                sender
            })
            .collect();
        tasks.close();
        Self { lanes, stop, tasks }
    }

    /// Carries out an intent; durable on return.
    ///
    /// Dropping the future does not take the intent back: once queued it may still be committed.
    pub async fn submit<I: Intent>(&self, intent: I) -> Result<I::Outcome, CommitFailure<I::Refusal>> {
        let (reply, answer) = oneshot::channel();
        let ticket = Ticket::new(intent, reply);
        let lane = &self.lanes[self.lane_of(Queued::rows(&ticket))];
        if lane.send(Box::new(ticket)).await.is_err() {
            return Err(CommitFailure::Unavailable("the server is stopping".to_owned()));
        }
        answer.await.unwrap_or_else(|_| Err(CommitFailure::InDoubt("the committer stopped".to_owned())))
    }

    /// Takes no more intents, carries out those that are queued, and returns when the last is answered.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }

    fn lane_of(&self, rows: &[RowKey]) -> usize {
        if self.lanes.len() == 1 {
            return 0;
        }
        let object = rows.iter().find(|row| matches!(row, RowKey::Object(..)));
        let upload = || rows.iter().find(|row| matches!(row, RowKey::Upload(_)));
        let mut hasher = DefaultHasher::new();
        object.or_else(upload).or(rows.first()).hash(&mut hasher);
        usize::try_from(hasher.finish() % self.lanes.len() as u64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
