//! The master's HTTP door, in weed's shapes; between roles, in the words of [`protocol::wire`].

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    routing::{get, post},
};
use protocol::wire::path;

use crate::Master;
use answer::Failure;

mod answer;
mod assign;
mod lookup;
mod multipart;
mod params;
mod status;
mod submit;
#[cfg(test)]
mod tests;

/// All of the master's HTTP API.
pub fn router(master: Arc<Master>) -> Router {
    Router::new()
        .route(path::ASSIGN, get(assign::assign).post(assign::assign))
        .route(path::LOOKUP, get(lookup::lookup).post(lookup::lookup))
        .route(path::HEARTBEAT, post(status::heartbeat))
        .route("/vol/grow", get(assign::grow).post(assign::grow))
        .route("/dir/status", get(status::topology))
        .route("/cluster/status", get(status::cluster))
        .route("/livez", get(status::alive))
        .route("/readyz", get(status::ready))
        .route("/submit", post(submit::submit).put(submit::submit))
        .route("/{fid}", get(lookup::redirect))
        .method_not_allowed_fallback(async || {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed")
        })
        .fallback(async || Failure::new(StatusCode::NOT_FOUND, "no such page"))
        .layer(DefaultBodyLimit::disable()) // each handler that reads a body has its own limit
        .with_state(master)
}
