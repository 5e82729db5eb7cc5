//! One batch: intents with their types erased, the rows they share, what they change.

use std::collections::{HashMap, hash_map::Entry};

use tokio::sync::oneshot;
use types::Timestamp;

use super::CommitFailure;
use crate::{Change, Commit, Guard, Intent, Loaded, RowKey, Rows};

/// An intent in a queue, whatever its type.
pub(super) trait Queued: Send {
    fn rows(&self) -> &[RowKey];
    fn alone(&self) -> bool;
    fn weight(&self) -> usize;
    /// Decides, and keeps what the client is to be told. A decision before this one is forgotten.
    fn decide(&mut self, rows: &Rows, now: Timestamp) -> Vec<Change>;
    /// Tells the client what was decided, if the batch was committed, or what became of it.
    fn answer(self: Box<Self>, committed: Result<(), Failed>);
}

/// Why a batch was not committed; the same for all its intents.
#[derive(Debug, Clone)]
pub(super) enum Failed {
    Unavailable(String),
    InDoubt(String),
}

type Answer<I> = Result<<I as Intent>::Outcome, CommitFailure<<I as Intent>::Refusal>>;

/// An intent, what was decided on it, and who waits for it.
pub(super) struct Ticket<I: Intent> {
    rows: Vec<RowKey>,
    intent: I,
    decided: Option<Result<I::Outcome, I::Refusal>>,
    reply: oneshot::Sender<Answer<I>>,
}

impl<I: Intent> Ticket<I> {
    pub(super) fn new(intent: I, reply: oneshot::Sender<Answer<I>>) -> Self {
        Self { rows: intent.rows(), intent, decided: None, reply }
    }
}

impl<I: Intent> Queued for Ticket<I> {
    fn rows(&self) -> &[RowKey] {
        &self.rows
    }

    fn alone(&self) -> bool {
        self.intent.alone()
    }

    fn weight(&self) -> usize {
        self.intent.weight()
    }

    fn decide(&mut self, rows: &Rows, now: Timestamp) -> Vec<Change> {
        let (changes, decided) = match self.intent.decide(rows, now) {
            Ok(decision) => (decision.changes, Ok(decision.outcome)),
            Err(refusal) => (Vec::new(), Err(refusal)),
        };
        self.decided = Some(decided);
        changes
    }

    fn answer(self: Box<Self>, committed: Result<(), Failed>) {
        let answer = match (committed, self.decided) {
            (Ok(()), Some(decided)) => decided.map_err(CommitFailure::Refused),
            (Ok(()), None) => Err(CommitFailure::Unavailable("the intent was not decided".to_owned())),
            (Err(Failed::Unavailable(why)), _) => Err(CommitFailure::Unavailable(why)),
            (Err(Failed::InDoubt(why)), _) => Err(CommitFailure::InDoubt(why)),
        };
        // The client may have gone away; its intent is carried out all the same.
        let _ = self.reply.send(answer);
    }
}

/// Every row that the intents name, once, and whether more than one of them does.
pub(super) struct RowSet {
    keys: Vec<RowKey>,
    shared: Vec<bool>,
}

impl RowSet {
    pub(super) fn of(intents: &[Box<dyn Queued>]) -> Self {
        let (mut keys, mut shared) =
            (Vec::with_capacity(intents.len() * 2), Vec::with_capacity(intents.len() * 2));
        let mut places = HashMap::with_capacity(intents.len() * 2);
        for key in intents.iter().flat_map(|intent| intent.rows()) {
            match places.entry(key) {
                Entry::Occupied(place) => shared[*place.get()] = true,
                Entry::Vacant(place) => {
                    place.insert(keys.len());
                    keys.push(key.clone());
                    shared.push(false);
                }
            }
        }
        Self { keys, shared }
    }

    pub(super) fn keys(&self) -> &[RowKey] {
        &self.keys
    }
}

/// Decides the intents in order on the rows loaded, each on what the ones before it changed.
///
/// All rows that were looked at are guarded, also those of refusals: a refusal may rest on a change of this
/// batch, and must then be as true as the change.
pub(super) fn decide(
    intents: &mut [Box<dyn Queued>],
    rows: RowSet,
    loaded: Loaded,
    now: Timestamp,
) -> Commit {
    let mut guards = Vec::with_capacity(rows.keys.len());
    let overlay = rows.keys.into_iter().zip(rows.shared).zip(loaded.rows).map(|((key, shared), found)| {
        let (row, version) = found.unzip();
        if matches!(key, RowKey::Bucket(_) | RowKey::Object(..) | RowKey::Upload(_)) {
            guards.push(Guard { key: key.clone(), version });
        }
        (key, row, shared)
    });
    let mut overlay = Rows::new(overlay);
    let mut changes = Vec::with_capacity(intents.len() * 2);
    for intent in intents {
        let decided = intent.decide(&overlay, now);
        decided.iter().for_each(|change| overlay.apply(change));
        changes.extend(decided);
    }
    Commit { guards, snapshot: loaded.snapshot, changes }
}
