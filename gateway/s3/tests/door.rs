//! The door over a real socket, spoken to in raw HTTP, before operations that record what reaches them.

#![allow(clippy::unwrap_used, missing_docs)]

mod support {
    pub mod client;
    pub mod recorder;
    #[allow(dead_code, reason = "shared with the unit tests")]
    pub mod signer;
}

use std::time::{Duration, Instant};

use support::{
    client::{Client, Server, now, request_bytes, unix_now},
    recorder::{LARGE_BYTES, Seen},
    signer::{ACCESS_KEY, EMPTY_SHA256, Signer, Unsigned, escape, sha256},
};

const HOST: (&str, &str) = ("host", "localhost");

fn put(path: &str) -> Unsigned {
    Unsigned::new("PUT", path, &[HOST])
}

fn signer() -> Signer {
    Signer::at(&now())
}

fn signed_put(path: &str, body: &[u8]) -> Unsigned {
    let request = put(path).header("content-length", &body.len().to_string());
    signer().sign_all(request, &sha256(body)).0
}

#[tokio::test]
async fn a_signed_put_reaches_its_operation_and_is_answered_in_full() {
    let server = Server::start().await;
    let answer = server.send(&signed_put("/bucket/key", b"hello"), b"hello").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("server"), Some("Holdfast"));
    assert_eq!(answer.header("x-holdfast-durability"), Some("disk"));
    assert_eq!(answer.header("x-amz-request-id").unwrap().len(), 16);
    assert!(answer.header("x-amz-id-2").is_some() && answer.header("date").is_some());
    let expected = Seen {
        bucket: "bucket".into(),
        key: "key".into(),
        body: b"hello".to_vec(),
        uri: "/bucket/key".into(),
        ..Seen::default()
    };
    assert_eq!(server.seen(), [expected]);
}

#[tokio::test]
async fn keys_reach_their_operation_byte_for_byte() {
    let server = Server::start().await;
    let long = "é".repeat(512);
    let keys = [
        "..",
        "../..",
        "a/../b",
        "/",
        "//",
        "/a",
        "a//b",
        "a/",
        ".",
        "./a",
        "a\0b",
        "a\nb",
        "a\r\n",
        " ",
        "+",
        "%",
        "%41",
        "a?b#c",
        "\u{fffd}",
        "日本語",
        "a&b=c;d",
        "\u{7f}",
        "~",
        "a\\b",
        "*",
        long.as_str(),
    ];
    for key in keys {
        let path = format!("/bucket/{}", key.split('/').map(escape).collect::<Vec<_>>().join("/"));
        let answer = server.send(&signed_put(&path, b""), b"").await;
        assert_eq!(answer.status, 200, "{key:?}: {answer:?}");
        assert_eq!(server.seen().pop().unwrap().key, key, "{path}");
        let hosted = put(path.strip_prefix("/bucket").unwrap()).header("content-length", "0");
        let hosted = Unsigned {
            headers: vec![("host".into(), "bucket.localhost:9000".into()), hosted.headers[1].clone()],
            ..hosted
        };
        let answer = server.send(&signer().sign_all(hosted, EMPTY_SHA256).0, b"").await;
        assert_eq!(answer.status, 200, "{key:?} hosted: {answer:?}");
        let seen = server.seen().pop().unwrap();
        assert_eq!((seen.bucket.as_str(), seen.key.as_str()), ("bucket", key));
    }
}

#[tokio::test]
async fn wrong_uris_are_refused() {
    let server = Server::start().await;
    let too_long = format!("/bucket/{}", "a".repeat(1025));
    let huge = format!("/bucket/k?prefix={}", "a".repeat(17_000));
    for (target, status, code) in [
        ("/bucket/%zz", 400, "InvalidURI"),
        ("/bucket/%ff", 400, "InvalidURI"),
        ("/bucket/k?a=%", 400, "InvalidURI"),
        (too_long.as_str(), 400, "KeyTooLongError"),
        (huge.as_str(), 414, "InvalidURI"),
    ] {
        let request = Unsigned { path: target.into(), ..signed_put("/bucket/key", b"") };
        let answer = server.send(&request, b"").await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{target}");
    }
    assert_eq!(server.seen(), []);
}

