//! One lane: takes batches from its queue and carries them out, one after the other.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use rand::Rng;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use types::Timestamp;

use super::batch::{self, Failed, Queued, RowSet};
use crate::{CommitError, Loaded, Snapshot, Store, StoreError};

/// Intents of one batch at most.
const BATCH: usize = 512;
/// Bounds the memory of one batch: the sum of its intents' weights, unless it is a single intent.
const BATCH_WEIGHT: usize = 4096;
/// How often a batch is decided before its intents are taken one by one.
const BATCH_ATTEMPTS: u32 = 6;
/// How often a single intent is decided before its client is told to try again.
const SINGLE_ATTEMPTS: u32 = 40;
/// The longest pause between two attempts; the first is a sixteenth of it.
const MAX_PAUSE: Duration = Duration::from_millis(16);

pub(super) struct Lane {
    store: Arc<dyn Store>,
    queue: mpsc::Receiver<Box<dyn Queued>>,
    stop: CancellationToken,
    /// Taken from the queue, not yet in a batch; [`BATCH`] at most.
    waiting: VecDeque<Box<dyn Queued>>,
}

enum Attempt {
    Committed,
    Conflict,
    /// One row of the batch cannot be read or written: the others are not to suffer for it.
    Corrupt(String),
    Failed(Failed),
}

impl Lane {
    pub(super) fn new(
        store: Arc<dyn Store>,
        queue: mpsc::Receiver<Box<dyn Queued>>,
        stop: CancellationToken,
    ) -> Self {
        Self { store, queue, stop, waiting: VecDeque::new() }
    }

    pub(super) async fn run(mut self) {
        while let Some(batch) = self.next_batch().await {
            self.carry_out(batch).await;
        }
    }

    /// What waits, up to the bounds, in order. `None` when the queue is closed and empty.
    async fn next_batch(&mut self) -> Option<Vec<Box<dyn Queued>>> {
        self.fill().await;
        let first = self.waiting.pop_front()?;
        let (alone, mut weight) = (first.alone(), first.weight());
        let mut batch = vec![first];
        while !alone
            && let Some(next) = self.waiting.pop_front_if(|next| {
                weight = weight.saturating_add(next.weight());
                weight <= BATCH_WEIGHT && !next.alone()
            })
        {
            batch.push(next);
        }
        Some(batch)
    }

    /// Cancel-safe by use: it is awaited to the end.
    async fn fill(&mut self) {
        while self.waiting.len() < BATCH
            && let Ok(intent) = self.queue.try_recv()
        {
            self.waiting.push_back(intent);
        }
        if self.waiting.is_empty() {
            let first = tokio::select! {
                biased;
                first = self.queue.recv() => first,
                () = self.stop.cancelled() => {
                    // Senders are refused from here on; what they had queued is still to be received.
                    self.queue.close();
                    self.queue.recv().await
                }
            };
            self.waiting.extend(first);
            while self.waiting.len() < BATCH
                && let Ok(intent) = self.queue.try_recv()
            {
                self.waiting.push_back(intent);
            }
        }
    }

    async fn carry_out(&mut self, mut batch: Vec<Box<dyn Queued>>) {
        let alone = batch.len() == 1;
        match self.attempt_often(&mut batch, if alone { SINGLE_ATTEMPTS } else { BATCH_ATTEMPTS }).await {
            Attempt::Committed => answer(batch, &Ok(())),
            Attempt::Failed(failed) => answer(batch, &Err(failed)),
            Attempt::Conflict if alone => {
                answer(batch, &Err(Failed::Unavailable("too many conflicts".to_owned())));
            }
            Attempt::Corrupt(why) if alone => {
                tracing::error!(%why, "namespace row cannot be used");
                answer(batch, &Err(Failed::Unavailable(why)));
            }
            Attempt::Conflict | Attempt::Corrupt(_) => {
                for intent in batch {
                    Box::pin(self.carry_out(vec![intent])).await;
                }
            }
        }
    }

    async fn attempt_often(&mut self, batch: &mut [Box<dyn Queued>], attempts: u32) -> Attempt {
        for attempt in 1..attempts {
            match self.attempt(batch).await {
                Attempt::Conflict => pause(attempt).await,
                other => return other,
            }
        }
        self.attempt(batch).await
    }

    async fn attempt(&mut self, batch: &mut [Box<dyn Queued>]) -> Attempt {
        let rows = RowSet::of(batch);
        let loaded = match self.load(&rows).await {
            Ok(loaded) => loaded,
            Err(error) => return error.into(),
        };
        let commit = batch::decide(batch, rows, loaded, Timestamp::now());
        if commit.changes.is_empty() {
            return Attempt::Committed;
        }
        match self.store.commit(commit).await {
            Ok(()) => Attempt::Committed,
            Err(CommitError::Conflict) => Attempt::Conflict,
            Err(CommitError::NotApplied(error)) => error.into(),
            Err(CommitError::InDoubt(why)) => Attempt::Failed(Failed::InDoubt(why)),
        }
    }

    async fn load(&mut self, rows: &RowSet) -> Result<Loaded, StoreError> {
        if rows.keys().is_empty() {
            return Ok(Loaded { rows: Vec::new(), snapshot: Snapshot::default() });
        }
        self.store.load(rows.keys()).await
    }
}

impl From<StoreError> for Attempt {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::Failed(Failed::Unavailable(why)),
            StoreError::Corrupt(why) => Self::Corrupt(why),
        }
    }
}

fn answer(batch: Vec<Box<dyn Queued>>, committed: &Result<(), Failed>) {
    for intent in batch {
        intent.answer(committed.clone());
    }
}

/// Longer with every attempt, and never the same for two lanes that met.
async fn pause(attempt: u32) {
    let longest = MAX_PAUSE / 16 * 2u32.saturating_pow(attempt.min(5) - 1);
    let share = rand::rng().random_range(0.25..1.0);
    tokio::time::sleep(longest.min(MAX_PAUSE).mul_f64(share)).await;
}
