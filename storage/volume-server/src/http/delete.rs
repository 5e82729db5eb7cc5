//! `DELETE /<fid>`: a needle, or all that a chunk manifest stands for.

use std::sync::Arc;

use axum::response::Response;
use http::StatusCode;
use protocol::{DeleteError, Deleted, ReadError, Volumes};
use serde::Serialize;
use types::FileId;

use super::{
    answer::{Refusal, json},
    manifest::{self, Manifest},
    query::Query,
};
use crate::VolumeServer;

#[derive(Serialize)]
struct Freed {
    size: u64,
}

/// Deletes the needle and, where it is a manifest, its chunks first: a failure half way leaves the manifest, by which
/// the delete can be asked again.
pub(super) async fn delete(
    server: &Arc<VolumeServer>,
    fid: FileId,
    query: &Query,
    pretty: bool,
) -> Result<Response, Refusal> {
    if !query.resolves_manifest() {
        return one(server, fid, pretty).await;
    }
    let manifest = match server.read(fid).await {
        Ok(stored) if stored.needle.chunk_manifest => {
            manifest::of(&stored.needle, fid, server.settings.max_body_bytes).await?
        }
        Err(error @ ReadError::Unavailable { .. }) => return Err(error.into()),
        // No manifest. What else may be wrong, the delete itself says best.
        Ok(_) | Err(_) => return one(server, fid, pretty).await,
    };
    delete_chunks(server, &manifest).await?;
    server.delete(fid).await?;
    Ok(json(StatusCode::ACCEPTED, &Freed { size: manifest.size_bytes() }, pretty))
}

/// Deletes this needle alone.
pub(super) async fn one(server: &VolumeServer, fid: FileId, pretty: bool) -> Result<Response, Refusal> {
    match server.delete(fid).await {
        Ok(Deleted { size_bytes }) => {
            Ok(json(StatusCode::ACCEPTED, &Freed { size: size_bytes.into() }, pretty))
        }
        Err(error) => {
            let refusal = Refusal::from(error);
            match refusal.is_not_found() {
                true => Ok(refusal.into_response_with_size(pretty)),
                false => Err(refusal),
            }
        }
    }
}

async fn delete_chunks(server: &Arc<VolumeServer>, manifest: &Manifest) -> Result<(), DeleteError> {
    for chunk in manifest.chunks() {
        match manifest::delete_anywhere(server, chunk.fid).await {
            Ok(_) | Err(DeleteError::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
