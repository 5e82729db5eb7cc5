use s3s::crypto::{Checksum, Md5};

use super::world::World;

const MD5_HELLO: &str = "5d41402abc4b2a76b9719d911017c592";

#[tokio::test]
async fn what_was_put_comes_back() {
    let world = World::start().await;
    let sent = [
        ("content-type", "text/plain; charset=utf-8"),
        ("content-encoding", "gzip"),
        ("content-disposition", "attachment; filename=\"x\""),
        ("content-language", "de"),
        ("cache-control", "no-store"),
        ("expires", "0"),
        ("x-amz-website-redirect-location", "/elsewhere"),
        ("x-amz-meta-Colour", "red"),
        ("x-amz-meta-place", "=?UTF-8?B?WsO8cmljaA==?="),
        ("x-amz-meta-raw", "Zürich"),
        ("x-amz-storage-class", "STANDARD_IA"),
    ];
    let put = world.put("/bucket/a%20key", &sent, "hello").await.expect(200);
    assert_eq!(put.header("etag"), format!("\"{MD5_HELLO}\""));
    assert_eq!(put.header("x-amz-checksum-type"), "FULL_OBJECT");
    assert!(!put.header("x-amz-checksum-crc64nvme").is_empty());
    assert_eq!(put.header("x-holdfast-durability"), "memory");
    for method in [http::Method::GET, http::Method::HEAD] {
        let got = world.call(method.clone(), "/bucket/a%20key", &[], "").await.expect(200);
        assert_eq!(got.text(), if method == http::Method::GET { "hello" } else { "" });
        for (name, value) in &sent[..7] {
            assert_eq!(got.header(name), *value, "{name}");
        }
        assert_eq!(got.header("content-length"), "5");
        assert_eq!(got.header("accept-ranges"), "bytes");
        assert_eq!(got.header("etag"), format!("\"{MD5_HELLO}\""));
        assert!(got.header("last-modified").ends_with(" GMT"));
        assert_eq!(got.header("x-amz-meta-colour"), "red");
        assert_eq!(got.header("x-amz-meta-place"), "=?UTF-8?B?WsO8cmljaA==?=");
        assert_eq!(got.header("x-amz-meta-raw"), "=?UTF-8?B?WsO8cmljaA==?=");
        assert_eq!(got.header("x-amz-storage-class"), "STANDARD_IA");
        assert_eq!(got.header("x-amz-checksum-crc64nvme"), "");
    }
}

#[tokio::test]
async fn a_plain_object_has_plain_headers() {
    let world = World::start().await;
    world.put("/bucket/key", &[("x-amz-storage-class", "STANDARD")], "").await.expect(200);
    let got = world.get("/bucket/key", &[]).await.expect(200);
    assert_eq!((got.header("content-length"), got.text().as_str()), ("0", ""));
    assert_eq!(got.header("content-type"), "binary/octet-stream");
    assert_eq!(got.header("x-amz-storage-class"), "");
    assert_eq!(got.header("etag"), "\"d41d8cd98f00b204e9800998ecf8427e\"");
    world.get("/bucket/absent", &[]).await.expect_error(404, "NoSuchKey");
    world.get("/absent/key", &[]).await.expect_error(404, "NoSuchBucket");
    world.head("/bucket/absent", &[]).await.expect(404);
    world.put("/absent/key", &[], "x").await.expect_error(404, "NoSuchBucket");
}

