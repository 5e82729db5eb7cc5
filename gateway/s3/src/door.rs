//! One request through the door: limits, the gate, what changes, the operation, the answer.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header, request::Parts,
};
use http_body::Body as _;
use hyper::body::Incoming;
use objects::Objects;
use s3s::{
    Body, HttpError, S3, S3Result,
    host::{S3Host, VirtualHost},
    service::{S3Service, S3ServiceBuilder},
    stream::DynByteStream,
};
use sha2::{Digest, Sha256};
use tracing::Instrument;
use types::{Durability, Timestamp};

use crate::{
    answer::{Answerer, Asked, Told},
    auth::{Gate, PayloadClaim, Signed, Verified},
    body::{BodyHome, Check, RequestBody, Stall, Unread, check_sha256, drain},
    chunked::Decoder,
    context::{RequestId, Trailers},
    cors,
    credentials::Credentials,
    error::Refusal,
    ops::{Operations, Service},
    query::Query,
    rewrite, routes, target,
    target::{Domains, Level},
};

/// How the door behaves.
#[derive(Clone)]
pub struct DoorSettings {
    /// Who may sign.
    pub credentials: Arc<dyn Credentials>,
    /// The region that requests are signed for.
    pub region: String,
    /// Domains whose sub-domains are buckets; `localhost` always is one.
    pub domains: Vec<String>,
    /// Connections open at once. More wait to be accepted.
    pub max_connections: usize,
    /// How long a connection may take for a request's head, may stay idle, and may take nothing of an answer that is
    /// ready to be sent. After that it is closed, and what it held is freed.
    pub idle_timeout: Duration,
    /// The longest silence within a request's body, and how long `body_min_bytes` of it may take.
    pub body_timeout: Duration,
    /// What must come of a request's body, or its end, within each `body_timeout` that is spent waiting for it: a
    /// trickle would hold the buffers of a chunk as silence does. Time in which the body is not read does not count.
    pub body_min_bytes: u64,
    /// How long requests under way may take to end once the door is told to stop.
    pub drain_timeout: Duration,
}

impl DoorSettings {
    /// Defaults: us-east-1, 10,000 connections, a minute for heads, silence, unread answers and the
    /// end, and 64 KiB of a body a minute.
    pub fn new(credentials: Arc<dyn Credentials>) -> Self {
        Self {
            credentials,
            region: "us-east-1".to_owned(),
            domains: Vec::new(),
            max_connections: 10_000,
            idle_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(60),
            body_min_bytes: 64 * 1024,
            drain_timeout: Duration::from_secs(60),
        }
    }
}

/// The S3 API behind its gate. Cheap to clone.
#[derive(Clone)]
pub struct S3Door(Arc<Inner>);

struct Inner {
    gate: Gate,
    domains: Domains,
    behind: Behind,
    answerer: Answerer,
    settings: DoorSettings,
}

/// What answers verified requests.
enum Behind {
    Ours(Service),
    Other(S3Service),
}

impl Behind {
    async fn call(&self, request: Request<Body>) -> Result<Response<Body>, HttpError> {
        match self {
            Self::Ours(service) => service.call(request).await,
            Self::Other(service) => service.call(request).await,
        }
    }
}

/// Virtual hosts are rewritten to paths before s3s: to it no host is a bucket.
struct PathStyle;

impl S3Host for PathStyle {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        Ok(VirtualHost::new(host))
    }
}

/// Request headers together, names and values.
const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Path and query together: a key of 1024 bytes, all encoded, and a long presigned query fit.
const MAX_URI_BYTES: usize = 16 * 1024;
/// The largest document: 10,000 parts with SHA-256 checksums, or 1,000 keys of 1024 bytes, well escaped.
const MAX_DOCUMENT_BYTES: u64 = 4 * 1024 * 1024;
/// Of the body of a refused request: what is read so that its connection can go on.
const MAX_DRAINED_BYTES: usize = 256 * 1024;
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);
const MAX_TRAILERS: usize = 16;

/// An answer, and whether the connection must close since the request was not read to its end.
pub(crate) struct Answered {
    pub(crate) response: Response<Body>,
    pub(crate) must_linger: bool,
}

impl S3Door {
    /// The door to `objects`.
    pub fn new(objects: Objects, settings: DoorSettings) -> Self {
        let durability = objects.durability();
        let operations = Operations::new(objects, settings.region.as_str());
        Self::before(Behind::Ours(Service::new(operations, PathStyle)), durability, settings)
    }

    /// The door to another implementation of the operations. `durability`: what its successful writes have.
    pub fn over(operations: impl S3, durability: Durability, settings: DoorSettings) -> Self {
        let mut service = S3ServiceBuilder::new(operations);
        service.set_host(PathStyle);
        Self::before(Behind::Other(service.build()), durability, settings)
    }

    fn before(behind: Behind, durability: Durability, settings: DoorSettings) -> Self {
        let host_id = BASE64_STANDARD.encode(rand::random::<[u8; 24]>());
        Self(Arc::new(Inner {
            gate: Gate::new(settings.credentials.clone(), &settings.region),
            domains: Domains::new(&settings.domains),
            behind,
            answerer: Answerer::new(host_id, durability),
            settings,
        }))
    }

