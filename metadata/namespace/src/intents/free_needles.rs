use types::{FileId, Timestamp};

use super::{Never, freed};
use crate::{Decision, Intent, RowKey, Rows};

/// Frees needles that were written for a row that never came to be.
#[derive(Debug, Clone)]
pub struct FreeNeedles {
    /// The needles.
    pub needles: Vec<FileId>,
}

impl Intent for FreeNeedles {
    type Outcome = ();
    type Refusal = Never;

    fn rows(&self) -> Vec<RowKey> {
        Vec::new()
    }

    fn weight(&self) -> usize {
        1 + self.needles.len() / 8
    }

    fn decide(&self, _: &Rows, now: Timestamp) -> Result<Decision<()>, Never> {
        Ok(Decision { changes: freed(self.needles.iter().copied(), now).collect(), outcome: () })
    }
}
