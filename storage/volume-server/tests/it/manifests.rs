use std::sync::Arc;

use protocol::{
    AssignError, AssignRequest, Assignment, Heartbeat, HeartbeatReply, Location, LookupError, Master,
    MasterError,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use types::VolumeId;

use crate::{
    ranges::parts,
    support::{Fixture, Reply},
};

const PATH: &str = "/3,0a637037d6";

/// Stores the chunks and a manifest of them.
async fn store(fixture: &Fixture, chunks: &[(&str, &str)]) -> Reply {
    let (mut listed, mut offset) = (Vec::new(), 0);
    for (fid, data) in chunks {
        listed.push(json!({"fid": fid, "offset": offset, "size": data.len()}));
        offset += data.len();
    }
    let manifest = json!({"name": "all.txt", "mime": "text/plain", "size": offset, "chunks": listed});
    fixture.put(&format!("{PATH}?cm=true"), manifest.to_string()).await
}

async fn three_chunks() -> Fixture {
    let fixture = Fixture::start().await;
    let chunks = [("3,01637037d6", "0123"), ("3,02637037d6", "456"), ("3,03637037d6", "789")];
    for (fid, data) in chunks {
        fixture.put(&format!("/{fid}"), data).await.assert_status(201);
    }
    store(&fixture, &chunks).await.assert_status(201);
    fixture
}

#[tokio::test]
async fn a_manifest_answers_as_what_it_stands_for() {
    let fixture = three_chunks().await;
    let whole = fixture.get(PATH).await;
    assert_eq!((whole.status.as_u16(), &*whole.body), (200, &b"0123456789"[..]));
    assert_eq!(whole.header("content-type"), Some("text/plain"));
    assert_eq!(whole.header("content-length"), Some("10"));
    let head = fixture.send(http::Method::HEAD, PATH, &[], "").await;
    assert_eq!(head.header("content-length"), Some("10"));

    let part = fixture.get_with(PATH, &[("range", "bytes=3-7")]).await;
    assert_eq!((part.status.as_u16(), &*part.body), (206, &b"34567"[..]));
    let many = fixture.get_with(PATH, &[("range", "bytes=0-0,3-4,-1")]).await;
    let data: Vec<_> = parts(&many).into_iter().map(|(_, data)| data).collect();
    assert_eq!(data, ["0", "34", "9"]);

    let raw = fixture.get(&format!("{PATH}?cm=false")).await;
    assert_eq!(raw.json()["chunks"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn chunks_may_be_packed() {
    let fixture = Fixture::start().await;
    let text = "packed ".repeat(100);
    fixture.post_form("/3,01637037d6", "a.txt", "text/plain", text.as_bytes()).await.assert_status(201);
    fixture.put("/3,02637037d6", "end").await.assert_status(201);
    store(&fixture, &[("3,01637037d6", &text), ("3,02637037d6", "end")]).await.assert_status(201);
    assert_eq!(fixture.get(PATH).await.body, format!("{text}end"));
}

#[tokio::test]
async fn deleting_a_manifest_deletes_its_chunks() {
    let fixture = three_chunks().await;
    fixture.delete("/3,02637037d6").await.assert_status(202); // one is gone already: no reason to stop
    let deleted = fixture.delete(PATH).await;
    assert_eq!((deleted.status.as_u16(), deleted.json()), (202, json!({"size": 10})));
    for path in [PATH, "/3,01637037d6", "/3,02637037d6", "/3,03637037d6"] {
        fixture.assert_absent(path).await;
    }
}

#[tokio::test]
async fn a_manifest_alone_can_be_deleted() {
    let fixture = three_chunks().await;
    fixture.delete(&format!("{PATH}?cm=false")).await.assert_status(202);
    fixture.assert_absent(PATH).await;
    assert_eq!(fixture.get("/3,01637037d6").await.body, "0123");
}

#[tokio::test]
async fn a_missing_or_changed_chunk_is_an_error_not_an_absence() {
    let fixture = three_chunks().await;
    fixture.delete("/3,01637037d6").await.assert_status(202);
    fixture.get(PATH).await.assert_refused(500, "not found");
    fixture.put("/3,01637037d6", "other size").await.assert_status(201);
    fixture.get(PATH).await.assert_refused(500, "its manifest says 4");
    // Past the first chunk the answer has begun: it must break off, not end early.
    let late = fixture.get_with(PATH, &[("range", "bytes=4-9")]).await;
    assert_eq!(late.body, "456789");
    fixture.delete("/3,03637037d6").await.assert_status(202);
    let broken = tokio::spawn(async move { fixture.get_with(PATH, &[("range", "bytes=4-9")]).await }).await;
    assert!(broken.is_err(), "a whole answer without its last chunk: {broken:?}");
}

/// Says that every volume is at one place.
struct Signpost(Location);

#[async_trait::async_trait]
impl Master for Signpost {
    async fn assign(&self, _: &AssignRequest) -> Result<Assignment, AssignError> {
        Err(AssignError::Unavailable("a signpost".into()))
    }

    async fn lookup(&self, volume: VolumeId) -> Result<Vec<Location>, LookupError> {
        match volume.0 {
            4 => Ok(vec![self.0.clone()]),
            _ => Err(LookupError::NotFound(volume)),
        }
    }

    async fn heartbeat(&self, _: Heartbeat) -> Result<HeartbeatReply, MasterError> {
        Ok(HeartbeatReply { volume_size_limit_bytes: 1 })
    }
}

#[tokio::test]
async fn chunks_on_other_servers_are_found_through_the_master() {
    let (here, there) = (Fixture::start().await, Fixture::start().await);
    there.allocate(4, "", "").await;
    there.put("/4,01637037d6", "afar").await.assert_status(201);
    here.put("/3,01637037d6", "near").await.assert_status(201);
    store(&here, &[("3,01637037d6", "near"), ("4,01637037d6", "afar")]).await.assert_status(201);

    let at = Location { url: there.address.clone(), public_url: there.address.clone() };
    let stop = CancellationToken::new();
    let beats = tokio::spawn(Arc::clone(&here.server).run_heartbeats(Arc::new(Signpost(at)), stop.clone()));
    here.until_ready().await;
    assert_eq!(here.get(PATH).await.body, "nearafar");
    here.delete(PATH).await.assert_status(202);
    there.assert_absent("/4,01637037d6").await;
    stop.cancel();
    beats.await.expect("stops");
}
