use super::world::World;

async fn world_with_source() -> World {
    let world = World::start().await;
    let headers =
        [("content-type", "text/plain"), ("x-amz-meta-a", "1"), ("x-amz-storage-class", "STANDARD_IA")];
    world.put("/bucket/a%20source%2B", &headers, "hello").await.expect(200);
    world
}

const SOURCE: (&str, &str) = ("x-amz-copy-source", "/bucket/a%20source%2B");

#[tokio::test]
async fn a_copy_keeps_or_replaces_metadata() {
    let world = world_with_source().await;
    let copied = world.put("/bucket/copy", &[SOURCE], "").await.expect(200);
    assert!(copied.text().contains("<CopyObjectResult"), "{}", copied.text());
    assert_eq!(copied.element("ETag").as_deref(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    assert!(copied.element("LastModified").is_some());
    let got = world.get("/bucket/copy", &[]).await.expect(200);
    assert_eq!(got.text(), "hello");
    assert_eq!((got.header("content-type"), got.header("x-amz-meta-a")), ("text/plain", "1"));
    assert_eq!(got.header("x-amz-storage-class"), "");
    let replace = [SOURCE, ("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-b", "2")];
    world.put("/bucket/copy", &replace, "").await.expect(200);
    let got = world.get("/bucket/copy", &[]).await.expect(200);
    assert_eq!((got.header("x-amz-meta-a"), got.header("x-amz-meta-b")), ("", "2"));
    assert_eq!(got.header("content-type"), "binary/octet-stream");
    let checksum = [SOURCE, ("x-amz-checksum-algorithm", "SHA1")];
    let copied = world.put("/bucket/copy", &checksum, "").await.expect(200);
    assert_eq!(copied.element("ChecksumSHA1").as_deref(), Some("qvTGHdzF6KLavt4PO0gs2a6pQ00="));
    assert_eq!(copied.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
}

#[tokio::test]
async fn a_copy_onto_itself_must_change_something() {
    let world = World::start().await;
    world.put("/bucket/key", &[("x-amz-meta-a", "1")], "hello").await.expect(200);
    let source = ("x-amz-copy-source", "bucket/key");
    world.put("/bucket/key", &[source], "").await.expect_error(400, "InvalidRequest");
    let replace = [source, ("x-amz-metadata-directive", "REPLACE"), ("x-amz-meta-a", "2")];
    world.put("/bucket/key", &replace, "").await.expect(200);
    let got = world.get("/bucket/key", &[]).await.expect(200);
    assert_eq!((got.text().as_str(), got.header("x-amz-meta-a")), ("hello", "2"));
    world.put("/bucket/key", &[source, ("x-amz-storage-class", "STANDARD_IA")], "").await.expect(200);
    let got = world.head("/bucket/key", &[]).await.expect(200);
    assert_eq!((got.header("x-amz-storage-class"), got.header("x-amz-meta-a")), ("STANDARD_IA", "2"));
}

#[tokio::test]
async fn a_copy_has_conditions_on_both_ends() {
    let world = world_with_source().await;
    let etag = "\"5d41402abc4b2a76b9719d911017c592\"";
    let past = "Sun, 06 Nov 1994 08:49:37 GMT";
    for (condition, status) in [
        (("x-amz-copy-source-if-match", etag), 200),
        (("x-amz-copy-source-if-match", "\"other\""), 412),
        (("x-amz-copy-source-if-none-match", etag), 412),
        (("x-amz-copy-source-if-none-match", "\"other\""), 200),
        (("x-amz-copy-source-if-modified-since", past), 200),
        (("x-amz-copy-source-if-unmodified-since", past), 412),
        (("if-none-match", "*"), 412),
        (("if-match", etag), 200),
    ] {
        world.put("/bucket/copy", &[SOURCE, condition], "").await.expect(status);
    }
}

#[tokio::test]
async fn sources_that_are_not_there_or_not_meant() {
    let world = world_with_source().await;
    for (headers, status, code) in [
        (&[("x-amz-copy-source", "bucket/absent")][..], 404, "NoSuchKey"),
        (&[("x-amz-copy-source", "absent/key")], 404, "NoSuchBucket"),
        (&[("x-amz-copy-source", "bucket/a%20source%2B?versionId=7")], 400, "InvalidArgument"),
        (&[SOURCE, ("x-amz-metadata-directive", "MERGE")], 400, "InvalidArgument"),
        (&[SOURCE, ("x-amz-tagging-directive", "MERGE")], 400, "InvalidArgument"),
        (&[SOURCE, ("x-amz-website-redirect-location", "/x")], 501, "NotImplemented"),
        (&[SOURCE, ("x-amz-tagging-directive", "REPLACE"), ("x-amz-tagging", "a=b")], 501, "NotImplemented"),
        (&[SOURCE, ("x-amz-copy-source-server-side-encryption-customer-key", "k")], 501, "NotImplemented"),
        (&[SOURCE, ("x-amz-source-expected-bucket-owner", "somebody")], 403, "AccessDenied"),
    ] {
        world.put("/bucket/copy", headers, "").await.expect_error(status, code);
    }
    world.head("/bucket/copy", &[]).await.expect(404);
}
