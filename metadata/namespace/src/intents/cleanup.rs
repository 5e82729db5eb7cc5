use types::{FileId, Timestamp};

use crate::{Decision, Intent, IntentId, RowKey, Rows};

/// Frees needles that were written for a row that never came to be.
#[derive(Debug, Clone)]
pub struct FreeNeedles {
    /// The needles.
    pub needles: Vec<FileId>,
}

/// Strikes delete intents whose needles are gone from every copy.
#[derive(Debug, Clone)]
pub struct StrikeIntents {
    /// Which.
    pub ids: Vec<IntentId>,
}

/// These intents cannot be refused.
pub type Never = std::convert::Infallible;

impl Intent for FreeNeedles {
    type Outcome = ();
    type Refusal = Never;
    fn rows(&self) -> Vec<RowKey> {
        todo!()
    }
    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<()>, Never> {
        todo!()
    }
}

impl Intent for StrikeIntents {
    type Outcome = ();
    type Refusal = Never;
    fn rows(&self) -> Vec<RowKey> {
        todo!()
    }
    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<()>, Never> {
        todo!()
    }
}