#[tokio::test]
async fn errors_are_documents_with_all_elements() {
    let server = Server::start().await;
    let answer = server.send(&Unsigned::new("GET", "/bucket/a%20b", &[HOST]), b"").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "AccessDenied"));
    assert_eq!(answer.header("content-type"), Some("application/xml"));
    let xml = answer.text();
    assert!(xml.contains("<Message>Access Denied</Message><Resource>/bucket/a%20b</Resource>"), "{xml}");
    assert!(
        xml.contains(&format!("<RequestId>{}</RequestId>", answer.header("x-amz-request-id").unwrap())),
        "{xml}"
    );
    let answer = server.send(&Unsigned::new("HEAD", "/bucket/key", &[HOST]), b"").await;
    assert_eq!((answer.status, answer.body.len()), (403, 0));
    assert_eq!(answer.header("content-type"), None);
}

#[tokio::test]
async fn a_body_that_is_not_what_was_signed_is_never_whole() {
    let server = Server::start().await;
    for body in [&b"hellO"[..], &vec![b'x'; 300_000]] {
        let request = put("/bucket/key").header("content-length", &body.len().to_string());
        let (request, _) = signer().sign_all(request, &sha256(b"hello"));
        let answer = server.send(&request, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "XAmzContentSHA256Mismatch"), "{answer:?}");
        assert!(answer.text().contains(&format!("<S3ComputedContentSHA256>{}<", sha256(body))));
    }
    let (request, _) = signer().sign_all(put("/bucket/key").header("content-length", "0"), &sha256(b"x"));
    assert_eq!(server.send(&request, b"").await.code(), "XAmzContentSHA256Mismatch");
    assert_eq!(server.seen(), []);
}

fn streaming(payload: &str, decoded: usize, trailer: bool) -> (Unsigned, String) {
    let mut request = put("/bucket/key")
        .header("content-encoding", "gzip,aws-chunked")
        .header("x-amz-decoded-content-length", &decoded.to_string());
    if trailer {
        request = request.header("x-amz-trailer", "x-amz-checksum-crc32c");
    }
    signer().sign_all(request, payload)
}

fn with_length(request: Unsigned, body: &[u8]) -> Unsigned {
    request.header("content-length", &body.len().to_string())
}