    pub(crate) fn settings(&self) -> &DoorSettings {
        &self.0.settings
    }

    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answered {
        let id = RequestId::random();
        let span = tracing::info_span!("request", %id);
        self.0.answer(request, id).instrument(span).await
    }
}

impl Inner {
    async fn answer(&self, request: Request<Incoming>, id: RequestId) -> Answered {
        let (mut parts, incoming) = request.into_parts();
        // Both are cheap to clone.
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        let asked = Asked { id, method: &method, path: uri.path() };
        let expects_continue = parts.headers.contains_key(header::EXPECT);
        let (response, told, unread) = match self.admit(&mut parts) {
            Ok(admitted) => {
                parts.extensions.insert(id);
                self.operate(&asked, parts, incoming, admitted).await
            }
            Err(refusal) => {
                let (response, told) = self.answerer.refuse(&asked, &refusal);
                let unread = (!incoming.is_end_stream()).then_some(Unread { incoming, is_begun: false });
                (response, Some(told), unread)
            }
        };
        if let Some(told) = told {
            log(&asked, response.status(), &told);
        }
        settle(response, unread, expects_continue).await
    }

    /// Everything that is decided before the body: whose request it is, and that it is one for s3s.
    fn admit(&self, parts: &mut Parts) -> Result<Admitted, Refusal> {
        check_limits(parts)?;
        if parts.method == Method::OPTIONS {
            return Err(cors::preflight(&parts.headers));
        }
        let host_bucket = self.domains.bucket(&parts.headers)?;
        let level = target::level(parts.uri.path(), host_bucket.is_some())?;
        refuse_form(parts)?;
        let uri = parts.uri.clone();
        let query = Query::parse(uri.query())?;
        let signed = Signed {
            method: &parts.method,
            raw_path: parts.uri.path(),
            query: &query,
            headers: &parts.headers,
        };
        let verified =
            self.gate.check(&signed, host_bucket.as_deref(), Timestamp::now().as_secs().cast_signed())?;
        routes::check(&parts.method, level, &query)?;
        let content = content(&parts.method, level, &query, &parts.headers);
        rewrite::verified(parts, &query, level, host_bucket.as_deref(), verified.presigned)?;
        parts.extensions.insert(verified.identity.caller());
        Ok(Admitted { verified, content })
    }

    /// A request that was admitted.
    async fn operate(
        &self,
        asked: &Asked<'_>,
        mut parts: Parts,
        incoming: Incoming,
        admitted: Admitted,
    ) -> (Response<Body>, Option<Told>, Option<Unread>) {
        let home = Arc::new(BodyHome::default());
        let response = match self.body(&mut parts, incoming, admitted, &home).await {
            Ok(body) => self.behind.call(Request::from_parts(parts, body)).await.map_err(|error| {
                tracing::error!(?error, "an answer could not be written");
                Refusal::of("InternalError")
            }),
            Err(refusal) => Err(refusal),
        };
        // What was wrong with the body is the answer, whatever the operation or s3s made of it.
        let response = match home.fault() {
            Some(fault) => Err(fault.clone()),
            None => response,
        };
        let (response, told) = match response {
            Ok(response) => self.answerer.pass(asked, response),
            Err(refusal) => {
                let (response, told) = self.answerer.refuse(asked, &refusal);
                (response, Some(told))
            }
        };
        (response, told, home.take_unread())
    }

    /// The body as the operation shall see it: unframed, and verified as it is read.
    async fn body(
        &self,
        parts: &mut Parts,
        incoming: Incoming,
        admitted: Admitted,
        home: &Arc<BodyHome>,
    ) -> Result<Body, Refusal> {
        let declared = incoming.size_hint().exact();
        let Admitted { verified: Verified { claim, signer, .. }, content } = admitted;
        let length = || {
            let is_told = content != Content::Object || parts.headers.contains_key(header::CONTENT_LENGTH);
            declared.filter(|_| is_told).ok_or_else(|| Refusal::of("MissingContentLength"))
        };
        let (size_bytes, check) = match claim {
            PayloadClaim::Chunked { trailer, .. } => {
                let size_bytes = decoded_length(&parts.headers)?;
                let trailers = if trailer { Some(announced(&parts.headers)?) } else { None };
                if let Some(trailers) = &trailers {
                    parts.extensions.insert(trailers.clone());
                }
                parts.headers.remove(DECODED_LENGTH);
                parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size_bytes));
                (size_bytes, Check::Chunked(Box::new(Decoder::new(size_bytes, signer, trailers))))
            }
            PayloadClaim::Unsigned => (length()?, Check::Length),
            PayloadClaim::Sha256(expected) => (length()?, Check::sha256(expected)),
        };
        if content != Content::Object && size_bytes > MAX_DOCUMENT_BYTES {
            return Err(Refusal::of("MaxMessageLengthExceeded")
                .with("MaxMessageLengthBytes", MAX_DOCUMENT_BYTES.to_string()));
        }
        if declared == Some(0)
            && let Check::Sha256 { expected, .. } = &check
            && *expected != EMPTY_SHA256
        {
            check_sha256(Sha256::new(), expected)?;
        }
        let is_framed = matches!(check, Check::Chunked(_));
        if size_bytes == 0 && !is_framed {
            return Ok(Body::empty());
        }
        let stall = Stall::new(self.settings.body_timeout, self.settings.body_min_bytes);
        let body = RequestBody::new(incoming, size_bytes, check, home.clone(), stall);
        if size_bytes == 0 {
            body.finish_empty().await?;
            return Ok(Body::empty());
        }
        let stream: DynByteStream = Box::pin(body);
        Ok(Body::from(stream))
    }
}

