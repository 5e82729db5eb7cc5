use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Body,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use protocol::{CollectError, Heartbeat, Master as _, collect_bounded};
use serde::Serialize;
use topology::{Cluster, ServerView};

use super::{
    answer::{Failure, json},
    params::Params,
};
use crate::Master;

/// A hundred thousand volumes and some.
const MAX_HEARTBEAT_BYTES: usize = 64 << 20;

/// `POST /cluster/heartbeat`
pub(super) async fn heartbeat(State(master): State<Arc<Master>>, body: Body) -> Result<Response, Failure> {
    let body = collect_bounded(body, MAX_HEARTBEAT_BYTES).await.map_err(|error| unread(&error))?;
    let heartbeat: Heartbeat =
        serde_json::from_slice(&body).map_err(|error| Failure::bad_request(format!("heartbeat: {error}")))?;
    let reply = master.heartbeat(heartbeat).await.map_err(|error| Failure::of(&error))?;
    Ok(json(StatusCode::OK, &reply, false))
}

pub(super) fn unread<E: std::fmt::Display>(error: &CollectError<E>) -> Failure {
    let status = match error {
        CollectError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        CollectError::Broken(_) => StatusCode::BAD_REQUEST,
    };
    Failure::new(status, error.to_string())
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ClusterStatus {
    is_leader: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    leader: Option<String>,
    peers: Vec<String>,
    max_volume_id: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster_id: Option<String>,
}

/// `/cluster/status`
pub(super) async fn cluster(State(master): State<Arc<Master>>, params: Params) -> Response {
    let status = master.consensus.status();
    let (max_volume, cluster) = master.consensus.ledger(|ledger| (ledger.max_volume(), ledger.cluster()));
    let answer = ClusterStatus {
        is_leader: status.is_leader,
        leader: status.leader,
        peers: status.peers,
        max_volume_id: max_volume.0,
        cluster_id: cluster.map(|id| id.to_string()),
    };
    json(StatusCode::OK, &answer, params.pretty())
}

/// `/livez`: the process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// `/readyz`: this master can lease.
pub(super) async fn ready(State(master): State<Arc<Master>>) -> Response {
    match master.blocked() {
        None => "ok\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    topology: Topology,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Topology {
    data_centers: Vec<DataCenter>,
    free: u64,
    max: u64,
    #[serde(rename = "layouts")]
    layouts: Vec<Layout>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DataCenter {
    id: String,
    free: u64,
    max: u64,
    racks: Vec<Rack>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Rack {
    id: String,
    free: u64,
    max: u64,
    data_nodes: Vec<DataNode>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DataNode {
    url: String,
    public_url: String,
    free: u64,
    max: u64,
    volumes: usize,
}

#[derive(Serialize)]
struct Layout {
    collection: String,
    replication: String,
    ttl: String,
    writables: Vec<u32>,
}

/// `/dir/status`: data centers, racks, servers, and the writable volumes.
pub(super) async fn topology(State(master): State<Arc<Master>>, params: Params) -> Response {
    let topology = Topology::of(&master.cluster.lock());
    let version = concat!("holdfast ", env!("CARGO_PKG_VERSION"));
    json(StatusCode::OK, &Status { topology, version }, params.pretty())
}

impl Topology {
    fn of(cluster: &Cluster) -> Self {
        let mut centers = BTreeMap::<_, BTreeMap<_, Vec<DataNode>>>::new();
        for view in cluster.servers() {
            let racks = centers.entry(view.server.data_center.clone()).or_default();
            racks.entry(view.server.rack.clone()).or_default().push(DataNode::of(&view));
        }
        let data_centers: Vec<_> = centers.into_iter().map(|(id, racks)| DataCenter::of(id, racks)).collect();
        let layouts = cluster.layouts().into_iter().map(|layout| Layout {
            collection: layout.class.collection.to_string(),
            replication: layout.class.placement.to_string(),
            ttl: layout.class.ttl.to_string(),
            writables: layout.writable.iter().map(|id| id.0).collect(),
        });
        Self {
            free: data_centers.iter().map(|center| center.free).sum(),
            max: data_centers.iter().map(|center| center.max).sum(),
            layouts: layouts.collect(),
            data_centers,
        }
    }
}

impl DataCenter {
    fn of(id: String, racks: BTreeMap<String, Vec<DataNode>>) -> Self {
        let racks: Vec<_> = racks.into_iter().map(|(id, nodes)| Rack::of(id, nodes)).collect();
        let free = racks.iter().map(|rack| rack.free).sum();
        let max = racks.iter().map(|rack| rack.max).sum();
        Self { id, free, max, racks }
    }
}

impl Rack {
    fn of(id: String, data_nodes: Vec<DataNode>) -> Self {
        let free = data_nodes.iter().map(|node| node.free).sum();
        let max = data_nodes.iter().map(|node| node.max).sum();
        Self { id, free, max, data_nodes }
    }
}

impl DataNode {
    fn of(view: &ServerView<'_>) -> Self {
        Self {
            url: view.server.url.clone(),
            public_url: view.server.public_url.clone(),
            free: view.free.into(),
            max: view.max_volumes.into(),
            volumes: view.volumes,
        }
    }
}
