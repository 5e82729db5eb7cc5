//! Bad input gets a clear answer and leaves nothing behind.

use std::time::Duration;

use http::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::Fixture;

#[tokio::test]
async fn addresses() {
    let fixture = Fixture::start().await;
    for path in ["/3", "/3,0163", "/3,01637037dg", "/3,01637037d6,1", "/99999999999,01637037d6", "/3/"] {
        fixture.get(path).await.assert_refused(400, "file id");
        fixture.put(path, "x").await.assert_refused(400, "file id");
        fixture.delete(path).await.assert_refused(400, "file id");
    }
    fixture.get("/favicon.ico").await.assert_refused(404, "no such path");
    fixture.put("/3/01637037d6/%ff", "x").await.assert_refused(400, "UTF-8");
    fixture.assert_absent("/3,01637037d6").await;
}

#[tokio::test]
async fn unknown_volumes() {
    let fixture = Fixture::start().await;
    fixture.get("/4,01637037d6").await.assert_refused(404, "volume 4 is not on this server");
    fixture.put("/4,01637037d6", "x").await.assert_refused(404, "volume 4 is not on this server");
    fixture.delete("/4,01637037d6").await.assert_refused(404, "volume 4 is not on this server");
}

#[tokio::test]
async fn wrong_cookies() {
    let fixture = Fixture::start().await;
    fixture.put("/3,01637037d6", "kept").await.assert_status(201);
    fixture.get("/3,0100000001").await.assert_refused(404, "not found");
    fixture.put("/3,0100000001", "stolen").await.assert_refused(400, "wrong cookie");
    fixture.delete("/3,0100000001").await.assert_refused(400, "wrong cookie");
    assert_eq!(fixture.get("/3,01637037d6").await.body, "kept");
}

#[tokio::test]
async fn queries() {
    let fixture = Fixture::start().await;
    for query in ["ttl=3x", "ts=now", "cm=maybe"] {
        fixture.put(&format!("/3,01637037d6?{query}"), "x").await.assert_status(400);
    }
    fixture.put("/3,01637037d6?cm=true", "{\"size\":1}").await.assert_refused(400, "chunk manifest");
    fixture.assert_absent("/3,01637037d6").await;
}

#[tokio::test]
async fn forms() {
    let fixture = Fixture::start().await;
    let part = "--B\r\nContent-Disposition: form-data; name=f; filename=a\r\n\r\ndata";
    for (content_type, body) in [
        ("multipart/form-data", format!("{part}\r\n--B--")),
        ("multipart/form-data; boundary=B", part.to_owned()),
        ("multipart/form-data; boundary=B", format!("{part}\r\n--B")),
        ("multipart/form-data; boundary=C", format!("{part}\r\n--B--")),
        ("multipart/form-data; boundary=B", "--B--".to_owned()),
        ("multipart/form-data; boundary=B", String::new()),
    ] {
        let headers = [("content-type", content_type)];
        fixture.send(Method::POST, "/3,01637037d6", &headers, body).await.assert_refused(400, "multipart");
    }
    fixture.assert_absent("/3,01637037d6").await;
}

#[tokio::test]
async fn encodings() {
    let fixture = Fixture::start().await;
    let brotli = [("content-encoding", "br")];
    fixture.send(Method::PUT, "/3,01637037d6", &brotli, "x").await.assert_refused(415, "Content-Encoding");
    let gzip = [("content-encoding", "gzip")];
    fixture.send(Method::PUT, "/3,01637037d6", &gzip, "x").await.assert_refused(400, "gzip data is damaged");
    fixture.assert_absent("/3,01637037d6").await;
}

#[tokio::test]
async fn texts_that_do_not_fit() {
    let fixture = Fixture::start().await;
    let wide = "m".repeat(256);
    let headers = [("content-type", &*wide)];
    fixture.send(Method::PUT, "/3,01637037d6", &headers, "x").await.assert_status(413);
    let heavy = "v".repeat(1 << 16);
    let headers = [("seaweed-key", &*heavy)];
    fixture.send(Method::PUT, "/3,01637037d6", &headers, "x").await.assert_status(413);
    fixture.assert_absent("/3,01637037d6").await;
}

#[tokio::test]
async fn methods() {
    let fixture = Fixture::start().await;
    let reply = fixture.send(Method::PATCH, "/3,01637037d6", &[], "x").await;
    assert_eq!(reply.assert_status(405).header("allow"), Some("GET, HEAD, POST, PUT, DELETE"));
}

