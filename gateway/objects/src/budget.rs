use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Buffers up to this size take from a lane of their own: large transfers of slow clients must not stop
/// small objects.
pub(crate) const SMALL_BYTES: usize = 256 << 10;

/// Bytes of buffers that may exist at once, over all requests. Whoever finds none left waits, in order; nobody
/// is refused.
///
/// A holder must be able to end without reserving more, or two of them could wait for each other. So a request
/// reserves a whole buffer before it fills it, and what it waits for next is never held by its own kind alone.
pub(crate) struct Budget {
    small: Lane,
    large: Lane,
}

struct Lane {
    free: Arc<Semaphore>,
    total: usize,
}

/// Room in a [`Budget`], given back on drop.
pub(crate) struct Reservation {
    _permit: Option<OwnedSemaphorePermit>,
}

impl Budget {
    /// An eighth of `bytes` is for small buffers.
    pub(crate) fn new(bytes: usize) -> Self {
        let small = (bytes / 8).max(1);
        Self { small: Lane::new(small), large: Lane::new(bytes.saturating_sub(small).max(1)) }
    }

    /// Waits for room. A buffer larger than the whole lane takes all of it: it goes alone.
    pub(crate) async fn reserve(&self, bytes: usize) -> Reservation {
        let lane = self.lane(bytes);
        // The semaphore is never closed, so this always has a permit.
        Reservation { _permit: Arc::clone(&lane.free).acquire_many_owned(lane.permits(bytes)).await.ok() }
    }

    /// Room for what can also be done later: only while half of the lane stays free for what cannot.
    pub(crate) fn spare(&self, bytes: usize) -> Option<Reservation> {
        let lane = self.lane(bytes);
        if lane.used() + bytes > lane.total / 2 {
            return None;
        }
        let permit = Arc::clone(&lane.free).try_acquire_many_owned(lane.permits(bytes)).ok()?;
        Some(Reservation { _permit: Some(permit) })
    }

    /// Bytes in use.
    pub(crate) fn used_bytes(&self) -> usize {
        self.small.used() + self.large.used()
    }

    fn lane(&self, bytes: usize) -> &Lane {
        if bytes <= SMALL_BYTES { &self.small } else { &self.large }
    }
}

impl Lane {
    fn new(bytes: usize) -> Self {
        let total = bytes.min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(total)), total }
    }

    fn permits(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.min(self.total)).unwrap_or(u32::MAX)
    }

    fn used(&self) -> usize {
        self.total - self.free.available_permits()
    }
}

#[cfg(test)]
mod tests {
    use std::{task::Poll, time::Duration};

    use super::*;

    #[tokio::test]
    async fn waits_for_room_and_gives_it_back() {
        let budget = Budget::new(16 << 20);
        let first = budget.reserve(8 << 20).await;
        let second = budget.reserve(6 << 20).await;
        let mut third = Box::pin(budget.reserve(SMALL_BYTES + 1));
        assert!(matches!(futures::poll!(&mut third), Poll::Pending));
        drop(first);
        let third = tokio::time::timeout(Duration::from_secs(5), third).await.expect("room was given back");
        assert_eq!(budget.used_bytes(), (6 << 20) + SMALL_BYTES + 1);
        drop((second, third));
        assert_eq!(budget.used_bytes(), 0);
    }

    #[tokio::test]
    async fn large_buffers_leave_room_for_small_ones() {
        let budget = Budget::new(16 << 20);
        let _all = budget.reserve(usize::MAX).await;
        let large = budget.reserve(SMALL_BYTES + 1);
        assert!(matches!(futures::poll!(Box::pin(large)), Poll::Pending));
        let _small = budget.reserve(SMALL_BYTES).await;
    }

    #[tokio::test]
    async fn what_can_wait_leaves_half_of_the_room() {
        let budget = Budget::new(16 << 20);
        let spare = budget.spare(7 << 20).expect("half of 14 MiB is free");
        assert!(budget.spare(SMALL_BYTES + 1).is_none());
        drop(spare);
        let _reserved = budget.reserve(6 << 20).await;
        assert!(budget.spare(2 << 20).is_none());
        assert!(budget.spare(1 << 20).is_some());
    }
}
