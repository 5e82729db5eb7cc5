//! The group of masters and what they agree on: a [`Ledger`](topology::Ledger) behind openraft.

use std::io::Cursor;

use openraft::BasicNode;
use topology::{Command, Outcome};

mod consensus;
mod database;
mod log_store;
mod network;
mod state_machine;
#[cfg(test)]
mod tests;

pub(crate) use consensus::{Consensus, Unavailable};

openraft::declare_raft_types!(
    /// What openraft is told about us. The node id is random, given once to a directory.
    pub(crate) TypeConfig:
        D = Command,
        R = Outcome,
        NodeId = NodeId,
        Node = BasicNode,
        SnapshotData = Cursor<Vec<u8>>,
);

pub(crate) type NodeId = u64;
type LogId = openraft::LogId<NodeId>;
type Entry = openraft::Entry<TypeConfig>;
type StorageError = openraft::StorageError<NodeId>;
type StorageIoError = openraft::StorageIOError<NodeId>;
type StoredMembership = openraft::StoredMembership<NodeId, BasicNode>;
type SnapshotMeta = openraft::SnapshotMeta<NodeId, BasicNode>;
