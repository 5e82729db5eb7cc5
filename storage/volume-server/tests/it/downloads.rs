use http::Method;

use crate::{support::Fixture, uploads::gzip};

#[tokio::test]
async fn head_says_what_get_would() {
    let fixture = Fixture::start().await;
    let text = "some text. ".repeat(100);
    fixture.post_form("/3,01637037d6", "a.txt", "text/plain", text.as_bytes()).await.assert_status(201);
    for headers in [&[][..], &[("accept-encoding", "gzip")]] {
        let got = fixture.get_with("/3,01637037d6", headers).await;
        let head = fixture.send(Method::HEAD, "/3,01637037d6", headers, "").await;
        assert_eq!((head.status, head.body.len()), (got.status, 0));
        let but_date = |reply: &crate::support::Reply| {
            let mut headers = reply.headers.clone();
            headers.remove("date");
            headers
        };
        assert_eq!(but_date(&head), but_date(&got));
    }
    let ranged = fixture.send(Method::HEAD, "/3,01637037d6", &[("range", "bytes=0-1")], "").await;
    ranged.assert_status(200);
    fixture.send(Method::HEAD, "/3,02637037d6", &[], "").await.assert_status(404);
}

#[tokio::test]
async fn conditions() {
    let fixture = Fixture::start().await;
    let put = fixture.put("/3,01637037d6?ts=784111777", "dated").await;
    let etag = put.header("etag").expect("an etag").to_owned();
    let check = async |name: &str, value: &str, status: u16| {
        let reply = fixture.get_with("/3,01637037d6", &[(name, value)]).await;
        assert_eq!(reply.status.as_u16(), status, "{name}: {value}");
        assert_eq!(reply.body.is_empty(), status == 304, "{name}: {value}");
        assert_eq!(reply.header("etag"), Some(&*etag), "{name}: {value}");
    };
    check("if-none-match", &etag, 304).await;
    check("if-none-match", &format!("\"x\" , W/{etag}"), 304).await;
    check("if-none-match", "*", 304).await;
    check("if-none-match", "\"00000000\"", 200).await;
    check("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT", 304).await;
    check("if-modified-since", "Sunday, 06-Nov-94 08:49:38 GMT", 304).await;
    check("if-modified-since", "Sun Nov  6 08:49:36 1994", 200).await;
    check("if-modified-since", "yesterday", 200).await;
    // The ETag decides alone.
    let both = [("if-none-match", "\"x\""), ("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")];
    fixture.get_with("/3,01637037d6", &both).await.assert_status(200);
}

#[tokio::test]
async fn packed_needles_answer_ranges_of_what_was_uploaded() {
    let fixture = Fixture::start().await;
    let text: String = (0..1000).map(|number| format!("{number:04} ")).collect();
    fixture.post_form("/3,01637037d6", "a.txt", "text/plain", text.as_bytes()).await.assert_status(201);
    let headers = [("accept-encoding", "gzip"), ("range", "bytes=5000-")];
    fixture.get_with("/3,01637037d6", &headers).await.assert_status(416);
    let headers = [("accept-encoding", "gzip"), ("range", "bytes=50-53")];
    let part = fixture.get_with("/3,01637037d6", &headers).await;
    assert_eq!((&*part.body, part.header("content-encoding")), (&b"0010"[..], None));
    assert_eq!(part.header("content-range"), Some("bytes 50-53/5000"));
}

#[tokio::test]
async fn packed_needles_unpack_within_bounds() {
    let fixture = Fixture::start_with(|settings| settings.max_body_bytes = 10_000).await;
    let needle = protocol::NewNeedle {
        data: gzip(&[0; 10_001]).into(),
        gzipped: true,
        ..protocol::NewNeedle::default()
    };
    let fid = "3,01637037d6".parse().expect("a fid");
    protocol::Volumes::write(&*fixture.server, fid, needle).await.expect("writes");
    fixture.get("/3,01637037d6").await.assert_refused(406, "Accept-Encoding: gzip");
    let packed = fixture.get_with("/3,01637037d6", &[("accept-encoding", "gzip")]).await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.body, gzip(&[0; 10_001]));
}

/// A needle that says gzip and is not: the stored bytes are right, what they stand for cannot be had.
#[tokio::test]
async fn damaged_packing_is_an_error() {
    let fixture = Fixture::start().await;
    let needle =
        protocol::NewNeedle { data: "not gzip".into(), gzipped: true, ..protocol::NewNeedle::default() };
    let fid = "3,01637037d6".parse().expect("a fid");
    protocol::Volumes::write(&*fixture.server, fid, needle).await.expect("writes");
    fixture.get("/3,01637037d6").await.assert_refused(500, "gzip data is damaged");
}

#[tokio::test]
async fn stored_texts_cannot_forge_headers() {
    let fixture = Fixture::start().await;
    let needle = protocol::NewNeedle {
        data: "x".into(),
        name: "a\"\r\nSet-Cookie: b.txt".into(),
        mime: "text/plain\r\nx: y".into(),
        pairs: r#"{"Content-Length":"7","A\r\nB":"c","D":"e\r\nf","G":1}"#.into(),
        ..protocol::NewNeedle::default()
    };
    let fid = "3,01637037d6".parse().expect("a fid");
    protocol::Volumes::write(&*fixture.server, fid, needle).await.expect("writes");
    let got = fixture.get("/3,01637037d6").await;
    assert_eq!((&*got.body, got.header("content-length")), (&b"x"[..], Some("1")));
    assert_eq!(got.header("content-type"), Some("application/octet-stream"));
    assert_eq!(got.header("set-cookie"), None);
    assert_eq!(got.header("seaweed-content-length"), Some("7"));
}
