use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::de::DeserializeOwned;

use crate::{
    body::collect_bounded,
    wire::{ErrorAnswer, Remote},
};

/// Bounds of every request to another role.
#[derive(Debug, Clone, Copy)]
pub struct HttpSettings {
    /// For a new connection; 5 s.
    pub connect_timeout: Duration,
    /// From sending to the last byte of the answer; 60 s.
    pub request_timeout: Duration,
    /// A needle's data, either way; 256 MiB.
    pub max_needle_bytes: usize,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(60),
            max_needle_bytes: 256 << 20,
        }
    }
}

/// A pool of connections to the other roles. Cheap to clone; a process needs one.
#[derive(Clone)]
pub struct HttpClient {
    pool: Client<HttpConnector, Full<Bytes>>,
    settings: HttpSettings,
}

/// JSON answers are small: a lookup, an error.
const MAX_JSON_BYTES: usize = 1 << 20;

/// An idle connection costs a file descriptor on both ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
const IDLE_CONNECTIONS_PER_HOST: usize = 64;

/// An answer, whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Default for HttpClient {
    fn default() -> Self {
        Self::new(HttpSettings::default())
    }
}

impl HttpClient {
    /// A pool without connections yet.
    pub fn new(settings: HttpSettings) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(settings.connect_timeout));
        let pool = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_PER_HOST)
            .build(connector);
        Self { pool, settings }
    }

    pub(super) fn max_needle_bytes(&self) -> usize {
        self.settings.max_needle_bytes
    }

    /// Sends a request whose answer is JSON.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        self.within_deadline(request, MAX_JSON_BYTES).await
    }

    /// Sends a request whose answer is a needle, or an error in JSON.
    pub(super) async fn send_for_needle(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        self.within_deadline(request, self.settings.max_needle_bytes).await
    }

    async fn within_deadline(
        &self,
        request: Request<Full<Bytes>>,
        max_success_bytes: usize,
    ) -> Result<Answer, String> {
        let limit = self.settings.request_timeout;
        match tokio::time::timeout(limit, self.exchange(request, max_success_bytes)).await {
            Ok(answer) => answer,
            Err(_) => Err(format!("no answer within {limit:?}")),
        }
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        max_success_bytes: usize,
    ) -> Result<Answer, String> {
        let response = self.pool.request(request).await.map_err(|error| with_sources(&error))?;
        let (parts, body) = response.into_parts();
        let limit = if parts.status.is_success() { max_success_bytes } else { MAX_JSON_BYTES };
        let body = collect_bounded(body, limit).await.map_err(|error| error.to_string())?;
        Ok(Answer { status: parts.status, headers: parts.headers, body })
    }
}

impl Answer {
    /// The body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body)
            .map_err(|error| format!("{}: an answer that cannot be read: {error}", self.status))
    }

    /// The error this answer stands for. Never "not found" and the like on the word of a stranger.
    pub(super) fn error<E: Remote>(&self, subject: E::Subject) -> E {
        match serde_json::from_slice::<ErrorAnswer>(&self.body) {
            Ok(answer) => E::from_answer(self.status, &answer, subject),
            Err(_) => E::unavailable(format!("{} {}", self.status, self.excerpt()), subject),
        }
    }

    fn excerpt(&self) -> String {
        String::from_utf8_lossy(&self.body).chars().take(200).collect()
    }
}

/// `http://address/path`. `address` is another's word: it may be no address.
pub(super) fn uri(address: &str, path: &str) -> Result<Uri, String> {
    format!("http://{address}{path}").parse().map_err(|error| format!("address {address:?}: {error}"))
}

/// The client's own message says "error sending request" only: the cause is what an operator needs.
fn with_sources(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