#[tokio::test]
async fn every_streaming_form_is_unframed() {
    let server = Server::start().await;
    let data = vec![b'd'; 200_000];
    let trailer = ("x-amz-checksum-crc32c", "AAAAAA==");
    let chunks: Vec<&[u8]> = data.chunks(65_536).collect();
    let (plain, seed) = streaming("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", data.len(), false);
    let plain_body = signer_of(&plain).chunked(&seed, &chunks, None);
    let (signed, seed) = streaming("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", data.len(), true);
    let signed_body = signer_of(&signed).chunked(&seed, &chunks, Some(trailer));
    let (unsigned, _) = streaming("STREAMING-UNSIGNED-PAYLOAD-TRAILER", data.len(), true);
    let unsigned_body =
        [b"30d40\r\n", &data[..], b"\r\n0\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n"].concat();
    for (request, body, has_trailer) in
        [(plain, plain_body, false), (signed, signed_body, true), (unsigned, unsigned_body, true)]
    {
        let answer = server.send(&with_length(request.clone(), &body), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let seen = server.seen().pop().unwrap();
        assert_eq!(seen.body, data);
        assert_eq!(seen.content_encoding.as_deref(), Some("gzip"));
        assert_eq!(seen.trailer.as_deref(), has_trailer.then_some("AAAAAA=="));
        // The same by HTTP's own chunked coding.
        let framed = [format!("{:x}\r\n", body.len()).as_bytes(), &body, b"\r\n0\r\n\r\n"].concat();
        let answer = server.send(&request.header("transfer-encoding", "chunked"), &framed).await;
        assert_eq!((answer.status, server.seen().pop().unwrap().body.len()), (200, data.len()));
    }
}

/// The signer of the moment that a request was signed.
fn signer_of(request: &Unsigned) -> Signer {
    Signer::at(&request.headers.iter().find(|(name, _)| name == "x-amz-date").unwrap().1)
}

#[tokio::test]
async fn faults_of_streams_are_told() {
    let server = Server::start().await;
    let (request, seed) = streaming("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", 4, false);
    let good = signer_of(&request).chunked(&seed, &[b"Wiki"], None);
    let forged = String::from_utf8(good.clone()).unwrap().replace("Wiki", "wiki").into_bytes();
    let cut = good[..good.len() - 90].to_vec();
    for (body, code) in [
        (forged, "SignatureDoesNotMatch"),
        (cut, "IncompleteBody"),
        ([&good[..], b"x"].concat(), "InvalidRequest"),
        (b"zz\r\n".to_vec(), "InvalidRequest"),
    ] {
        let answer = server.send(&with_length(request.clone(), &body), &body).await;
        assert_eq!(answer.code(), code, "{answer:?}");
    }
    let (request, _) = streaming("STREAMING-UNSIGNED-PAYLOAD-TRAILER", 0, true);
    let body = b"0\r\nx-amz-checksum-crc32c:AAAAAA==\r\nx-evil:1\r\n\r\n";
    assert_eq!(server.send(&with_length(request, body), body).await.code(), "MalformedTrailerError");
    let undeclared = signer().sign_all(put("/bucket/key"), "STREAMING-UNSIGNED-PAYLOAD-TRAILER").0;
    assert_eq!(
        server.send(&with_length(undeclared, b"0\r\n\r\n"), b"0\r\n\r\n").await.code(),
        "MissingContentLength"
    );
    assert_eq!(server.seen(), []);
}

#[tokio::test]
async fn an_empty_object_may_have_a_trailer() {
    let server = Server::start().await;
    let (request, _) = streaming("STREAMING-UNSIGNED-PAYLOAD-TRAILER", 0, true);
    let body = b"0\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n";
    assert_eq!(server.send(&with_length(request, body), body).await.status, 200);
    assert_eq!(server.seen().pop().unwrap().trailer.as_deref(), Some("AAAAAA=="));
}

#[tokio::test]
async fn lengths_must_be_told() {
    let server = Server::start().await;
    let answer = server.send(&signer().sign_all(put("/bucket/key"), EMPTY_SHA256).0, b"").await;
    assert_eq!((answer.status, answer.code().as_str()), (411, "MissingContentLength"));
    let chunked =
        signer().sign_all(put("/bucket/key"), "UNSIGNED-PAYLOAD").0.header("transfer-encoding", "chunked");
    assert_eq!(server.send(&chunked, b"2\r\nhi\r\n0\r\n\r\n").await.status, 411);
}

#[tokio::test]
async fn presigned_urls_work_and_lose_their_signature() {
    let server = Server::start().await;
    let request = put("/bucket/key").query("x-amz-storage-class", "STANDARD_IA");
    let request =
        signer().presign(request, "60").header("content-length", "2").header("content-type", "text/plain");
    assert_eq!(server.send(&request, b"hi").await.status, 200);
    let seen = server.seen().pop().unwrap();
    assert_eq!(
        (seen.body.as_slice(), seen.storage_class.as_deref(), seen.uri.as_str()),
        (&b"hi"[..], Some("STANDARD_IA"), "/bucket/key")
    );
    let end = (unix_now() + 60).to_string();
    let unsigned = Unsigned::new("PUT", "/bucket/key", &[]);
    let signature = signer().signature_v2(&unsigned, &end, "/bucket/key");
    let request = put("/bucket/key")
        .query("AWSAccessKeyId", ACCESS_KEY)
        .query("Expires", &end)
        .query("Signature", &signature);
    assert_eq!(server.send(&request.header("content-length", "2"), b"v2").await.status, 200);
    assert_eq!(server.seen().pop().unwrap().body, b"v2");
}

#[tokio::test]
async fn operations_that_do_not_exist_are_named() {
    let server = Server::start().await;
    for (method, target, query, status, code, word) in [
        ("GET", "/bucket", "acl", 501, "NotImplemented", "GetBucketAcl"),
        ("POST", "/", "", 405, "MethodNotAllowed", "POST"),
        ("PATCH", "/bucket/key", "", 405, "MethodNotAllowed", "PATCH"),
        ("DELETE", "/bucket/key", "acl", 405, "MethodNotAllowed", "DELETE"),
        ("PUT", "/bucket/key", "renameObject", 501, "NotImplemented", "renameObject"),
    ] {
        let mut request = Unsigned::new(method, target, &[HOST, ("content-length", "0")]);
        if !query.is_empty() {
            request = request.query(query, "");
        }
        let answer = server.send(&signer().sign_all(request, EMPTY_SHA256).0, b"").await;
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "{method} {target}?{query}: {answer:?}"
        );
        assert!(answer.text().contains(word), "{}", answer.text());
    }
    let form = Unsigned::new(
        "POST",
        "/bucket",
        &[HOST, ("content-type", "multipart/form-data; boundary=x"), ("content-length", "2")],
    );
    let answer = server.send(&form, b"--").await;
    assert_eq!((answer.status, answer.code().as_str()), (501, "NotImplemented"));
    assert!(answer.text().contains("PostObject"));
}

