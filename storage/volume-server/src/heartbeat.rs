use std::{sync::Arc, time::Duration};

use protocol::{Heartbeat, HeartbeatReply, Master, MasterError, VolumeReport};
use tokio_util::sync::CancellationToken;
use volume::Stat;

use crate::{VolumeServer, directory::Space};

/// How the master takes what this server tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reporting {
    /// No heartbeats run: the server stands alone.
    Off,
    /// The first one is under way.
    Waiting,
    /// The last one was taken.
    Taken,
    /// The last one was not.
    Failing(String),
}

/// What the task does next.
enum Event {
    Beat,
    Stop,
}

/// Changes that come together are told together.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(20);

/// After a failed heartbeat; doubled up to the regular interval.
const FIRST_RETRY: Duration = Duration::from_millis(100);

impl VolumeServer {
    /// All that this server holds, now.
    pub fn heartbeat(&self) -> Heartbeat {
        let spaces = self.spaces();
        let stats = self.stats();
        let max_volumes = self.max_volumes(stats.len(), &spaces);
        let low = |directory: usize| is_low(spaces[directory], self.settings.min_free_bytes);
        let mut volumes: Vec<_> =
            stats.into_iter().map(|(stat, directory)| report(stat, low(directory))).collect();
        volumes.sort_by_key(|volume| volume.id);
        Heartbeat {
            location: self.settings.location.clone(),
            data_center: self.settings.data_center.clone(),
            rack: self.settings.rack.clone(),
            max_volumes,
            volumes,
        }
    }

    /// Tells `master` what this server holds: at once, on every change, and on a beat. Ends with `stop`.
    pub async fn run_heartbeats(self: Arc<Self>, master: Arc<dyn Master>, stop: CancellationToken) {
        *self.master.write() = Some(Arc::clone(&master));
        *self.reporting.lock() = Reporting::Waiting;
        let mut retry = FIRST_RETRY;
        loop {
            // A dropped heartbeat may have been taken or not; the next one says the same again.
            let reply = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                reply = master.heartbeat(self.next_heartbeat()) => reply,
            };
            let interval = self.settings.heartbeat_interval;
            let (wait, next_retry) = match &reply {
                Ok(_) => (interval, FIRST_RETRY),
                Err(_) => (retry.min(interval), (retry * 2).min(interval)),
            };
            retry = next_retry;
            self.note(reply);
            match self.next_event(wait, &stop).await {
                Event::Beat => {}
                Event::Stop => return,
            }
        }
    }

    fn next_heartbeat(&self) -> Heartbeat {
        let heartbeat = self.heartbeat();
        let read_only = heartbeat.volumes.iter().filter(|volume| volume.read_only);
        *self.told_read_only.write() = read_only.map(|volume| volume.id).collect();
        heartbeat
    }

    /// Cancel-safe: a change whose notice was taken is told by the very next beat.
    async fn next_event(&self, wait: Duration, stop: &CancellationToken) -> Event {
        let beat_due = async {
            tokio::time::sleep(SHORTEST_INTERVAL).await;
            let _ =
                tokio::time::timeout(wait.saturating_sub(SHORTEST_INTERVAL), self.changed.notified()).await;
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Event::Stop,
            () = beat_due => Event::Beat,
        }
    }

    /// Keeps what the master said, and logs it when it is news.
    fn note(&self, reply: Result<HeartbeatReply, MasterError>) {
        let now = match reply {
            Ok(_) => Reporting::Taken,
            Err(error) => Reporting::Failing(error.to_string()),
        };
        let before = std::mem::replace(&mut *self.reporting.lock(), now.clone());
        match now {
            Reporting::Failing(reason) if before != Reporting::Failing(reason.clone()) => {
                tracing::warn!(%reason, "heartbeat not taken");
            }
            Reporting::Taken if matches!(before, Reporting::Failing(_)) => {
                tracing::info!("heartbeat taken again");
            }
            _ => {}
        }
    }
}

/// Unknown counts as full: a disk that does not answer is no place for new data.
fn is_low(space: Option<Space>, min_free_bytes: u64) -> bool {
    space.is_none_or(|space| space.free_bytes < min_free_bytes)
}

fn report(stat: Stat, disk_is_low: bool) -> VolumeReport {
    VolumeReport {
        id: stat.settings.id,
        collection: stat.settings.collection,
        placement: stat.settings.placement,
        ttl: stat.settings.ttl,
        size_bytes: stat.size_bytes,
        needle_count: stat.needle_count,
        deleted_count: stat.deleted_count,
        deleted_bytes: stat.deleted_bytes,
        max_key: stat.max_key,
        // It still takes what leases promised: reported so, it gets no new ones.
        read_only: stat.read_only.is_some() || disk_is_low,
    }
}
