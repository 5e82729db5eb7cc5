use std::{
    fmt::Debug,
    io,
    ops::{Bound, RangeBounds},
};

use openraft::{
    LogState, OptionalSend, RaftLogReader, Vote,
    storage::{LogFlushed, RaftLogStorage},
};

use super::{
    Entry, LogId, NodeId, StorageError, StorageIoError, TypeConfig,
    database::{Database, DatabaseError, Value},
};

/// The log and the vote, on disk.
#[derive(Clone)]
pub(super) struct LogStore {
    database: Database,
}

impl LogStore {
    pub(super) fn new(database: Database) -> Self {
        Self { database }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unreadable(error: DatabaseError) -> StorageError {
    StorageIoError::read_logs(openraft::AnyError::new(&error)).into()
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
fn unwritten(error: DatabaseError) -> StorageError {
    StorageIoError::write_logs(openraft::AnyError::new(&error)).into()
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        let start = match range.start_bound() {
            Bound::Included(start) => *start,
            Bound::Excluded(start) => start.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(end) => end.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        self.database.entries(start, end).map_err(unreadable)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<TypeConfig>, StorageError> {
        let last_purged_log_id: Option<LogId> = self.database.get(Value::Purged).map_err(unreadable)?;
        let last: Option<Entry> = self.database.last_entry().map_err(unreadable)?;
        let last_log_id = last.map(|entry| entry.log_id).or(last_purged_log_id);
        Ok(LogState { last_purged_log_id, last_log_id })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<NodeId>) -> Result<(), StorageError> {
        let change = self.database.change().set(Value::Vote, vote).map_err(unwritten)?;
        change.commit_to_disk().await.map_err(unwritten)
    }

    async fn read_vote(&mut self) -> Result<Option<Vote<NodeId>>, StorageError> {
        self.database.get(Value::Vote).map_err(unreadable)
    }

    /// Not synced: it follows from the log, and only spares a restart from waiting for a leader.
    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        let change = self.database.change().set(Value::Committed, &committed).map_err(unwritten)?;
        change.commit_to_page_cache().map_err(unwritten)
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        Ok(self.database.get::<Option<LogId>>(Value::Committed).map_err(unreadable)?.flatten())
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<TypeConfig>) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut change = self.database.change();
        for entry in entries {
            change = change.put_entry(entry.log_id.index, &entry).map_err(unwritten)?;
        }
        let written = change.commit_to_disk().await;
        callback.log_io_completed(written.map_err(io::Error::other));
        Ok(())
    }

    async fn truncate(&mut self, since: LogId) -> Result<(), StorageError> {
        let change = self.database.change().remove_entries(since.index..).map_err(unwritten)?;
        change.commit_to_disk().await.map_err(unwritten)
    }

    /// Not synced: entries that a power cut brings back are covered by the snapshot, and are purged again.
    async fn purge(&mut self, upto: LogId) -> Result<(), StorageError> {
        let change = self.database.change().remove_entries(..=upto.index).map_err(unwritten)?;
        let change = change.set(Value::Purged, &upto).map_err(unwritten)?;
        change.commit_to_page_cache().map_err(unwritten)
    }
}
