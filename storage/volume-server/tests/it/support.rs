//! A server on a free port, and a client that shows every byte of an answer.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use protocol::{AllocateVolume, Location, Volumes};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use types::VolumeId;
use volume_server::{Settings, VolumeServer};

pub(crate) struct Fixture {
    pub(crate) dir: TempDir,
    pub(crate) server: Arc<VolumeServer>,
    pub(crate) address: String,
    client: Client<HttpConnector, Full<Bytes>>,
    serving: JoinHandle<()>,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Fixture {
    /// A server with volume 3, made by the default settings.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A server with volume 3.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let fixture = Self::start_in(tempfile::tempdir().expect("a directory"), change).await;
        fixture.allocate(3, "", "").await;
        fixture
    }

    /// A server of the volumes in `dir`.
    pub(crate) async fn start_in(dir: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("has an address").to_string();
        let mut settings = settings(dir.path(), &address);
        change(&mut settings);
        let server = VolumeServer::open(settings).await.expect("opens");
        let router = server.router();
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serves");
        });
        let client = Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { dir, server, address, client, serving }
    }

    /// Closes the server, and opens another one in the same directory.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Settings)) -> Self {
        self.server.close().await;
        self.serving.abort();
        Self::start_in(self.dir, change).await
    }

    pub(crate) async fn allocate(&self, id: u32, collection: &str, ttl: &str) {
        let volume = AllocateVolume {
            id: VolumeId(id),
            collection: collection.parse().expect("a collection"),
            placement: types::Placement::SINGLE,
            ttl: ttl.parse().expect("a ttl"),
        };
        self.server.allocate(volume).await.expect("makes a volume");
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let uri = format!("http://{}{path}", self.address);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        let (head, body) = self.client.request(request).await.expect("answers").into_parts();
        let body = body.collect().await.expect("a whole answer").to_bytes();
        Reply { status: head.status, headers: head.headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    pub(crate) async fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        self.send(Method::GET, path, headers, "").await
    }

    pub(crate) async fn put(&self, path: &str, body: impl Into<Bytes>) -> Reply {
        self.send(Method::PUT, path, &[], body).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(Method::DELETE, path, &[], "").await
    }

    /// Uploads `data` as a browser does.
    pub(crate) async fn post_form(&self, path: &str, name: &str, mime: &str, data: &[u8]) -> Reply {
        let mut body = format!(
            "--bOuNd\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: {mime}\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n--bOuNd--\r\n");
        self.send(Method::POST, path, &[("content-type", "multipart/form-data; boundary=bOuNd")], body).await
    }

    /// Waits until the master takes heartbeats.
    pub(crate) async fn until_ready(&self) {
        for _ in 0..1000 {
            if self.get("/readyz").await.status == StatusCode::OK {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("never ready: {:?}", self.get("/readyz").await);
    }

    /// Nothing was stored under this address.
    pub(crate) async fn assert_absent(&self, path: &str) {
        let reply = self.get(path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path} was to leave nothing: {reply:?}");
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("a text"))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn assert_status(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// A refusal says why, in JSON.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, hint: &str) {
        self.assert_status(status);
        let error = self.json()["error"].as_str().expect("an error text").to_owned();
        assert!(error.contains(hint), "{error:?} does not mention {hint:?}");
    }
}

pub(crate) fn settings(dir: &Path, address: &str) -> Settings {
    let location = Location { url: address.to_owned(), public_url: address.to_owned() };
    Settings { min_free_bytes: 0, max_volumes: Some(100), ..Settings::new(vec![dir.to_owned()], location) }
}
