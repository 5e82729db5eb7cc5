use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use protocol::Servers;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use topology::{Cluster, ClusterId, Command};

use crate::{OpenError, Settings, grower::Grower, keys::Keys, raft::Consensus};

/// The master role, leading its group. It stops when it is closed or dropped; a drop loses nothing.
pub struct Master {
    pub(crate) settings: Settings,
    pub(crate) consensus: Consensus,
    pub(crate) cluster: Arc<Mutex<Cluster>>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) grower: Arc<Grower>,
    pub(crate) servers: Servers,
    opened: Instant,
    redirects: AtomicUsize,
    tending: CancellationToken,
    _stop_tending: DropGuard,
}

impl Master {
    /// Opens or makes the store in `settings.dir` and leads. On return keys are at hand; volume servers have yet to
    /// report. `servers` is how new volumes are made.
    pub async fn open(settings: Settings, servers: Servers) -> Result<Arc<Self>, OpenError> {
        let consensus = Consensus::open(&settings.dir, &settings.advertised).await?;
        let keys = Keys::new(consensus.clone());
        keys.stock_up().await.map_err(|error| OpenError::NotReady(error.to_string()))?;
        if consensus.ledger(|ledger| ledger.cluster().is_none()) {
            let name = Command::NameCluster(ClusterId(rand::random()));
            consensus.propose(name).await.map_err(|error| OpenError::NotReady(error.to_string()))?;
        }
        let cluster = Arc::new(Mutex::new(Cluster::new(settings.volume_size_limit_bytes)));
        let grower = Grower::new(consensus.clone(), Arc::clone(&cluster), servers.clone());
        let tending = CancellationToken::new();
        tokio::spawn(tend(Arc::clone(&cluster), Arc::clone(&grower), settings.beat, tending.clone()));
        Ok(Arc::new(Self {
            settings,
            consensus,
            cluster,
            keys,
            grower,
            servers,
            opened: Instant::now(),
            redirects: AtomicUsize::new(0),
            _stop_tending: tending.clone().drop_guard(),
            tending,
        }))
    }

    /// Stops. What was acknowledged is on disk already.
    pub async fn close(&self) {
        self.tending.cancel();
        self.consensus.close().await;
    }

    /// Why this master cannot serve, if so.
    pub fn blocked(&self) -> Option<String> {
        self.consensus.fault()
    }

    pub(crate) fn is_warming_up(&self) -> bool {
        self.opened.elapsed() < self.settings.warm_up
    }

    /// A number that goes round: copies of a volume take turns by it.
    pub(crate) fn next_turn(&self) -> usize {
        self.redirects.fetch_add(1, Ordering::Relaxed)
    }
}

/// Once a beat: buries dead servers and grows classes before they need it.
async fn tend(cluster: Arc<Mutex<Cluster>>, grower: Arc<Grower>, beat: Duration, stop: CancellationToken) {
    let mut beats = interval_at(Instant::now() + beat, beat);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = beats.tick() => {} // cancel-safe: a dropped tick is the next one
        }
        let (dead, thin) = {
            let mut cluster = cluster.lock();
            (cluster.tick(), cluster.thin_classes())
        };
        for server in dead {
            tracing::warn!(server = server.url, "volume server is silent: taken for dead");
        }
        for class in thin {
            grower.satisfy_later(class);
        }
    }
}
