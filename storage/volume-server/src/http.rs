//! The data API over HTTP, as SeaweedFS speaks it, and what the other roles ask of a volume server.

mod address;
mod answer;
mod compression;
mod delete;
mod disposition;
mod download;
mod exact;
mod manifest;
mod multipart;
mod query;
mod range;
mod status;
mod upload;

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderValue, Method, StatusCode, header::ALLOW, request::Parts};
use protocol::wire;

use self::{
    address::{Address, BadAddress},
    answer::{Refusal, pretty_asked},
    query::Query,
};
use crate::VolumeServer;

impl VolumeServer {
    /// The server's whole HTTP API.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/status", get(status::status))
            .route("/livez", get(|| async { "ok\n" }))
            .route("/healthz", get(status::ready))
            .route("/readyz", get(status::ready))
            .route(wire::path::ALLOCATE, post(exact::allocate))
            .fallback(needle)
            .with_state(Arc::clone(self))
    }
}

/// Anything under `/<fid>`.
async fn needle(State(server): State<Arc<VolumeServer>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let pretty = pretty_asked(head.uri.query());
    match dispatch(&server, head, body, pretty).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(pretty),
    }
}

async fn dispatch(
    server: &Arc<VolumeServer>,
    head: Parts,
    body: Body,
    pretty: bool,
) -> Result<Response, Refusal> {
    let address = Address::parse(head.uri.path())?;
    let query = Query::parse(&head.uri)?;
    let exact = head.headers.contains_key(wire::header::NEEDLE);
    match (&head.method, exact) {
        (&Method::GET, true) => exact::read(server, address.fid).await,
        (&Method::PUT, true) => exact::write(server, address.fid, &head.headers, body).await,
        (&Method::DELETE, true) => delete::one(server, address.fid, pretty).await,
        (&Method::GET, _) => download::get(server, address.fid, &query, &head.headers).await,
        (&Method::HEAD, _) => download::head(server, address.fid, &query, &head.headers).await,
        (&Method::POST | &Method::PUT, _) => {
            let uploaded = upload::put(server, address, &query, &head.headers, body).await?;
            Ok(uploaded.into_response(pretty))
        }
        (&Method::DELETE, _) => delete::delete(server, address.fid, &query, pretty).await,
        _ => {
            let mut response = StatusCode::METHOD_NOT_ALLOWED.into_response();
            let allowed = HeaderValue::from_static("GET, HEAD, POST, PUT, DELETE");
            response.headers_mut().insert(ALLOW, allowed);
            Ok(response)
        }
    }
}

impl From<BadAddress> for Refusal {
    fn from(bad: BadAddress) -> Self {
        match bad {
            BadAddress::Elsewhere => Self::bad(StatusCode::NOT_FOUND, "no such path"),
            BadAddress::Malformed(error) => Self::bad(StatusCode::BAD_REQUEST, error.to_string()),
            BadAddress::Name => Self::bad(StatusCode::BAD_REQUEST, "file name: not UTF-8"),
        }
    }
}
