//! `/status`, as weed answers it, and whether the server is ready.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Serialize;
use volume::Stat;

use super::answer::{json, pretty_asked};
use crate::{VolumeServer, directory::Space};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    version: &'static str,
    disk_statuses: Vec<DiskStatus>,
    volumes: Vec<VolumeStatus>,
    /// Volumes out of service: they are here, and could not be opened.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    broken_volumes: Vec<BrokenVolume>,
}

#[derive(Serialize)]
struct DiskStatus {
    dir: String,
    all: u64,
    used: u64,
    free: u64,
    percent_free: f64,
    percent_used: f64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct VolumeStatus {
    id: u32,
    size: u64,
    replica_placement: String,
    ttl: String,
    collection: String,
    file_count: u64,
    delete_count: u64,
    deleted_byte_count: u64,
    read_only: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_only_reason: Option<String>,
    index_bytes: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BrokenVolume {
    id: u32,
    error: String,
}

pub(super) async fn status(State(server): State<Arc<VolumeServer>>, RawQuery(query): RawQuery) -> Response {
    let directories = server.directories.iter().zip(server.spaces());
    let disk_statuses =
        directories.filter_map(|(dir, space)| Some(disk_status(dir.path.display().to_string(), space?)));
    let mut volumes: Vec<_> = server.stats().into_iter().map(|(stat, _)| volume_status(stat)).collect();
    volumes.sort_by_key(|volume| volume.id);
    let broken = server.broken.iter();
    let mut broken_volumes: Vec<_> =
        broken.map(|(id, error)| BrokenVolume { id: id.0, error: error.clone() }).collect();
    broken_volumes.sort_by_key(|volume| volume.id);
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        disk_statuses: disk_statuses.collect(),
        volumes,
        broken_volumes,
    };
    json(StatusCode::OK, &status, pretty_asked(query.as_deref()))
}

pub(super) async fn ready(State(server): State<Arc<VolumeServer>>) -> Response {
    match server.unready() {
        None => "ok\n".into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage needs no 64 bits")]
fn disk_status(dir: String, space: Space) -> DiskStatus {
    let percent_free = 100.0 * space.free_bytes as f64 / space.all_bytes.max(1) as f64;
    DiskStatus {
        dir,
        all: space.all_bytes,
        used: space.all_bytes.saturating_sub(space.free_bytes),
        free: space.free_bytes,
        percent_free,
        percent_used: 100.0 - percent_free,
    }
}

fn volume_status(stat: Stat) -> VolumeStatus {
    VolumeStatus {
        id: stat.settings.id.0,
        size: stat.size_bytes,
        replica_placement: stat.settings.placement.to_string(),
        ttl: stat.settings.ttl.to_string(),
        collection: stat.settings.collection.to_string(),
        file_count: stat.needle_count,
        delete_count: stat.deleted_count,
        deleted_byte_count: stat.deleted_bytes,
        read_only: stat.read_only.is_some(),
        read_only_reason: stat.read_only,
        index_bytes: stat.index_bytes,
    }
}