#[tokio::test]
async fn preflights_are_refused() {
    let server = Server::start().await;
    let preflight = Unsigned::new(
        "OPTIONS",
        "/bucket/key",
        &[HOST, ("origin", "http://a.example"), ("access-control-request-method", "PUT")],
    );
    let answer = server.send(&preflight, b"").await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "AccessForbidden"));
    assert_eq!(server.send(&Unsigned::new("OPTIONS", "/bucket/key", &[HOST]), b"").await.status, 400);
}

#[tokio::test]
async fn headers_have_a_limit() {
    let server = Server::start().await;
    let request = put("/bucket/key").header("x-amz-meta-a", &"a".repeat(17_000));
    assert_eq!(server.send(&request, b"").await.code(), "RequestHeaderSectionTooLarge");
}

#[tokio::test]
async fn xml_bodies_have_a_limit_and_a_digest() {
    let server = Server::start().await;
    let delete = |payload: &str, length: usize| {
        let request = Unsigned::new("POST", "/bucket", &[HOST, ("content-length", &length.to_string())])
            .query("delete", "");
        signer().sign_all(request, payload).0
    };
    let large = vec![b' '; 5 << 20];
    assert_eq!(
        server.send(&delete(&sha256(&large), large.len()), &large).await.code(),
        "MaxMessageLengthExceeded"
    );
    let xml = b"<Delete><Object><Key>a</Key></Object></Delete>";
    assert_eq!(
        server.send(&delete(&sha256(b"other"), xml.len()), xml).await.code(),
        "XAmzContentSHA256Mismatch"
    );
    assert_eq!(server.send(&delete(&sha256(xml), xml.len()), xml).await.code(), "NotImplemented");
}

#[tokio::test]
async fn a_refused_upload_gets_its_answer_whatever_its_size() {
    let server = Server::start().await;
    // Small: the connection goes on.
    let mut client = server.connect().await;
    for _ in 0..2 {
        let answer = client.send(&put("/bucket/key").header("content-length", "1000"), &[b'x'; 1000]).await;
        assert_eq!((answer.status, answer.header("connection")), (403, None));
    }
    // Large: the connection closes, after the answer was read though 20 MB were still to come.
    let body = vec![b'x'; 20 << 20];
    let answer =
        server.send(&put("/bucket/key").header("content-length", &body.len().to_string()), &body).await;
    assert_eq!((answer.status, answer.header("connection")), (403, Some("close")));
}

#[tokio::test]
async fn continue_is_sent_to_those_who_may_continue() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let refused = put("/bucket/key").header("content-length", "5").header("expect", "100-continue");
    client.write(&request_bytes(&refused)).await;
    let answer = client.read().await;
    assert_eq!((answer.status, answer.header("connection")), (403, Some("close")));
    let mut client = server.connect().await;
    client.write(&request_bytes(&signed_put("/bucket/key", b"hello").header("expect", "100-continue"))).await;
    assert_eq!(client.read().await.status, 100);
    client.write(b"hello").await;
    assert_eq!(client.read().await.status, 200);
}

#[tokio::test]
async fn a_silent_body_ends() {
    let server = Server::start_with(|settings| settings.body_timeout = Duration::from_millis(200)).await;
    let mut client = server.connect().await;
    client.write(&request_bytes(&signed_put("/bucket/key", b"hello"))).await;
    client.write(b"he").await;
    let answer = client.read().await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "RequestTimeout"));
    assert_eq!(server.seen(), []);
}

