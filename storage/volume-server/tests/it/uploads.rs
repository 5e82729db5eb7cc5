use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use http::Method;
use serde_json::json;

use crate::support::Fixture;

#[tokio::test]
async fn a_form_is_stored_with_its_name_and_type() {
    let fixture = Fixture::start().await;
    let posted = fixture.post_form("/3,01637037d6", "cat.jpg", "image/jpeg", b"meow").await;
    posted.assert_status(201);
    let answer = posted.json();
    assert_eq!(answer, json!({"name": "cat.jpg", "size": 4, "eTag": answer["eTag"], "mime": "image/jpeg"}));
    assert_eq!(posted.header("etag"), Some(&*format!("\"{}\"", answer["eTag"].as_str().expect("a text"))));
    assert_eq!(posted.header("x-holdfast-durability"), Some("disk"));

    let got = fixture.get("/3,01637037d6").await;
    assert_eq!((got.status.as_u16(), &*got.body), (200, &b"meow"[..]));
    assert_eq!(got.header("content-type"), Some("image/jpeg"));
    assert_eq!(got.header("content-disposition"), Some("inline; filename=\"cat.jpg\""));
    assert_eq!(got.header("etag"), posted.header("etag"));
}

#[tokio::test]
async fn every_url_form_reaches_the_needle() {
    let fixture = Fixture::start().await;
    fixture.put("/3/01637037d6/name.txt", "by slash").await.assert_status(201);
    for path in
        ["/3,01637037d6", "/3,01637037d6.jpg", "/3/01637037d6", "/3/01637037d6.jpg", "/3/01637037d6/x.jpg"]
    {
        let got = fixture.get(path).await;
        assert_eq!((got.status.as_u16(), &*got.body), (200, &b"by slash"[..]), "{path}");
        assert_eq!(got.header("content-disposition"), Some("inline; filename=\"name.txt\""), "{path}");
    }
    fixture.put("/3,01637037d6_2", "third of a batch").await.assert_status(201);
    assert_eq!(fixture.get("/3,03637037d6").await.body, "third of a batch");
}

#[tokio::test]
async fn a_bare_body_is_stored_as_it_is() {
    let fixture = Fixture::start().await;
    let headers =
        [("content-type", "image/png"), ("content-disposition", "attachment; filename=\"dög.png\"")];
    fixture.send(Method::PUT, "/3,01637037d6", &headers, "woof").await.assert_status(201);
    let got = fixture.get("/3,01637037d6").await;
    assert_eq!(got.header("content-type"), Some("image/png"));
    assert_eq!(got.header("content-disposition"), Some("inline; filename*=UTF-8''d%C3%B6g.png"));

    // What curl says of any data says nothing of it.
    let curl = [("content-type", "application/x-www-form-urlencoded")];
    fixture.send(Method::POST, "/3,02637037d6", &curl, "a=b").await.assert_status(201);
    let got = fixture.get("/3,02637037d6").await;
    assert_eq!((&*got.body, got.header("content-type")), (&b"a=b"[..], Some("application/octet-stream")));

    fixture.put("/3,03637037d6", "").await.assert_status(201);
    fixture.get("/3,03637037d6").await.assert_status(200);
}

#[tokio::test]
async fn the_same_again_is_204_and_other_data_overwrites() {
    let fixture = Fixture::start().await;
    let first = fixture.put("/3,01637037d6", "one").await;
    first.assert_status(201);
    let again = fixture.put("/3,01637037d6", "one").await;
    again.assert_status(204);
    assert_eq!((again.header("etag"), again.body.len()), (first.header("etag"), 0));
    fixture.put("/3,01637037d6", "two").await.assert_status(201);
    assert_eq!(fixture.get("/3,01637037d6").await.body, "two");
}

