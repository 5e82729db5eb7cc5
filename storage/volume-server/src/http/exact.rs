//! What the other roles ask: needles exactly as they are stored, and new volumes. The client is
//! `protocol::HttpVolumes`.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{State, rejection::JsonRejection},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header::ETAG};
use protocol::{AllocateVolume, Volumes, WriteError, wire};
use types::FileId;

use super::{
    answer::{Refusal, json},
    upload::{acknowledge, receive},
};
use crate::VolumeServer;

pub(super) async fn read(server: &VolumeServer, fid: FileId) -> Result<Response, Refusal> {
    let stored = server.read(fid).await?;
    let head = wire::needle_header(&stored.needle);
    let head = head.map_err(|error| Refusal::bad(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    let mut response = Response::new(Body::from(stored.needle.data));
    response.headers_mut().insert(wire::header::NEEDLE, head);
    if let Ok(etag) = HeaderValue::from_str(&wire::etag(stored.crc)) {
        response.headers_mut().insert(ETAG, etag);
    }
    Ok(response)
}

pub(super) async fn write(
    server: &VolumeServer,
    fid: FileId,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    server.find(fid.volume).map_err(WriteError::from)?;
    let (body, _room) = receive(server, fid, body).await?;
    let header = headers.get(wire::header::NEEDLE).cloned().unwrap_or_else(|| HeaderValue::from_static(""));
    let needle = wire::needle_from_header(&header, body)
        .map_err(|error| Refusal::bad(StatusCode::BAD_REQUEST, error.to_string()))?;
    let written = server.write(fid, needle).await?;
    let status = if written.unchanged { StatusCode::NO_CONTENT } else { StatusCode::CREATED };
    let mut response = status.into_response();
    acknowledge(&mut response, &written);
    Ok(response)
}

pub(super) async fn allocate(
    State(server): State<Arc<VolumeServer>>,
    volume: Result<Json<AllocateVolume>, JsonRejection>,
) -> Response {
    let Json(volume) = match volume {
        Ok(volume) => volume,
        Err(rejection) => {
            return Refusal::bad(rejection.status(), rejection.body_text()).into_response(false);
        }
    };
    match server.allocate(volume).await {
        Ok(()) => json(StatusCode::OK, &serde_json::json!({}), false),
        Err(error) => Refusal::remote(&error).into_response(false),
    }
}
