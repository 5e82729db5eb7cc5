use std::sync::Arc;

use crate::{Intent, Store};

/// Gathers concurrent intents into batches: load, decide in order, commit, answer. Cheap to clone.
#[derive(Clone)]
pub struct Committer {
    _store: Arc<dyn Store>,
}

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
    /// Carries out an intent; durable on return.
    pub async fn submit<I: Intent>(&self, intent: I) -> Result<I::Outcome, CommitFailure<I::Refusal>> {
        let _ = intent;
        todo!()
    }
}