/// Most requests have no body: their digest is known.
const EMPTY_SHA256: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27,
    0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];
const DECODED_LENGTH: HeaderName = HeaderName::from_static("x-amz-decoded-content-length");

struct Admitted {
    verified: Verified,
    content: Content,
}

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// An object or a part: a stream, whose length must be told, even if it is 0.
    Object,
    /// A document, read whole, or nothing.
    Document,
}

fn check_limits(parts: &Parts) -> Result<(), Refusal> {
    if parts.uri.path_and_query().is_some_and(|target| target.as_str().len() > MAX_URI_BYTES) {
        let refusal = Refusal::new("InvalidURI", format!("The URI is longer than {MAX_URI_BYTES} bytes."));
        return Err(refusal.with_status(StatusCode::URI_TOO_LONG));
    }
    let bytes: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > MAX_HEADER_BYTES {
        return Err(
            Refusal::of("RequestHeaderSectionTooLarge").with("MaxSizeAllowed", MAX_HEADER_BYTES.to_string())
        );
    }
    Ok(())
}

/// Browser forms carry their signature in the body, which this release does not read. s3s would take every POST of this
/// type for one.
fn refuse_form(parts: &Parts) -> Result<(), Refusal> {
    let is_form = |value: &HeaderValue| {
        value
            .as_bytes()
            .trim_ascii()
            .get(..19)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/form-data"))
    };
    if parts.method == Method::POST && parts.headers.get_all(header::CONTENT_TYPE).iter().any(is_form) {
        return Err(Refusal::new(
            "NotImplemented",
            "PostObject (upload by browser form) is not implemented.",
        ));
    }
    Ok(())
}

fn content(method: &Method, level: Level, query: &Query<'_>, headers: &HeaderMap) -> Content {
    let is_object = method == Method::PUT
        && level == Level::Object
        && !headers.contains_key("x-amz-copy-source")
        && !["acl", "legal-hold", "retention", "tagging"].iter().any(|name| query.has(name));
    if is_object { Content::Object } else { Content::Document }
}

fn decoded_length(headers: &HeaderMap) -> Result<u64, Refusal> {
    let mut values = headers.get_all(DECODED_LENGTH).iter();
    let Some(value) = values.next() else {
        return Err(Refusal::new(
            "MissingContentLength",
            "You must provide the x-amz-decoded-content-length HTTP header.",
        ));
    };
    let digits =
        value.to_str().ok().filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok()).filter(|_| values.next().is_none());
    length.ok_or_else(|| {
        Refusal::new("InvalidArgument", "x-amz-decoded-content-length is not a number of bytes.")
    })
}

/// The names in `x-amz-trailer`.
fn announced(headers: &HeaderMap) -> Result<Trailers, Refusal> {
    let invalid = || {
        Refusal::new("InvalidRequest", "The value specified in the x-amz-trailer header is not supported.")
    };
    let mut names = Vec::new();
    for value in headers.get_all("x-amz-trailer") {
        for name in
            value.to_str().map_err(|_| invalid())?.split(',').map(str::trim).filter(|name| !name.is_empty())
        {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            if names.contains(&name) || names.len() == MAX_TRAILERS {
                return Err(invalid());
            }
            names.push(name);
        }
    }
    Ok(Trailers::announced(names))
}

/// One line per failed request. What a client did wrong is its own affair; what this server did wrong is not.
fn log(asked: &Asked<'_>, status: StatusCode, told: &Told) {
    let Told { code, message } = told;
    let (id, method, path, status) = (asked.id, asked.method, asked.path, status.as_u16());
    if status >= 500 && status != 501 {
        tracing::error!(%id, %method, path, status, code, message, "request failed");
    } else {
        tracing::debug!(%id, %method, path, status, code, message, "request refused");
    }
}

/// Sees that the client gets the answer though its body was not read: a little is read, and for more the connection
/// closes. A client that waits for `100 Continue` has sent nothing, and is not asked to.
async fn settle(mut response: Response<Body>, unread: Option<Unread>, expects_continue: bool) -> Answered {
    let must_linger = match unread {
        None => false,
        Some(Unread { is_begun: false, .. }) if expects_continue => true,
        Some(Unread { incoming, .. }) => {
            let is_large = incoming.size_hint().lower() > MAX_DRAINED_BYTES as u64;
            is_large || !drain(incoming, MAX_DRAINED_BYTES, DRAIN_PATIENCE).await
        }
    };
    if must_linger {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Answered { response, must_linger }
}
