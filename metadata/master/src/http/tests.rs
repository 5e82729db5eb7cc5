//! The shapes of weed's API, against a real listener.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Method, Request, StatusCode, header};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use protocol::{Assignment, HttpClient, HttpMaster, Volumes as _, wire::AssignAnswer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use types::{FileId, VolumeId};

use crate::{
    Master,
    tests::{Fixture, at, beat, heartbeat, report},
};

struct Door {
    fixture: Fixture,
    address: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    #[track_caller]
    fn json(&self) -> Value {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/json");
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

async fn listen(master: &Arc<Master>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("an address").to_string();
    let router = super::router(Arc::clone(master));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

impl Door {
    async fn open() -> Self {
        Self::to(Fixture::with_server().await).await
    }

    async fn to(fixture: Fixture) -> Self {
        let address = listen(&fixture.master).await;
        Self { fixture, address, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    async fn send(&self, method: Method, path: &str, content_type: &str, body: impl Into<Bytes>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header(header::CONTENT_TYPE, content_type)
            .body(Full::new(body.into()))
            .expect("a request");
        let (parts, body) = self.client.request(request).await.expect("an answer").into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).expect("text"),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "", "").await
    }

    async fn check_refused(&self, path: &str, status: u16, hint: &str) {
        let answer = self.get(path).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        let error = answer.json()["error"].as_str().expect("an error").to_owned();
        assert!(error.contains(hint), "{path}: {error}");
    }
}

#[tokio::test]
async fn conforms_over_http() {
    let door = Door::to(Fixture::new().await).await;
    let client = HttpMaster::new(door.address.clone(), HttpClient::default());
    protocol::conformance::master(Arc::new(client), at("volume:8080")).await;
}

#[tokio::test]
async fn assign() {
    let door = Door::open().await;
    let answer = door.get("/dir/assign").await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    assert_eq!(json["count"], 1);
    assert_eq!(json["url"], "volume:8080");
    assert_eq!(json["publicUrl"], "public.volume:8080");
    assert!(json["fid"].as_str().expect("a fid").starts_with("1,"), "{json}");
    assert!(!answer.body.contains('\n'));

    let answer = door.get("/dir/assign?count=5&collection=pics&replication=000&ttl=3m&pretty=y").await;
    assert!(answer.body.contains("\n  \"count\": 5"), "{}", answer.body);
    let again = door.send(Method::POST, "/dir/assign?collection=pics&ttl=3m", "", "").await;
    let lease = |answer: &Answer| {
        let answer: AssignAnswer = serde_json::from_str(&answer.body).expect("an assignment");
        Assignment::try_from(answer).expect("a fid")
    };
    let (first, second) = (lease(&answer), lease(&again));
    assert_eq!(first.volume, second.volume);
    assert_eq!(first.first_key.0 + 5, second.first_key.0);
    assert_ne!(first.cookie, second.cookie);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_clearly() {
    let door = Door::open().await;
    door.check_refused("/dir/assign?count=0", 400, "count").await;
    door.check_refused("/dir/assign?count=-1", 400, "count").await;
    door.check_refused("/dir/assign?count=99999999999", 400, "count").await;
    door.check_refused("/dir/assign?count=many", 400, "count").await;
    door.check_refused("/dir/assign?collection=a/b", 400, "collection").await;
    door.check_refused("/dir/assign?replication=003", 400, "placement").await;
    door.check_refused("/dir/assign?ttl=3x", 400, "ttl").await;
    door.check_refused("/dir/assign?dataCenter=dc1", 400, "dataCenter").await;
    door.check_refused("/dir/assign?collection=%FF", 400, "").await;
    door.check_refused("/dir/lookup", 400, "volumeId").await;
    door.check_refused("/dir/lookup?volumeId=x", 400, "volumeId").await;
    door.check_refused("/vol/grow?count=0", 400, "count").await;
    door.check_refused("/3,xyz", 400, "file id").await;
    door.check_refused("/favicon.ico", 404, "no such page").await;
    door.check_refused("/a/b/c", 404, "no such page").await;
    door.check_refused("/submit", 405, "method").await;
    let text = "Cannot grow volume group! Not enough data node found!";
    door.check_refused("/dir/assign?replication=100", 406, text).await;
    let answer = door.send(Method::POST, "/cluster/heartbeat", "application/json", "{}").await;
    assert_eq!(answer.status, 400);
    assert!(answer.json()["error"].as_str().expect("an error").contains("location"));
}

#[tokio::test]
async fn lookup() {
    let door = Door::open().await;
    beat(&door.fixture.master, "volume:8080", vec![report(3, "", 7)]).await;
    let expected = json!({
        "volumeId": "3",
        "locations": [{"url": "volume:8080", "publicUrl": "public.volume:8080"}],
    });
    for query in ["volumeId=3", "volumeId=3,01637037d6", "fileId=3,01637037d6"] {
        assert_eq!(door.get(&format!("/dir/lookup?{query}")).await.json(), expected, "{query}");
    }
    let missing = door.get("/dir/lookup?volumeId=9").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json()["error"], "volume id 9 not found");
    assert_eq!(missing.json()["volumeId"], "9");
}

#[tokio::test]
async fn a_fid_leads_to_the_copies_in_turn() {
    let door = Door::open().await;
    for url in ["volume:8080", "volume:8081"] {
        let copied =
            protocol::VolumeReport { placement: "001".parse().expect("a placement"), ..report(6, "", 7) };
        beat(&door.fixture.master, url, vec![copied]).await;
    }
    let mut places = Vec::new();
    for _ in 0..4 {
        let answer = door.get("/6,01fc4a422c.jpg?width=10").await;
        assert_eq!(answer.status, 301);
        assert!(answer.body.contains("Moved Permanently"), "{}", answer.body);
        places.push(answer.headers[header::LOCATION].to_str().expect("text").to_owned());
    }
    assert_ne!(places[0], places[1]);
    assert_eq!(places[..2], places[2..]);
    assert!(places.contains(&"http://public.volume:8081/6,01fc4a422c?width=10".to_owned()), "{places:?}");
    let head = door.send(Method::HEAD, "/6,01fc4a422c", "", "").await;
    assert_eq!(head.status, 301);
    door.check_refused("/9,01fc4a422c", 404, "volume id 9 not found").await;
}

#[tokio::test]
async fn grow() {
    let door = Door::open().await;
    assert_eq!(door.get("/vol/grow?collection=c&count=4").await.json(), json!({"count": 4}));
    assert_eq!(door.fixture.volumes.allocated().len(), 4);
    let json = door.get("/dir/status").await.json();
    let expected = json!([{"collection": "c", "replication": "000", "ttl": "", "writables": [1, 2, 3, 4]}]);
    assert_eq!(json["Topology"]["layouts"], expected);
    assert_eq!(door.get("/vol/grow?dataCenter=DefaultDataCenter").await.json(), json!({"count": 1}));
    let partly = door.get("/vol/grow?count=200").await;
    assert_eq!(partly.status, 406);
    assert_eq!(partly.json()["count"], 95, "100 slots, 5 taken");
    assert!(
        partly.json()["error"]
            .as_str()
            .expect("an error")
            .starts_with("No writable volumes and no free volumes")
    );
    door.check_refused("/vol/grow?dataCenter=nowhere", 406, "Not enough data node found").await;
}

#[tokio::test]
async fn status() {
    let door = Door::open().await;
    let far = protocol::Heartbeat {
        data_center: "dc1".to_owned(),
        rack: "r1".to_owned(),
        max_volumes: 7,
        ..heartbeat("far:8080", vec![report(5, "c", 7)])
    };
    let body = serde_json::to_vec(&far).expect("json");
    let answer = door.send(Method::POST, "/cluster/heartbeat", "application/json", body).await;
    assert_eq!(answer.json(), json!({"volume_size_limit_bytes": 30_000_u64 << 20}));

    let topology = door.get("/dir/status").await.json();
    assert_eq!(
        topology["Topology"]["DataCenters"],
        json!([
            {"Id": "DefaultDataCenter", "Free": 100, "Max": 100, "Racks": [
                {"Id": "DefaultRack", "Free": 100, "Max": 100, "DataNodes": [
                    {"Url": "volume:8080", "PublicUrl": "public.volume:8080", "Free": 100, "Max": 100, "Volumes": 0}]}]},
            {"Id": "dc1", "Free": 6, "Max": 7, "Racks": [
                {"Id": "r1", "Free": 6, "Max": 7, "DataNodes": [
                    {"Url": "far:8080", "PublicUrl": "public.far:8080", "Free": 6, "Max": 7, "Volumes": 1}]}]},
        ])
    );
    assert_eq!(topology["Topology"]["Max"], 107);
    assert!(topology["Version"].as_str().expect("text").starts_with("holdfast "));

    let cluster = door.get("/cluster/status?pretty=y").await;
    assert!(cluster.body.contains("\n  \"IsLeader\": true"), "{}", cluster.body);
    let json = cluster.json();
    assert_eq!((&json["Leader"], &json["Peers"]), (&json!("master:9333"), &json!([])));
    assert_eq!(json["MaxVolumeId"], 5);
    assert_eq!(json["ClusterId"].as_str().expect("text").len(), 32);

    assert_eq!(door.get("/livez").await.status, 200);
    assert_eq!(door.get("/readyz").await.status, 200);
    door.fixture.master.close().await;
    assert_eq!(door.get("/livez").await.status, 200);
    let unready = door.get("/readyz").await;
    assert_eq!(unready.status, 503);
    assert!(!unready.body.is_empty());
    let unavailable = door.get("/vol/grow").await;
    assert_eq!(unavailable.status, 503, "{}", unavailable.body);
}

#[tokio::test]
async fn submit() {
    let door = Door::open().await;
    let form = "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"hello.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nhello\r\n--XX--\r\n";
    let answer =
        door.send(Method::POST, "/submit?collection=c", "multipart/form-data; boundary=XX", form).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let json = answer.json();
    let fid: FileId = json["fid"].as_str().expect("text").parse().expect("a fid");
    assert_eq!(json["fileUrl"], format!("public.volume:8080/{fid}"));
    assert_eq!((&json["fileName"], &json["size"]), (&json!("hello.txt"), &json!(5)));
    assert_eq!(json["eTag"], "9a71bb4c", "CRC-32C of hello");
    let stored = door.fixture.volumes.read(fid).await.expect("reads").needle;
    assert_eq!(
        (&*stored.data, stored.name.as_str(), stored.mime.as_str()),
        (&b"hello"[..], "hello.txt", "text/plain")
    );

    let answer = door.send(Method::PUT, "/submit?ttl=3m", "image/png", "raw").await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let fid: FileId = answer.json()["fid"].as_str().expect("text").parse().expect("a fid");
    let stored = door.fixture.volumes.read(fid).await.expect("reads").needle;
    assert_eq!(
        (&*stored.data, stored.mime.as_str(), stored.ttl.to_string().as_str()),
        (&b"raw"[..], "image/png", "3m")
    );
    assert_ne!(fid.volume, VolumeId(1), "another TTL, another volume");

    let cut = door.send(Method::POST, "/submit", "multipart/form-data; boundary=XX", "--XX\r\nno end").await;
    assert_eq!(cut.status, 400);
    assert!(cut.json()["error"].as_str().expect("text").starts_with("multipart"));
    let nowhere = door.send(Method::POST, "/submit?replication=200", "", "x").await;
    assert_eq!(nowhere.status, 406, "{}", nowhere.body);
}
