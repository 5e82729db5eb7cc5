use std::{collections::VecDeque, ops::Range, sync::Arc};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;
use topology::{Command, Outcome};
use types::NeedleKey;

use crate::raft::{Consensus, Unavailable};

/// Keys leased through Raft at a time. A restart wastes what is left of them; 2^64 are enough for that.
const BLOCK_KEYS: u64 = 100_000;

/// Needle keys, leased from the group ahead of need and handed out from memory. A key that was handed out is never
/// handed out again: blocks are leased durably before their first key leaves, and forgotten at restart.
pub(crate) struct Keys {
    consensus: Consensus,
    stock: Mutex<Stock>,
}

#[derive(Default)]
struct Stock {
    blocks: VecDeque<Range<u64>>,
    /// Keys below were used by somebody else.
    floor: u64,
    refill: Option<Refill>,
}

/// The one lease under way; whoever needs it waits for it.
type Refill = Shared<BoxFuture<'static, Result<(), LeaseError>>>;

/// Why no keys were leased.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum LeaseError {
    #[error("{0}")]
    UsedUp(String),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Keys {
    pub(crate) fn new(consensus: Consensus) -> Arc<Self> {
        Arc::new(Self { consensus, stock: Mutex::default() })
    }

    /// `count` keys in a row, by the first of them. From memory as a rule; at the end of a block the next one has been
    /// fetched already.
    pub(crate) async fn take(self: &Arc<Self>, count: u64) -> Result<NeedleKey, LeaseError> {
        loop {
            let refill = {
                let mut stock = self.stock.lock();
                let taken = stock.cut(count);
                if taken.is_none() || stock.left() < BLOCK_KEYS / 2 {
                    let wanted = if taken.is_none() { count.max(BLOCK_KEYS) } else { BLOCK_KEYS };
                    stock.refill.get_or_insert_with(|| self.start_refill(wanted));
                }
                match taken {
                    Some(first) => return Ok(first),
                    None => stock.refill.clone(),
                }
            };
            if let Some(refill) = refill {
                refill.await?;
            }
        }
    }

    /// Fetches the first block. Everything that was decided before has been applied when this returns.
    pub(crate) async fn stock_up(&self) -> Result<(), LeaseError> {
        let block = self.lease(BLOCK_KEYS).await?;
        self.stock.lock().blocks.push_back(block);
        Ok(())
    }

    /// Somebody else used keys up to `key`: none of them is handed out from here on.
    pub(crate) fn skip_past(&self, key: NeedleKey) {
        let mut stock = self.stock.lock();
        stock.floor = stock.floor.max(key.0.saturating_add(1));
    }

    /// Runs to its end whether or not anybody still waits for it.
    fn start_refill(self: &Arc<Self>, count: u64) -> Refill {
        let this = Arc::clone(self);
        let task = tokio::spawn(async move {
            let leased = this.lease(count).await;
            let mut stock = this.stock.lock();
            stock.refill = None;
            stock.blocks.push_back(leased?);
            Ok(())
        });
        async { task.await.unwrap_or_else(|_| Err(Unavailable("shutting down".to_owned()).into())) }
            .boxed()
            .shared()
    }

    async fn lease(&self, count: u64) -> Result<Range<u64>, LeaseError> {
        match self.consensus.propose(Command::LeaseKeys { count }).await? {
            Outcome::Leased { first, count } => Ok(first.0..first.0 + count),
            Outcome::Refused(refusal) => Err(LeaseError::UsedUp(refusal.to_string())),
            other => Err(Unavailable(format!("a lease of keys was answered {other:?}")).into()),
        }
    }
}

impl Stock {
    /// Takes `count` keys in a row out of the first block that has them; blocks that have not are dropped.
    fn cut(&mut self, count: u64) -> Option<NeedleKey> {
        while let Some(block) = self.blocks.front_mut() {
            let first = block.start.max(self.floor);
            if let Some(end) = first.checked_add(count).filter(|end| *end <= block.end) {
                block.start = end;
                return Some(NeedleKey(first));
            }
            self.blocks.pop_front();
        }
        None
    }

    fn left(&self) -> u64 {
        self.blocks.iter().map(|block| block.end.saturating_sub(block.start.max(self.floor))).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_key_leaves_twice_or_below_the_floor(
            steps in prop::collection::vec((0..3_u8, 1..200_u64), 0..100),
        ) {
            let mut stock = Stock::default();
            let (mut leased_to, mut used_to, mut floor) = (1, 1, 0);
            for (kind, number) in steps {
                match kind {
                    0 => {
                        stock.blocks.push_back(leased_to..leased_to + number);
                        leased_to += number;
                    }
                    1 => {
                        floor = floor.max(leased_to + number - 100.min(leased_to + number));
                        stock.floor = floor;
                    }
                    _ => if let Some(first) = stock.cut(number) {
                        prop_assert!(first.0 >= used_to && first.0 >= floor);
                        used_to = first.0 + number;
                        prop_assert!(used_to <= leased_to);
                    }
                }
                let room = stock.blocks.iter().any(|block| block.end - block.start.max(floor).min(block.end) > 0);
                prop_assert_eq!(room, stock.left() > 0);
            }
        }
    }
}
