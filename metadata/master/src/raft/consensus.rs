use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use openraft::{BasicNode, Config, Raft, SnapshotPolicy};
use parking_lot::RwLock;
use topology::{Command, Ledger, Outcome};

use super::{
    NodeId, TypeConfig,
    database::{Database, DatabaseError, Value},
    log_store::LogStore,
    network::NoNetwork,
    state_machine::{Applied, StateMachine},
};
use crate::OpenError;

/// This master's part in the group: proposes commands and reads the ledger. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Consensus {
    raft: Raft<TypeConfig>,
    applied: Arc<RwLock<Applied>>,
    me: NodeId,
    address: Arc<str>,
}

/// The group cannot decide now. Try again; what was proposed may still happen.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unavailable(pub(crate) String);

/// Who leads the group, and who else is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) is_leader: bool,
    pub(crate) leader: Option<String>,
    pub(crate) peers: Vec<String>,
}

const ELECTION_PATIENCE: Duration = Duration::from_secs(10);
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);

/// A lease of 100,000 keys is one entry, so is a volume: some thousands of entries are days of life.
const ENTRIES_PER_SNAPSHOT: u64 = 1000;
const ENTRIES_KEPT: u64 = 100;

impl Consensus {
    /// Opens or makes the store in `dir` and waits until this master leads. On return all that was ever acknowledged
    /// has been applied once the first command has been proposed.
    pub(crate) async fn open(dir: &Path, address: &str) -> Result<Self, OpenError> {
        let (database, me) = open_database(dir).await?;
        let machine = StateMachine::open(database.clone()).map_err(|error| unusable(dir, &error))?;
        let applied = machine.applied();
        let raft = Raft::new(me, Arc::new(config()), NoNetwork, LogStore::new(database), machine).await;
        let raft = raft.map_err(|error| unusable(dir, &error))?;
        let this = Self { raft, applied, me, address: address.into() };
        this.lead(dir).await?;
        Ok(this)
    }

    /// The group of one needs no time-out to elect: it does so at once.
    async fn lead(&self, dir: &Path) -> Result<(), OpenError> {
        let not_elected = |error: &dyn std::fmt::Display| OpenError::NotReady(error.to_string());
        if self.raft.is_initialized().await.map_err(|error| unusable(dir, &error))? {
            self.refuse_peers(dir)?;
            self.raft.trigger().elect().await.map_err(|error| not_elected(&error))?;
        } else {
            let group = BTreeMap::from([(self.me, BasicNode::new(&*self.address))]);
            self.raft.initialize(group).await.map_err(|error| not_elected(&error))?;
        }
        let elected =
            self.raft.wait(Some(ELECTION_PATIENCE)).current_leader(self.me, "election at open").await;
        elected.map_err(|error| not_elected(&error)).map(drop)
    }

    fn refuse_peers(&self, dir: &Path) -> Result<(), OpenError> {
        let metrics = self.raft.metrics();
        let voters: Vec<NodeId> = metrics.borrow().membership_config.membership().voter_ids().collect();
        if voters != [self.me] {
            return Err(OpenError::ForeignGroup { dir: dir.to_owned(), masters: voters.len() });
        }
        Ok(())
    }

    /// Has the group decide on `command`. When this returns the command is on disk and applied.
    pub(crate) async fn propose(&self, command: Command) -> Result<Outcome, Unavailable> {
        match tokio::time::timeout(COMMIT_PATIENCE, self.raft.client_write(command)).await {
            Ok(Ok(answer)) => Ok(answer.data),
            Ok(Err(error)) => Err(Unavailable(error.to_string())),
            Err(_) => Err(Unavailable(format!("no commit within {COMMIT_PATIENCE:?}"))),
        }
    }

    /// Reads what has been decided.
    pub(crate) fn ledger<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T {
        read(&self.applied.read().ledger)
    }

    pub(crate) fn status(&self) -> Status {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        let address = |id: NodeId, node: &BasicNode| {
            if id == self.me { self.address.to_string() } else { node.addr.clone() }
        };
        let mut nodes: BTreeMap<NodeId, String> = BTreeMap::new();
        for (id, node) in metrics.membership_config.nodes() {
            nodes.insert(*id, address(*id, node));
        }
        let leader = metrics.current_leader;
        Status {
            is_leader: leader == Some(self.me),
            leader: leader.and_then(|id| nodes.get(&id).cloned()),
            peers: nodes.into_iter().filter(|(id, _)| *id != self.me).map(|(_, address)| address).collect(),
        }
    }

    /// Why nothing can be decided, if so.
    pub(crate) fn fault(&self) -> Option<String> {
        let metrics = self.raft.metrics();
        let metrics = metrics.borrow();
        match (&metrics.running_state, metrics.current_leader) {
            (Err(fatal), _) => Some(fatal.to_string()),
            (Ok(()), None) => Some("no leader".to_owned()),
            (Ok(()), Some(_)) => None,
        }
    }

    /// Stops deciding. What was acknowledged is on disk already.
    pub(crate) async fn close(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::warn!(%error, "raft did not stop cleanly");
        }
    }

    #[cfg(test)]
    pub(crate) async fn compact(&self) {
        self.raft.trigger().snapshot().await.expect("raft runs");
        let wait = self.raft.wait(Some(COMMIT_PATIENCE));
        wait.metrics(|metrics| metrics.snapshot == metrics.last_applied, "snapshot")
            .await
            .expect("a snapshot");
    }
}

async fn open_database(dir: &Path) -> Result<(Database, NodeId), OpenError> {
    let database = {
        let dir = dir.to_owned();
        tokio::task::spawn_blocking(move || Database::open(&dir)).await
    };
    let database = match database {
        Ok(Ok(database)) => database,
        Ok(Err(fjall::Error::Locked)) => return Err(OpenError::InUse { dir: dir.to_owned() }),
        Ok(Err(error)) => return Err(unusable(dir, &error)),
        Err(_) => return Err(unusable(dir, &DatabaseError::Stopped)),
    };
    let known = database.get(Value::NodeId).map_err(|error| unusable(dir, &error))?;
    let me = match known {
        Some(me) => me,
        None => name_node(&database).await.map_err(|error| unusable(dir, &error))?,
    };
    Ok((database, me))
}

async fn name_node(database: &Database) -> Result<NodeId, DatabaseError> {
    let me: NodeId = rand::random();
    database.change().set(Value::NodeId, &me)?.commit_to_disk().await?;
    Ok(me)
}

fn unusable(dir: &Path, error: &dyn std::fmt::Display) -> OpenError {
    OpenError::Unusable { dir: dir.to_owned(), reason: error.to_string() }
}

/// Times are for a group of several, on one network: a single voter is elected at once.
fn config() -> Config {
    Config {
        cluster_name: "holdfast".to_owned(),
        heartbeat_interval: 300,
        election_timeout_min: 1000,
        election_timeout_max: 2000,
        install_snapshot_timeout: 10_000,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(ENTRIES_PER_SNAPSHOT),
        max_in_snapshot_log_to_keep: ENTRIES_KEPT,
        ..Config::default()
    }
}