#[tokio::test]
async fn a_trickling_body_ends() {
    let server = Server::start_with(|settings| {
        settings.body_timeout = Duration::from_millis(600);
        settings.body_min_bytes = 1000;
    })
    .await;
    let body = vec![b'x'; 10_000];
    let mut trickling = server.connect().await;
    trickling.write(&request_bytes(&signed_put("/bucket/trickling", &body))).await;
    let begun = Instant::now();
    while !trickling.has_answer_within(Duration::from_millis(50)).await {
        assert!(begun.elapsed() < Duration::from_secs(5), "no end");
        trickling.write(b"x").await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(600));
    assert_eq!(trickling.read().await.code(), "RequestTimeout");
    // Slow, but not too slow: it takes longer in all than one may wait.
    let mut slow = server.connect().await;
    slow.write(&request_bytes(&signed_put("/bucket/slow", &body))).await;
    for piece in body.chunks(500) {
        slow.write(piece).await;
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(slow.read().await.status, 200);
    assert_eq!(server.seen().len(), 1);
}

fn get_large() -> Vec<u8> {
    request_bytes(&signer().sign_all(Unsigned::new("GET", "/bucket/large", &[HOST]), EMPTY_SHA256).0)
}

#[tokio::test]
async fn answers_that_nobody_reads_free_their_buffers() {
    let server = Server::start_with(|settings| settings.idle_timeout = Duration::from_millis(500)).await;
    let mut paused = Vec::new();
    while server.budget() > 0 {
        let mut client = server.connect().await;
        client.write(&get_large()).await;
        paused.push(client);
        assert!(paused.len() < 20, "each holds a piece");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut reader = server.connect().await;
    reader.write(&get_large()).await;
    assert_eq!(reader.read().await.body.len(), LARGE_BYTES);
    // Those that were paused first have been cut off.
    let mut client = paused.swap_remove(0);
    let mut received = 0;
    while let Ok(bytes @ 1..) = client.read_some(1 << 20).await {
        received += bytes;
    }
    assert!(received < LARGE_BYTES);
}

#[tokio::test]
async fn a_slow_reader_is_not_cut_off() {
    let idle_timeout = Duration::from_millis(400);
    let server = Server::start_with(|settings| settings.idle_timeout = idle_timeout).await;
    let mut client = Client::connect_narrow(server.address()).await;
    client.write(&get_large()).await;
    // Slower than the kernel tells the server of room in its buffer.
    let begun = Instant::now();
    let mut received = 0;
    while begun.elapsed() < 6 * idle_timeout {
        received += client.read_some(16 * 1024).await.unwrap();
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    while received < LARGE_BYTES {
        match client.read_some(1 << 20).await.unwrap() {
            0 => panic!("cut off after {received} bytes"),
            bytes => received += bytes,
        }
    }
}

#[tokio::test]
async fn a_connection_may_be_idle_between_requests() {
    let server = Server::start_with(|settings| settings.idle_timeout = Duration::from_millis(600)).await;
    let mut client = server.connect().await;
    for _ in 0..4 {
        assert_eq!(client.send(&Unsigned::new("GET", "/", &[HOST]), b"").await.status, 403);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(client.is_closed_within(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn an_idle_connection_ends() {
    let server = Server::start_with(|settings| settings.idle_timeout = Duration::from_millis(200)).await;
    let mut client = server.connect().await;
    client.write(b"GET / HTTP/1.1\r\nhost: ").await;
    assert!(client.is_closed_within(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn stopping_ends_idle_connections_and_waits_for_requests() {
    let server = Server::start().await;
    let mut idle = server.connect().await;
    assert_eq!(idle.send(&Unsigned::new("GET", "/", &[HOST]), b"").await.status, 403);
    let mut busy = server.connect().await;
    busy.write(&request_bytes(&signed_put("/bucket/key", b"hello"))).await;
    busy.write(b"he").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopping = server.stop();
    assert!(idle.is_closed_within(Duration::from_secs(5)).await);
    assert!(Client::connect(server.address()).await.is_none());
    busy.write(b"llo").await;
    assert_eq!(busy.read().await.status, 200);
    tokio::time::timeout(Duration::from_secs(5), stopping).await.expect("the door closes");
}

#[tokio::test]
async fn requests_that_do_not_end_are_cut() {
    let server = Server::start_with(|settings| settings.drain_timeout = Duration::from_millis(300)).await;
    let mut busy = server.connect().await;
    busy.write(&request_bytes(&signed_put("/bucket/key", b"hello"))).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    tokio::time::timeout(Duration::from_secs(5), server.stop()).await.expect("the door closes");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    assert_eq!(server.seen(), []);
}

#[tokio::test]
async fn connections_have_a_limit() {
    let server = Server::start_with(|settings| settings.max_connections = 1).await;
    let mut first = server.connect().await;
    assert_eq!(first.send(&Unsigned::new("GET", "/", &[HOST]), b"").await.status, 403);
    let mut second = server.connect().await;
    second.write(&request_bytes(&Unsigned::new("GET", "/", &[HOST]))).await;
    assert!(!second.has_answer_within(Duration::from_millis(300)).await);
    drop(first);
    assert_eq!(second.read().await.status, 403);
}

#[tokio::test]
async fn ranges_that_are_not_one_range_are_ignored() {
    let server = Server::start().await;
    for (range, expected) in [
        ("bytes=1-2", "Some(Int { first: 1, last: Some(2) })"),
        ("bytes=0-0,2-2", "None"),
        ("lines=1-2", "None"),
    ] {
        let request = Unsigned::new("GET", "/bucket/key", &[HOST, ("range", range)]);
        let answer = server.send(&signer().sign_all(request, EMPTY_SHA256).0, b"").await;
        assert_eq!((answer.status, answer.text().as_str()), (200, expected), "{range}");
    }
}