#[tokio::test]
async fn text_is_packed_where_that_wins() {
    let fixture = Fixture::start().await;
    let text = "the quick brown fox. ".repeat(500);
    let posted = fixture.post_form("/3,01637037d6", "fox.txt", "text/plain", text.as_bytes()).await;
    assert_eq!(posted.assert_status(201).json()["size"], text.len(), "the size is the client's");

    let packed = fixture.get_with("/3,01637037d6", &[("accept-encoding", "gzip, br")]).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.header("vary"), Some("Accept-Encoding"));
    assert!(packed.body.len() < text.len() / 10);
    let plain = fixture.get("/3,01637037d6").await;
    assert_eq!((plain.header("content-encoding"), &*plain.body), (None, text.as_bytes()));

    // The same text again is the same needle, however it travels.
    fixture.post_form("/3,01637037d6", "fox.txt", "text/plain", text.as_bytes()).await.assert_status(204);

    fixture.post_form("/3,02637037d6", "fox.jpg", "image/jpeg", text.as_bytes()).await.assert_status(201);
    let picture = fixture.get_with("/3,02637037d6", &[("accept-encoding", "gzip")]).await;
    assert_eq!((picture.header("content-encoding"), picture.body.len()), (None, text.len()));
}

#[tokio::test]
async fn what_comes_packed_stays_packed() {
    let fixture = Fixture::start().await;
    let packed = gzip(b"packed by the client");
    let headers = [("content-encoding", "gzip"), ("content-type", "text/plain")];
    let put = fixture.send(Method::PUT, "/3,01637037d6", &headers, packed.clone()).await;
    assert_eq!(put.assert_status(201).json()["size"], 20);
    let got = fixture.get_with("/3,01637037d6", &[("accept-encoding", "gzip")]).await;
    assert_eq!(got.body, packed);
    assert_eq!(fixture.get("/3,01637037d6").await.body, "packed by the client");
}

#[tokio::test]
async fn pairs_come_back() {
    let fixture = Fixture::start().await;
    let headers = [("Seaweed-Bucket", "b"), ("seaweed-key", "k/1"), ("x-other", "x")];
    fixture.send(Method::PUT, "/3,01637037d6", &headers, "p").await.assert_status(201);
    let got = fixture.get("/3,01637037d6").await;
    assert_eq!((got.header("seaweed-bucket"), got.header("seaweed-key")), (Some("b"), Some("k/1")));
    assert_eq!(got.header("x-other"), None);
}

#[tokio::test]
async fn ts_is_the_time_of_the_needle() {
    let fixture = Fixture::start().await;
    fixture.put("/3,01637037d6?ts=784111777", "dated").await.assert_status(201);
    let got = fixture.get("/3,01637037d6").await;
    assert_eq!(got.header("last-modified"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    fixture.put("/3,02637037d6", "undated").await.assert_status(201);
    assert!(fixture.get("/3,02637037d6").await.header("last-modified").is_some());
}

#[tokio::test]
async fn ttl_is_the_life_of_the_needle() {
    use protocol::Volumes;

    let fixture = Fixture::start().await;
    fixture.put("/3,01637037d6?ttl=3m", "short").await.assert_status(201);
    let stored = fixture.server.read("3,01637037d6".parse().expect("a fid")).await.expect("reads");
    assert_eq!(stored.needle.ttl.to_string(), "3m");
}

#[tokio::test]
async fn content_md5_is_checked() {
    let fixture = Fixture::start().await;
    let right = [("content-md5", "SkvkDJasYxTpHZPzgEOmNA==")];
    fixture.send(Method::PUT, "/3,01637037d6", &right, "meow").await.assert_status(201);
    fixture.send(Method::PUT, "/3,02637037d6", &right, "woof").await.assert_refused(400, "Content-MD5");
    fixture.assert_absent("/3,02637037d6").await;
}

#[tokio::test]
async fn pretty_indents() {
    let fixture = Fixture::start().await;
    let put = fixture.put("/3,01637037d6?pretty=y", "x").await;
    assert!(put.body.starts_with(b"{\n  \""), "{put:?}");
    let refused = fixture.put("/3,0163?pretty=y", "x").await;
    assert!(refused.body.starts_with(b"{\n  \"error\""), "{refused:?}");
}

pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).expect("packs");
    encoder.finish().expect("packs")
}
