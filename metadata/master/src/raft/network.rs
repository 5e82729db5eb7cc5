use openraft::{
    BasicNode, RaftNetwork, RaftNetworkFactory,
    error::{InstallSnapshotError, RPCError, RaftError, Unreachable},
    network::RPCOption,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
        VoteRequest, VoteResponse,
    },
};

use super::{NodeId, TypeConfig};

/// The way to other masters: there is none yet. A group of one never asks for it, and a larger one is refused at open.
pub(super) struct NoNetwork;

/// Another master, out of reach.
pub(super) struct OutOfReach {
    address: String,
}

#[derive(Debug, thiserror::Error)]
#[error("master {address}: this version runs a single master and has no way to others")]
struct NoWay {
    address: String,
}

type RpcError<E = openraft::error::Infallible> = RPCError<NodeId, BasicNode, RaftError<NodeId, E>>;

impl OutOfReach {
    fn error<E: std::error::Error>(&self) -> RpcError<E> {
        RPCError::Unreachable(Unreachable::new(&NoWay { address: self.address.clone() }))
    }
}

impl RaftNetworkFactory<TypeConfig> for NoNetwork {
    type Network = OutOfReach;

    async fn new_client(&mut self, _: NodeId, node: &BasicNode) -> OutOfReach {
        OutOfReach { address: node.addr.clone() }
    }
}

impl RaftNetwork<TypeConfig> for OutOfReach {
    async fn append_entries(
        &mut self,
        _: AppendEntriesRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RpcError> {
        Err(self.error())
    }

    async fn install_snapshot(
        &mut self,
        _: InstallSnapshotRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, RpcError<InstallSnapshotError>> {
        Err(self.error())
    }

    async fn vote(&mut self, _: VoteRequest<NodeId>, _: RPCOption) -> Result<VoteResponse<NodeId>, RpcError> {
        Err(self.error())
    }
}
