use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use parking_lot::Mutex;
use protocol::{AllocateError, AllocateVolume, Location, Servers};
use topology::{CannotGrow, Class, Cluster, Command, Need, Outcome, Plan, Server};
use types::VolumeId;

use crate::raft::{Consensus, Unavailable};

/// Servers tried before a growth is given up: one may have a full disk that its last report did not show.
const ATTEMPTS: usize = 3;

/// Makes volumes: an id from the group, then the copies on their servers, then the volume is writable.
pub(crate) struct Grower {
    consensus: Consensus,
    cluster: Arc<Mutex<Cluster>>,
    servers: Servers,
    under_way: Mutex<HashMap<Class, Growth>>,
}

/// A growth under way; all who need the class wait for the same one.
type Growth = Shared<BoxFuture<'static, Result<(), GrowError>>>;

/// Why no volume was made.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum GrowError {
    /// There is nowhere to put it.
    #[error("{0}")]
    NoRoom(String),
    /// A server or the group did not answer as it should.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<CannotGrow> for GrowError {
    fn from(refusal: CannotGrow) -> Self {
        Self::NoRoom(refusal.to_string())
    }
}

impl Grower {
    pub(crate) fn new(consensus: Consensus, cluster: Arc<Mutex<Cluster>>, servers: Servers) -> Arc<Self> {
        Arc::new(Self { consensus, cluster, servers, under_way: Mutex::default() })
    }

    /// Makes one volume if `class` needs one by now; many callers at once make one together.
    pub(crate) async fn satisfy(self: &Arc<Self>, class: &Class) -> Result<(), GrowError> {
        match self.join(class) {
            Some(growth) => growth.await,
            None => Ok(()),
        }
    }

    /// The same ahead of need, when nobody waits.
    pub(crate) fn satisfy_later(self: &Arc<Self>, class: Class) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = this.satisfy(&class).await {
                tracing::warn!(%class, %error, "cannot grow ahead of need");
            }
        });
    }

    /// A growth ends by making its volume known and then leaving `under_way`, so whoever finds none there and asks for the
    /// need afterwards cannot have missed it.
    fn join(self: &Arc<Self>, class: &Class) -> Option<Growth> {
        let mut under_way = self.under_way.lock();
        if let Some(growth) = under_way.get(class) {
            return Some(growth.clone());
        }
        if self.cluster.lock().need(class) == Need::No {
            return None;
        }
        let growth = self.start(class.clone());
        under_way.insert(class.clone(), growth.clone());
        Some(growth)
    }

    /// Runs to its end whether or not anybody still waits for it: a half-made volume helps nobody.
    fn start(self: &Arc<Self>, class: Class) -> Growth {
        let this = Arc::clone(self);
        let task = tokio::spawn(async move {
            let grown = this.grow(&class, None).await;
            this.under_way.lock().remove(&class);
            grown.map(drop)
        });
        async { task.await.unwrap_or_else(|_| Err(Unavailable("shutting down".to_owned()).into())) }
            .boxed()
            .shared()
    }

    /// Makes one volume, needed or not: in the data center `main`, where one is given.
    pub(crate) async fn grow(&self, class: &Class, main: Option<&str>) -> Result<VolumeId, GrowError> {
        let mut failed = BTreeSet::new();
        let mut last_error = None;
        for _ in 0..ATTEMPTS {
            let plan = match self.plan(class, main, &failed) {
                Ok(plan) => plan,
                Err(refusal) => return Err(last_error.unwrap_or(refusal.into())),
            };
            match self.make(&plan).await {
                Ok(id) => {
                    tracing::info!(volume = %id, %class, "made a volume");
                    self.cluster.lock().grown(plan, id);
                    return Ok(id);
                }
                Err(failure) => {
                    self.cluster.lock().abandon(plan);
                    failed.extend(failure.server);
                    last_error = Some(failure.error);
                }
            }
        }
        Err(last_error.unwrap_or_else(|| Unavailable("no server took the volume".to_owned()).into()))
    }

    fn plan(&self, class: &Class, main: Option<&str>, avoid: &BTreeSet<String>) -> Result<Plan, CannotGrow> {
        self.cluster.lock().plan(class, main, avoid, &mut rand::rng())
    }

    /// Server after server, so that a failure leaves few copies behind. Those stay, as a volume short of copies: empty,
    /// and not writable.
    async fn make(&self, plan: &Plan) -> Result<VolumeId, Failure> {
        let id = self.create(plan.class()).await?;
        let volume = allocation(id, plan.class());
        for (made, server) in plan.servers().iter().enumerate() {
            if let Err(error) = self.servers.at(&location(server)).allocate(volume.clone()).await {
                if made == 0 {
                    self.forget(id).await;
                }
                return Err(Failure { error: refusal(server, &error), server: Some(server.url.clone()) });
            }
        }
        Ok(id)
    }

    async fn create(&self, class: &Class) -> Result<VolumeId, GrowError> {
        match self.consensus.propose(Command::CreateVolume(class.clone())).await? {
            Outcome::Created(id) => Ok(id),
            Outcome::Refused(refusal) => Err(GrowError::NoRoom(refusal.to_string())),
            other => Err(Unavailable(format!("a new volume was answered {other:?}")).into()),
        }
    }

    /// No server holds it. Should one that seemed to fail hold it after all, its report brings it back.
    async fn forget(&self, id: VolumeId) {
        if let Err(error) = self.consensus.propose(Command::ForgetVolume(id)).await {
            tracing::warn!(volume = %id, %error, "a volume that was not made stays registered");
        }
    }
}

/// A failed attempt and the server to blame, if any.
struct Failure {
    error: GrowError,
    server: Option<String>,
}

impl From<GrowError> for Failure {
    fn from(error: GrowError) -> Self {
        Self { error, server: None }
    }
}

fn refusal(server: &Server, error: &AllocateError) -> GrowError {
    let text = format!("volume server {}: {error}", server.url);
    match error {
        AllocateError::NoRoom { .. } => GrowError::NoRoom(text),
        AllocateError::Conflict(_) | AllocateError::Unavailable { .. } => Unavailable(text).into(),
    }
}

fn allocation(id: VolumeId, class: &Class) -> AllocateVolume {
    let Class { collection, placement, ttl } = class.clone();
    AllocateVolume { id, collection, placement, ttl }
}

pub(crate) fn location(server: &Server) -> Location {
    Location { url: server.url.clone(), public_url: server.public_url.clone() }
}
