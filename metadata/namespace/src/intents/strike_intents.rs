use types::Timestamp;

use super::Never;
use crate::{Change, Decision, Intent, IntentId, RowKey, Rows};

/// Strikes delete intents whose needles are gone from every copy.
#[derive(Debug, Clone)]
pub struct StrikeIntents {
    /// Which. Those struck before do no harm.
    pub ids: Vec<IntentId>,
}

impl Intent for StrikeIntents {
    type Outcome = ();
    type Refusal = Never;

    fn rows(&self) -> Vec<RowKey> {
        Vec::new()
    }

    fn weight(&self) -> usize {
        1 + self.ids.len() / 8
    }

    fn decide(&self, _: &Rows, _: Timestamp) -> Result<Decision<()>, Never> {
        Ok(Decision { changes: self.ids.iter().copied().map(Change::Strike).collect(), outcome: () })
    }
}
