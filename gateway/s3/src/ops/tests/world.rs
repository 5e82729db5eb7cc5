use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use master::Master;
use namespace::{AccountId, Namespace};
use namespace_embedded::EmbeddedStore;
use objects::Objects;
use protocol::{Location, Master as _, Servers};
use s3s::{
    Body, S3Result,
    host::{S3Host, VirtualHost},
};
use tempfile::TempDir;
use types::Durability;
use volume_server::VolumeServer;

use crate::{
    Caller, Trailers,
    ops::{Operations, Service},
};

/// All roles in one process, and the operations over them.
pub(super) struct World {
    service: Service,
    _master: Arc<Master>,
    _volumes: Arc<VolumeServer>,
    _dir: TempDir,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Bytes,
}

/// As behind the door, which rewrites virtual hosts to paths.
struct NoHostIsABucket;

impl S3Host for NoHostIsABucket {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        Ok(VirtualHost::new(host))
    }
}

impl World {
    /// In `us-east-1`, with a bucket `bucket`.
    pub(super) async fn start() -> Self {
        let world = Self::start_in("us-east-1").await;
        world.put("/bucket", &[], "").await.expect(200);
        world
    }

    /// As [`World::start`]; freed needles are reaped at once.
    pub(super) async fn start_reaping() -> Self {
        let world = Self::start_with("us-east-1", Duration::ZERO).await;
        world.put("/bucket", &[], "").await.expect(200);
        world
    }

    /// Without buckets.
    pub(super) async fn start_in(region: &str) -> Self {
        Self::start_with(region, Duration::from_secs(300)).await
    }

    async fn start_with(region: &str, reap_delay: Duration) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let location = Location { url: "local:8080".into(), public_url: "local:8080".into() };
        let volumes = VolumeServer::open(volume_server::Settings {
            durability: Durability::Memory,
            min_free_bytes: 0,
            ..volume_server::Settings::new(vec![dir.path().join("volumes")], location.clone())
        });
        let volumes = volumes.await.expect("a volume server");
        let servers = Servers::default().with_local(&location, volumes.clone());
        let settings = master::Settings {
            warm_up: Duration::ZERO,
            volume_size_limit_bytes: 64 << 20,
            ..master::Settings::new(dir.path().join("master"), "local:9333")
        };
        let master = Master::open(settings, servers.clone()).await.expect("a master");
        master.heartbeat(volumes.heartbeat()).await.expect("a heartbeat");
        let settings = namespace_embedded::Settings { durability: Durability::Memory, ..Default::default() };
        let store = EmbeddedStore::open(&dir.path().join("namespace"), &settings).expect("a store");
        let settings = objects::Settings { chunk_bytes: 1 << 20, reap_delay, ..Default::default() };
        let objects = Objects::new(Namespace::new(Arc::new(store), 1), master.clone(), servers, settings);
        let service = Service::new(Operations::new(objects, region), NoHostIsABucket);
        Self { service, _master: master, _volumes: volumes, _dir: dir }
    }

    pub(super) async fn get(&self, uri: &str, headers: &[(&str, &str)]) -> Answer {
        self.call(Method::GET, uri, headers, "").await
    }

    pub(super) async fn head(&self, uri: &str, headers: &[(&str, &str)]) -> Answer {
        self.call(Method::HEAD, uri, headers, "").await
    }

    pub(super) async fn put(&self, uri: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.call(Method::PUT, uri, headers, body).await
    }

    pub(super) async fn post(&self, uri: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        self.call(Method::POST, uri, headers, body).await
    }

    pub(super) async fn delete(&self, uri: &str, headers: &[(&str, &str)]) -> Answer {
        self.call(Method::DELETE, uri, headers, "").await
    }

    pub(super) async fn call(
        &self,
        method: Method,
        uri: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        self.send(request(method, uri, headers, body.into())).await
    }

    /// A request whose checksum comes after its body.
    pub(super) async fn put_with_trailer(
        &self,
        uri: &str,
        name: &str,
        value: Option<&str>,
        body: &str,
    ) -> Answer {
        let name = HeaderName::try_from(name).expect("a name");
        let trailers = Trailers::announced([name.clone()]);
        if let (Some(value), Some(cell)) = (value, trailers.cell(name.as_str())) {
            cell.set(value.to_owned()).expect("an empty cell");
        }
        let mut request = request(Method::PUT, uri, &[], Bytes::copy_from_slice(body.as_bytes()));
        request.extensions_mut().insert(trailers);
        self.send(request).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.service.call(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

fn request(method: Method, uri: &str, headers: &[(&str, &str)], body: Bytes) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(uri);
    if !headers.iter().any(|(name, _)| *name == "content-length") {
        request = request.header("content-length", body.len());
    }
    for (name, value) in headers {
        request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
    }
    let caller = Caller { account: AccountId("owner-id".into()), display_name: "owner".into() };
    request.extension(caller).body(Body::from(body)).expect("a request")
}

impl Answer {
    /// Of this status, or the test fails with what it is.
    #[track_caller]
    pub(super) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}\n{:?}", self.text(), self.headers);
        self
    }

    /// An error of this code, with a message.
    #[track_caller]
    pub(super) fn expect_error(self, status: u16, code: &str) {
        let answer = self.expect(status);
        assert_eq!(answer.element("Code").as_deref(), Some(code), "{}", answer.text());
        assert!(answer.element("Message").is_some_and(|message| !message.is_empty()), "{}", answer.text());
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's text, empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    /// The text of the first element of this name.
    pub(super) fn element(&self, name: &str) -> Option<String> {
        self.elements(name).into_iter().next()
    }

    /// The texts of all elements of this name.
    pub(super) fn elements(&self, name: &str) -> Vec<String> {
        let text = self.text();
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        text.split(&open)
            .skip(1)
            .filter_map(|rest| rest.split_once(&close))
            .map(|(text, _)| text.replace("&quot;", "\"").replace("&amp;", "&"))
            .collect()
    }
}