#[tokio::test]
async fn ranges() {
    let world = World::start().await;
    world.put("/bucket/key", &[], "0123456789").await.expect(200);
    for (range, status, content_range, body) in [
        ("bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("bytes=7-", 206, "bytes 7-9/10", "789"),
        ("bytes=-2", 206, "bytes 8-9/10", "89"),
        ("bytes=-20", 206, "bytes 0-9/10", "0123456789"),
        ("bytes=0-99", 206, "bytes 0-9/10", "0123456789"),
        ("bytes=0-1,3-4", 200, "", "0123456789"),
        ("lines=0-1", 200, "", "0123456789"),
    ] {
        let got = world.get("/bucket/key", &[("range", range)]).await.expect(status);
        assert_eq!((got.header("content-range"), got.text().as_str()), (content_range, body), "{range}");
        assert_eq!(got.header("content-length"), body.len().to_string());
        let head = world.head("/bucket/key", &[("range", range)]).await.expect(status);
        assert_eq!(head.header("content-range"), content_range);
    }
    for range in ["bytes=10-", "bytes=-0"] {
        let got = world.get("/bucket/key", &[("range", range)]).await;
        assert_eq!(got.header("content-range"), "bytes */10");
        got.expect_error(416, "InvalidRange");
        world.head("/bucket/key", &[("range", range)]).await.expect(416);
    }
    world.put("/bucket/empty", &[], "").await.expect(200);
    world.get("/bucket/empty", &[("range", "bytes=0-")]).await.expect_error(416, "InvalidRange");
}

#[tokio::test]
async fn ranges_of_an_object_of_many_chunks() {
    let world = World::start().await;
    let body: Vec<u8> = (0..3_500_000_u32).map(|at| (at % 251) as u8).collect();
    world.put("/bucket/key", &[], body.clone()).await.expect(200);
    let got = world.get("/bucket/key", &[]).await.expect(200);
    assert!(got.body == body);
    for (first, last) in [(0, 0), (1_048_575, 1_048_576), (1_000_000, 3_499_999), (3_000_000, 3_000_001)] {
        let got = world.get("/bucket/key", &[("range", &format!("bytes={first}-{last}"))]).await.expect(206);
        assert!(got.body == body[first..=last], "{first}-{last}");
    }
}

#[tokio::test]
async fn a_part_number_of_a_plain_object_is_the_whole_or_nothing() {
    let world = World::start().await;
    world.put("/bucket/key", &[], "hello").await.expect(200);
    let got = world.get("/bucket/key?partNumber=1", &[]).await.expect(206);
    assert_eq!((got.header("content-range"), got.text().as_str()), ("bytes 0-4/5", "hello"));
    assert_eq!(got.header("x-amz-mp-parts-count"), "");
    world.get("/bucket/key?partNumber=2", &[]).await.expect_error(416, "InvalidPartNumber");
    world.get("/bucket/key?partNumber=0", &[]).await.expect_error(400, "InvalidArgument");
    world
        .get("/bucket/key?partNumber=1", &[("range", "bytes=0-1")])
        .await
        .expect_error(400, "InvalidRequest");
}

#[tokio::test]
async fn stored_headers_give_way_to_those_that_are_asked_for() {
    let world = World::start().await;
    world
        .put("/bucket/key", &[("content-type", "text/plain"), ("expires", "soon")], "hello")
        .await
        .expect(200);
    let uri = "/bucket/key?response-content-type=image%2Fpng&response-cache-control=no-cache\
               &response-content-disposition=inline&response-content-encoding=br&response-content-language=fr\
               &response-expires=Sun,%2006%20Nov%201994%2008:49:37%20GMT";
    for method in [http::Method::GET, http::Method::HEAD] {
        let got = world.call(method, uri, &[], "").await.expect(200);
        assert_eq!(got.header("content-type"), "image/png");
        assert_eq!(got.header("cache-control"), "no-cache");
        assert_eq!(got.header("content-disposition"), "inline");
        assert_eq!(got.header("content-encoding"), "br");
        assert_eq!(got.header("content-language"), "fr");
        assert_eq!(got.header("expires"), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}

#[tokio::test]
async fn conditional_reads() {
    let world = World::start().await;
    world.put("/bucket/key", &[], "hello").await.expect(200);
    let etag = format!("\"{MD5_HELLO}\"");
    let (past, future) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 06 Nov 2199 08:49:37 GMT");
    for (headers, status) in [
        (&[("if-match", etag.as_str())][..], 200),
        (&[("if-match", "\"other\", W/\"5d41402abc4b2a76b9719d911017c592\"")], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-none-match", &etag)], 304),
        (&[("if-none-match", MD5_HELLO)], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-modified-since", past)], 200),
        (&[("if-modified-since", future)], 304),
        (&[("if-modified-since", "not a date")], 200),
        (&[("if-unmodified-since", past)], 412),
        (&[("if-unmodified-since", future)], 200),
        (&[("if-match", &etag), ("if-unmodified-since", past)], 200),
        (&[("if-none-match", "\"other\""), ("if-modified-since", future)], 200),
    ] {
        let got = world.get("/bucket/key", headers).await.expect(status);
        if status == 304 {
            assert_eq!(got.header("etag"), etag);
            assert!(!got.header("last-modified").is_empty());
        }
        world.head("/bucket/key", headers).await.expect(status);
    }
}

#[tokio::test]
async fn conditional_writes() {
    let world = World::start().await;
    let (new, old) = ([("if-none-match", "*")], [("if-match", "\"5d41402abc4b2a76b9719d911017c592\"")]);
    world.put("/bucket/key", &old, "hello").await.expect_error(404, "NoSuchKey");
    world.put("/bucket/key", &new, "hello").await.expect(200);
    world.put("/bucket/key", &new, "other").await.expect_error(412, "PreconditionFailed");
    world.put("/bucket/key", &old, "newer").await.expect(200);
    world.put("/bucket/key", &old, "other").await.expect_error(412, "PreconditionFailed");
    world
        .put("/bucket/key", &[("if-none-match", "\"x\"")], "other")
        .await
        .expect_error(501, "NotImplemented");
    world.delete("/bucket/key", &old).await.expect_error(412, "PreconditionFailed");
    assert_eq!(world.get("/bucket/key", &[]).await.expect(200).text(), "newer");
    world.delete("/bucket/key", &[("if-match", "*")]).await.expect(204);
    world.delete("/bucket/key", &[]).await.expect(204);
}

#[tokio::test]
async fn keys_are_opaque() {
    let world = World::start().await;
    let long = "l".repeat(1024);
    let keys =
        ["a", "a/", "a//b", "/a", "..", "../x", "%2525", "a%2Bb", "%01%0A", "%C3%BC%F0%9F%A6%80", &long];
    for key in keys {
        world.put(&format!("/bucket/{key}"), &[], key.to_owned()).await.expect(200);
    }
    for key in keys {
        assert_eq!(world.get(&format!("/bucket/{key}"), &[]).await.expect(200).text(), *key);
    }
    assert_eq!(world.get("/bucket", &[]).await.expect(200).elements("Key").len(), keys.len());
    world.put(&format!("/bucket/{long}l"), &[], "x").await.expect(400);
}

#[tokio::test]
async fn what_is_not_built_is_not_stored() {
    let world = World::start().await;
    for (name, value, status, code) in [
        ("x-amz-server-side-encryption", "AES256", 501, "NotImplemented"),
        ("x-amz-object-lock-legal-hold", "ON", 501, "NotImplemented"),
        ("x-amz-tagging", "a=b", 501, "NotImplemented"),
        ("x-amz-acl", "public-read", 400, "AccessControlListNotSupported"),
        ("x-amz-storage-class", "COLD", 400, "InvalidStorageClass"),
        ("x-amz-website-redirect-location", "nowhere", 400, "InvalidArgument"),
    ] {
        world.put("/bucket/key", &[(name, value)], "x").await.expect_error(status, code);
    }
    let large = "v".repeat(2049);
    world.put("/bucket/key", &[("x-amz-meta-m", &large)], "x").await.expect_error(400, "MetadataTooLarge");
    world.head("/bucket/key", &[]).await.expect(404);
    world.put("/bucket/key", &[("x-amz-acl", "private")], "x").await.expect(200);
    world.get("/bucket/key?versionId=3", &[]).await.expect_error(400, "InvalidArgument");
    world.delete("/bucket/key?versionId=3", &[]).await.expect_error(400, "InvalidArgument");
    world.get("/bucket/key?versionId=null", &[]).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_of_an_object_that_is_replaced_meanwhile_is_one_of_its_versions() {
    let world = World::start_reaping().await;
    world.put("/bucket/key", &[], "0".repeat(1000)).await.expect(200);
    let writer = async {
        for version in 1..400 {
            world.put("/bucket/key", &[], format!("{}", version % 10).repeat(1000)).await.expect(200);
        }
    };
    let reader = async {
        for _ in 0..2000 {
            let got = world.get("/bucket/key", &[]).await.expect(200);
            assert_eq!(got.header("etag"), format!("\"{}\"", hex::encode(Md5::checksum(&got.body))));
        }
    };
    tokio::join!(writer, reader);
}
