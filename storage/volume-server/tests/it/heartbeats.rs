use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;
use protocol::{
    AssignError, AssignRequest, Assignment, Heartbeat, HeartbeatReply, Location, LookupError, Master,
    MasterError,
};
use tokio_util::sync::CancellationToken;
use types::VolumeId;

use crate::support::Fixture;

/// Keeps what it is told, and refuses while it is told to.
#[derive(Default)]
pub(crate) struct Listener {
    heard: Mutex<Vec<Heartbeat>>,
    refusing: Mutex<bool>,
}

#[async_trait::async_trait]
impl Master for Listener {
    async fn assign(&self, _: &AssignRequest) -> Result<Assignment, AssignError> {
        Err(AssignError::Unavailable("a listener".into()))
    }

    async fn lookup(&self, volume: VolumeId) -> Result<Vec<Location>, LookupError> {
        Err(LookupError::NotFound(volume))
    }

    async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<HeartbeatReply, MasterError> {
        self.heard.lock().push(heartbeat);
        match *self.refusing.lock() {
            true => Err(MasterError::Unavailable("no leader".into())),
            false => Ok(HeartbeatReply { volume_size_limit_bytes: 1 << 30 }),
        }
    }
}

impl Listener {
    /// Waits for a heartbeat after the first `seen` that `is_it`.
    pub(crate) async fn hear(&self, seen: usize, is_it: impl Fn(&Heartbeat) -> bool) -> Heartbeat {
        for _ in 0..1000 {
            if let Some(found) = self.heard.lock().iter().skip(seen).find(|beat| is_it(beat)) {
                return found.clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("not heard: {:?}", self.heard.lock());
    }

    pub(crate) fn count(&self) -> usize {
        self.heard.lock().len()
    }
}

/// Longer than any test: what is heard was not told by the beat.
const NEVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn the_master_hears_at_start_and_on_change() {
    let fixture = Fixture::start_with(|settings| {
        settings.heartbeat_interval = NEVER;
        settings.rack = "r1".into();
    })
    .await;
    let (master, stop) = (Arc::new(Listener::default()), CancellationToken::new());
    let beats = tokio::spawn(Arc::clone(&fixture.server).run_heartbeats(master.clone(), stop.clone()));

    let first = master.hear(0, |_| true).await;
    assert_eq!((first.location.url.as_str(), first.rack.as_str()), (fixture.address.as_str(), "r1"));
    assert_eq!(first.volumes.iter().map(|volume| volume.id.0).collect::<Vec<_>>(), [3]);
    assert_eq!(first.max_volumes, 100);

    fixture.allocate(9, "pictures", "3d").await;
    let changed = master.hear(1, |beat| beat.volumes.len() == 2).await;
    assert_eq!(
        (changed.volumes[1].collection.as_str(), changed.volumes[1].ttl.to_string().as_str()),
        ("pictures", "3d")
    );
    stop.cancel();
    beats.await.expect("stops");
}

#[tokio::test]
async fn the_master_hears_on_the_beat_until_the_stop() {
    let interval = Duration::from_millis(50);
    let fixture = Fixture::start_with(|settings| settings.heartbeat_interval = interval).await;
    let (master, stop) = (Arc::new(Listener::default()), CancellationToken::new());
    let beats = tokio::spawn(Arc::clone(&fixture.server).run_heartbeats(master.clone(), stop.clone()));
    fixture.put("/3,2a637037d6", "counted").await.assert_status(201);
    let counted = master.hear(1, |beat| beat.volumes[0].needle_count == 1).await;
    assert_eq!(counted.volumes[0].max_key.0, 0x2a);
    assert!(counted.volumes[0].size_bytes > 8);

    stop.cancel();
    beats.await.expect("stops");
    let last = master.count();
    tokio::time::sleep(interval * 3).await;
    assert_eq!(master.count(), last, "none after the stop");
}

#[tokio::test]
async fn a_master_that_does_not_answer_is_tried_again_and_shown() {
    let fixture = Fixture::start().await;
    fixture.get("/readyz").await.assert_status(200); // no master is fine
    let (master, stop) = (Arc::new(Listener::default()), CancellationToken::new());
    *master.refusing.lock() = true;
    let beats = tokio::spawn(Arc::clone(&fixture.server).run_heartbeats(master.clone(), stop.clone()));
    master.hear(2, |_| true).await;
    let unready = fixture.get("/readyz").await;
    assert_eq!(unready.status, 503);
    assert!(unready.body.ends_with(b"no leader\n"), "{unready:?}");
    fixture.get("/livez").await.assert_status(200);

    *master.refusing.lock() = false;
    fixture.until_ready().await;
    stop.cancel();
    beats.await.expect("stops");
}

#[tokio::test]
async fn a_full_disk_takes_no_leases() {
    let fixture = Fixture::start().await;
    assert!(!fixture.server.heartbeat().volumes[0].read_only);
    let low = fixture
        .restart_with(|settings| {
            settings.min_free_bytes = u64::MAX;
            settings.max_volumes = None;
        })
        .await;
    let beat = low.server.heartbeat();
    assert!(beat.volumes[0].read_only, "{beat:?}");
    assert_eq!(beat.max_volumes, 1, "those it holds");
    low.put("/3,01637037d6", "leases that are out still count").await.assert_status(201);
}