#[tokio::test]
async fn a_needle_header_that_is_none() {
    let fixture = Fixture::start().await;
    for header in ["exact", "", "!!!", "e30x"] {
        let headers = [("x-holdfast-needle", header)];
        let reply = fixture.send(Method::PUT, "/3,01637037d6", &headers, "x").await;
        reply.assert_refused(400, "needle header");
    }
    fixture.assert_absent("/3,01637037d6").await;
}

#[tokio::test]
async fn volumes_that_make_no_sense() {
    let fixture = Fixture::start().await;
    for body in ["", "{}", r#"{"id":5,"collection":"a/b","placement":"000","ttl":""}"#] {
        let headers = [("content-type", "application/json")];
        let reply = fixture.send(Method::POST, "/admin/allocate", &headers, body).await;
        assert!(reply.status.is_client_error() && reply.json()["error"].is_string(), "{reply:?}");
    }
}

#[tokio::test]
async fn large_bodies() {
    let fixture = Fixture::start_with(|settings| settings.max_body_bytes = 1000).await;
    fixture.put("/3,01637037d6", vec![0; 1000]).await.assert_status(201);
    fixture.put("/3,02637037d6", vec![0; 1001]).await.assert_refused(413, "larger than 1000 bytes");
    fixture.assert_absent("/3,02637037d6").await;

    // Without a length the body itself must tell.
    let mut request = b"PUT /3,02637037d6 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..11 {
        request.extend_from_slice(format!("64\r\n{}\r\n", "x".repeat(100)).as_bytes());
    }
    assert!(raw(&fixture, &request).await.starts_with("HTTP/1.1 413"));
    fixture.assert_absent("/3,02637037d6").await;
}

/// By its `Content-Length`: the client has sent nothing of the body yet, and need not.
#[tokio::test]
async fn large_bodies_are_refused_before_they_are_sent() {
    let fixture = Fixture::start().await;
    let head =
        format!("PUT /3,01637037d6 HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", (256 << 20) + 1);
    assert!(raw(&fixture, head.as_bytes()).await.starts_with("HTTP/1.1 413"));
}

#[tokio::test]
async fn bodies_that_break_off() {
    let fixture = Fixture::start().await;
    let mut stream = TcpStream::connect(&fixture.address).await.expect("connects");
    stream
        .write_all(b"PUT /3,01637037d6 HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf")
        .await
        .expect("sends");
    drop(stream);
    tokio::time::sleep(Duration::from_millis(50)).await;
    fixture.assert_absent("/3,01637037d6").await;
}

#[tokio::test]
async fn bodies_that_never_end() {
    let fixture = Fixture::start_with(|settings| settings.body_timeout = Duration::from_millis(100)).await;
    let request = b"PUT /3,01637037d6 HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nhalf";
    assert!(raw(&fixture, request).await.starts_with("HTTP/1.1 408"));
    fixture.assert_absent("/3,01637037d6").await;
}

/// Uploads wait for their share of memory, and none is lost when one before them goes away.
#[tokio::test]
async fn uploads_share_a_budget() {
    let fixture = Fixture::start_with(|settings| settings.upload_budget_bytes = 100 << 10).await;
    let mut first = TcpStream::connect(&fixture.address).await.expect("connects");
    let head = format!(
        "PUT /3,01637037d6 HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        100 << 10
    );
    first.write_all(head.as_bytes()).await.expect("sends");
    let mut go_on = [0; 12];
    first.read_exact(&mut go_on).await.expect("is told to go on: it has its share");
    assert_eq!(&go_on, b"HTTP/1.1 100");
    let second = fixture.put("/3,02637037d6", vec![1; 50 << 10]);
    let mut second = std::pin::pin!(second);
    let early = tokio::time::timeout(Duration::from_millis(100), second.as_mut()).await;
    assert!(early.is_err(), "it waits: {early:?}");
    drop(first);
    second.await.assert_status(201);
}

/// What the server answers to these bytes, and then the connection ends or falls silent.
async fn raw(fixture: &Fixture, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(&fixture.address).await.expect("connects");
    stream.write_all(request).await.expect("sends");
    let mut answer = vec![0; 4096];
    let read = stream.read(&mut answer).await.expect("answers");
    String::from_utf8_lossy(&answer[..read]).into_owned()
}
