//! What clients make of servers that are gone, slow, broken or not what they should be.

use std::time::Duration;

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use types::{Cookie, FileId, NeedleKey, VolumeId};

use super::*;
use crate::{
    AssignError, AssignRequest, DeleteError, LookupError, Master, NewNeedle, ReadError, Volumes, WriteError,
    wire,
};

const FID: FileId = FileId { volume: VolumeId(3), key: NeedleKey(1), cookie: Cookie(7) };

/// Answers every connection with these bytes, once it has read a request's head, and closes it.
async fn canned(answer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = listener.local_addr().expect("has an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 16 << 10];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    address
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

fn quick() -> HttpClient {
    HttpClient::new(HttpSettings {
        connect_timeout: Duration::from_secs(2),
        request_timeout: Duration::from_millis(300),
        max_needle_bytes: 1000,
    })
}

async fn volumes(answer: String) -> HttpVolumes {
    HttpVolumes::new(canned(answer).await, quick())
}

/// The answer to an exact read of `data`, under the checksum of `summed`.
fn needle_answer(data: &str, summed: &str) -> String {
    let head = wire::needle_header(&NewNeedle::default()).expect("a header");
    let head = head.to_str().expect("ascii");
    let etag = wire::etag(wire::crc_of(summed.as_bytes()));
    answer("200 OK", &format!("etag: {etag}\r\nx-holdfast-needle: {head}\r\n"), data)
}

#[track_caller]
fn check_unavailable(result: Result<crate::StoredNeedle, ReadError>, hint: &str) {
    match result {
        Err(ReadError::Unavailable { reason, .. }) => assert!(reason.contains(hint), "{reason}"),
        other => panic!("{other:?} instead of unavailable: {hint}"),
    }
}

#[tokio::test]
async fn a_strangers_404_is_not_an_absent_needle() {
    let stranger = volumes(answer("404 Not Found", "", "<h1>nginx</h1>")).await;
    check_unavailable(stranger.read(FID).await, "nginx");
    let delete = stranger.delete(FID).await;
    assert!(matches!(delete, Err(DeleteError::Unavailable { .. })), "{delete:?}");
    let master = HttpMaster::new(canned(answer("404 Not Found", "", "{}")).await, quick());
    let lookup = master.lookup(VolumeId(3)).await;
    assert!(matches!(lookup, Err(LookupError::Unavailable(_))), "{lookup:?}");
}

#[tokio::test]
async fn a_needle_is_read_and_checked() {
    let good = volumes(needle_answer("meow", "meow")).await;
    assert_eq!(good.read(FID).await.expect("reads").needle.data, "meow");
    let damaged = volumes(needle_answer("meow", "woof")).await.read(FID).await;
    assert!(matches!(damaged, Err(ReadError::Corrupt { .. })), "{damaged:?}");
    check_unavailable(volumes(answer("200 OK", "", "meow")).await.read(FID).await, "without a checksum");
    let cut = needle_answer("meow", "meow").replace("content-length: 4", "content-length: 5");
    check_unavailable(volumes(cut).await.read(FID).await, "");
}

#[tokio::test]
async fn answers_are_bounded() {
    let long = needle_answer(&"x".repeat(1001), "");
    check_unavailable(volumes(long).await.read(FID).await, "larger than 1000 bytes");
    let unannounced = needle_answer(&"x".repeat(5000), "").replace("content-length: 5000\r\n", "");
    check_unavailable(volumes(unannounced).await.read(FID).await, "larger than 1000 bytes");
}

#[tokio::test]
async fn the_unreachable_are_unavailable() {
    let free = TcpListener::bind("127.0.0.1:0").await.expect("binds").local_addr().expect("an address");
    check_unavailable(HttpVolumes::new(free.to_string(), quick()).read(FID).await, "refused");
    check_unavailable(HttpVolumes::new("no address", quick()).read(FID).await, "no address");
    check_unavailable(volumes("not HTTP at all\r\n\r\n".into()).await.read(FID).await, "");

    let silent = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let address = silent.local_addr().expect("an address").to_string();
    check_unavailable(HttpVolumes::new(address, quick()).read(FID).await, "no answer within 300ms");
}

#[tokio::test]
async fn an_acknowledgement_names_what_was_stored() {
    let ack = |summed: &str, durability: &str| {
        let etag = wire::etag(wire::crc_of(summed.as_bytes()));
        answer("201 Created", &format!("etag: {etag}\r\nx-holdfast-durability: {durability}\r\n"), "{}")
    };
    let needle = || NewNeedle { data: Bytes::from_static(b"meow"), ..NewNeedle::default() };
    volumes(ack("meow", "disk")).await.write(FID, needle()).await.expect("is acknowledged");
    for other in [ack("woof", "disk"), ack("meow", "paper"), answer("201 Created", "", "{}")] {
        let error = volumes(other).await.write(FID, needle()).await;
        assert!(matches!(error, Err(WriteError::Unavailable { .. })), "{error:?}");
    }
    let large = NewNeedle { data: vec![0; 1001].into(), ..NewNeedle::default() };
    let error = volumes(ack("", "disk")).await.write(FID, large).await;
    assert!(matches!(error, Err(WriteError::TooLarge { .. })), "{error:?}");
}

#[tokio::test]
async fn a_masters_answer_must_hold_what_was_asked() {
    let request = AssignRequest {
        count: 2,
        collection: "".parse().expect("a collection"),
        placement: "000".parse().expect("a placement"),
        ttl: types::Ttl::NEVER,
    };
    let assigned = |json: &str| canned(answer("200 OK", "", json));
    let good = r#"{"fid":"3,01637037d6","url":"a:1","publicUrl":"b:1","count":2}"#;
    let lease = HttpMaster::new(assigned(good).await, quick()).assign(&request).await.expect("assigns");
    assert_eq!(lease.first().to_string(), "3,01637037d6");
    for bad in [good.replace(":2}", ":1}"), good.replace("3,01", "3,"), good.replace("a:1", ""), "[]".into()]
    {
        let error = HttpMaster::new(assigned(&bad).await, quick()).assign(&request).await;
        assert!(matches!(error, Err(AssignError::Unavailable(_))), "{bad}: {error:?}");
    }
    let nowhere = assigned(r#"{"volumeId":"3","locations":[]}"#).await;
    let error = HttpMaster::new(nowhere, quick()).lookup(VolumeId(3)).await;
    assert!(matches!(error, Err(LookupError::Unavailable(_))), "{error:?}");
}
