use std::{io::Cursor, sync::Arc};

use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder, Snapshot, storage::RaftStateMachine};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use topology::{Ledger, Outcome};

use super::{
    Entry, LogId, SnapshotMeta, StorageError, StorageIoError, StoredMembership, TypeConfig,
    database::{Database, DatabaseError, Value},
};

/// The ledger and up to where the log has been applied to it. In memory; on disk are snapshots and the log behind them.
#[derive(Debug, Default, Clone)]
pub(super) struct Applied {
    pub(super) ledger: Ledger,
    last_log: Option<LogId>,
    membership: StoredMembership,
}

/// Applies the log. Clones share the ledger.
#[derive(Clone)]
pub(super) struct StateMachine {
    database: Database,
    applied: Arc<RwLock<Applied>>,
}

/// A snapshot as it is kept and sent: the data is a [`Ledger`].
#[derive(Serialize, Deserialize)]
struct StoredSnapshot {
    meta: SnapshotMeta,
    data: Vec<u8>,
}

impl StateMachine {
    /// Starts from the last snapshot.
    pub(super) fn open(database: Database) -> Result<Self, DatabaseError> {
        let mut applied = Applied::default();
        if let Some(StoredSnapshot { meta, data }) = database.get(Value::Snapshot)? {
            applied = Applied::from_snapshot(&meta, &data)?;
        }
        Ok(Self { database, applied: Arc::new(RwLock::new(applied)) })
    }

    pub(super) fn applied(&self) -> Arc<RwLock<Applied>> {
        Arc::clone(&self.applied)
    }

    async fn keep(&self, snapshot: &StoredSnapshot) -> Result<(), StorageError> {
        let change = self.database.change().set(Value::Snapshot, snapshot).map_err(unwritten)?;
        change.commit_to_disk().await.map_err(unwritten)
    }
}

impl Applied {
    fn from_snapshot(meta: &SnapshotMeta, data: &[u8]) -> Result<Self, DatabaseError> {
        let ledger = postcard::from_bytes(data)
            .map_err(|source| DatabaseError::Undecodable { what: "snapshot".to_owned(), source })?;
        Ok(Self { ledger, last_log: meta.last_log_id, membership: meta.last_membership.clone() })
    }

    fn apply(&mut self, entry: Entry) -> Outcome {
        self.last_log = Some(entry.log_id);
        match entry.payload {
            EntryPayload::Blank => Outcome::Done,
            EntryPayload::Normal(command) => self.ledger.apply(command),
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(entry.log_id), membership);
                Outcome::Done
            }
        }
    }

    fn to_snapshot(&self) -> Result<StoredSnapshot, DatabaseError> {
        let data = postcard::to_stdvec(&self.ledger)
            .map_err(|source| DatabaseError::Undecodable { what: "ledger".to_owned(), source })?;
        let meta = SnapshotMeta {
            last_log_id: self.last_log,
            last_membership: self.membership.clone(),
            // The ledger follows from the log: one position, one snapshot.
            snapshot_id: self.last_log.map_or_else(|| "empty".to_owned(), |last| last.to_string()),
        };
        Ok(StoredSnapshot { meta, data })
    }
}

impl From<StoredSnapshot> for Snapshot<TypeConfig> {
    fn from(StoredSnapshot { meta, data }: StoredSnapshot) -> Self {
        Self { meta, snapshot: Box::new(Cursor::new(data)) }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unreadable(error: DatabaseError) -> StorageError {
    StorageIoError::read_snapshot(None, openraft::AnyError::new(&error)).into()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unwritten(error: DatabaseError) -> StorageError {
    StorageIoError::write_snapshot(None, openraft::AnyError::new(&error)).into()
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, StoredMembership), StorageError> {
        let applied = self.applied.read();
        Ok((applied.last_log, applied.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Outcome>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut applied = self.applied.write();
        Ok(entries.into_iter().map(|entry| applied.apply(entry)).collect())
    }

    async fn get_snapshot_builder(&mut self) -> Self {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::default())
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        let snapshot = StoredSnapshot { meta: meta.clone(), data: snapshot.into_inner() };
        let installed = Applied::from_snapshot(meta, &snapshot.data).map_err(unreadable)?;
        self.keep(&snapshot).await?;
        *self.applied.write() = installed;
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<TypeConfig>>, StorageError> {
        let kept: Option<StoredSnapshot> = self.database.get(Value::Snapshot).map_err(unreadable)?;
        Ok(kept.map(Snapshot::from))
    }
}

impl RaftSnapshotBuilder<TypeConfig> for StateMachine {
    async fn build_snapshot(&mut self) -> Result<Snapshot<TypeConfig>, StorageError> {
        let snapshot = self.applied.read().to_snapshot().map_err(unwritten)?;
        self.keep(&snapshot).await?;
        Ok(snapshot.into())
    }
}
