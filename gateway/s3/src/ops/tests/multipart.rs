use http::Method;

use super::world::{Answer, World};

const PART: usize = 5 << 20;

async fn create(world: &World, headers: &[(&str, &str)]) -> String {
    let created = world.post("/bucket/key?uploads", headers, "").await.expect(200);
    assert_eq!(created.element("Key").as_deref(), Some("key"));
    created.element("UploadId").expect("an id")
}

async fn upload(world: &World, id: &str, number: usize, body: &[u8]) -> String {
    let uri = format!("/bucket/key?partNumber={number}&uploadId={id}");
    world.put(&uri, &[], body.to_vec()).await.expect(200).header("etag").to_owned()
}

fn document(parts: &[(usize, &str)]) -> String {
    let parts: String = parts
        .iter()
        .map(|(number, etag)| format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"))
        .collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

async fn complete(world: &World, id: &str, headers: &[(&str, &str)], parts: &[(usize, &str)]) -> Answer {
    world.post(&format!("/bucket/key?uploadId={id}"), headers, document(parts)).await
}

#[tokio::test]
async fn an_upload_becomes_an_object() {
    let world = World::start().await;
    let id = create(&world, &[("content-type", "text/plain"), ("x-amz-meta-a", "1")]).await;
    world.head("/bucket/key", &[]).await.expect(404);
    let (first, second) = (vec![b'a'; PART], vec![b'b'; 100]);
    let etags = [upload(&world, &id, 2, &first).await, upload(&world, &id, 7, &second).await];
    let listed = world.get(&format!("/bucket/key?uploadId={id}&max-parts=1"), &[]).await.expect(200);
    assert_eq!(listed.elements("PartNumber"), ["2"]);
    assert_eq!(listed.element("IsTruncated").as_deref(), Some("true"));
    assert_eq!(listed.element("NextPartNumberMarker").as_deref(), Some("2"));
    let listed = world.get(&format!("/bucket/key?uploadId={id}&part-number-marker=2"), &[]).await.expect(200);
    assert_eq!(
        (listed.elements("PartNumber"), listed.elements("Size")),
        (vec!["7".into()], vec!["100".into()])
    );
    assert_eq!(listed.elements("ETag"), [etags[1].as_str()]);

    let parts = [(2, etags[0].as_str()), (7, etags[1].as_str())];
    let host = [("host", "s3.test:9000")];
    let done = complete(&world, &id, &host, &parts).await.expect(200);
    assert_eq!(done.element("Location").as_deref(), Some("http://s3.test:9000/bucket/key"));
    let etag = done.element("ETag").expect("an etag");
    assert!(etag.ends_with("-2\""), "{etag}");
    assert!(done.element("ChecksumCRC64NVME").is_some());
    let again = complete(&world, &id, &[], &parts).await.expect(200);
    assert_eq!(again.element("ETag"), Some(etag.clone()));

    let got = world.get("/bucket/key", &[]).await.expect(200);
    assert!(got.body == [first.clone(), second.clone()].concat());
    assert_eq!((got.header("etag"), got.header("x-amz-meta-a")), (etag.as_str(), "1"));
    let part = world.get("/bucket/key?partNumber=7", &[]).await.expect(206);
    assert!(part.body == second);
    assert_eq!(part.header("x-amz-mp-parts-count"), "2");
    assert_eq!(part.header("content-range"), format!("bytes {PART}-{}/{}", PART + 99, PART + 100));
    let part = world.head("/bucket/key?partNumber=2", &[]).await.expect(206);
    assert_eq!((part.header("content-length"), part.header("x-amz-mp-parts-count")), ("5242880", "2"));
    world.get("/bucket/key?partNumber=1", &[]).await.expect_error(416, "InvalidPartNumber");
    world.get(&format!("/bucket/key?uploadId={id}"), &[]).await.expect_error(404, "NoSuchUpload");
}

#[tokio::test]
async fn completing_wrongly_changes_nothing() {
    let world = World::start().await;
    let id = create(&world, &[]).await;
    let small = upload(&world, &id, 1, b"small").await;
    let last = upload(&world, &id, 2, b"last").await;
    let (one, two) = ((1, small.as_str()), (2, last.as_str()));
    let run = |headers: &'static [(&'static str, &'static str)], parts: Vec<(usize, &'static str)>| {
        let (world, id) = (&world, id.clone());
        async move { complete(world, &id, headers, &parts).await }
    };
    complete(&world, &id, &[], &[one, two]).await.expect_error(400, "EntityTooSmall");
    complete(&world, &id, &[], &[two, one]).await.expect_error(400, "InvalidPartOrder");
    complete(&world, &id, &[], &[one, (3, "x")]).await.expect_error(400, "InvalidPart");
    complete(&world, &id, &[("x-amz-mp-object-size", "5")], &[two]).await.expect_error(400, "InvalidRequest");
    complete(&world, &id, &[("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")], &[two])
        .await
        .expect_error(400, "BadDigest");
    run(&[], vec![(1, "other")]).await.expect_error(400, "InvalidPart");
    run(&[], vec![(0, "x")]).await.expect_error(400, "InvalidArgument");
    run(&[], vec![]).await.expect_error(400, "MalformedXML");
    run(&[], vec![(1, "x"); 10_001]).await.expect_error(400, "MalformedXML");
    world.post(&format!("/bucket/key?uploadId={id}"), &[], "").await.expect(400);
    complete(&world, "nonsense", &[], &[two]).await.expect_error(404, "NoSuchUpload");
    complete(&world, &id, &[("if-match", "\"x\"")], &[two]).await.expect_error(404, "NoSuchKey");
    world.head("/bucket/key", &[]).await.expect(404);
    world.put("/bucket/key", &[], "there").await.expect(200);
    complete(&world, &id, &[("if-none-match", "*")], &[two]).await.expect_error(412, "PreconditionFailed");
    complete(&world, &id, &[("x-amz-mp-object-size", "4")], &[two]).await.expect(200);
    assert_eq!(world.get("/bucket/key", &[]).await.expect(200).text(), "last");
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let world = World::start().await;
    let id = create(&world, &[]).await;
    upload(&world, &id, 1, b"part").await;
    let uri = format!("/bucket/key?uploadId={id}");
    world.delete(&format!("/bucket/other?uploadId={id}"), &[]).await.expect_error(404, "NoSuchUpload");
    world.delete(&uri, &[]).await.expect(204);
    world.delete(&uri, &[]).await.expect_error(404, "NoSuchUpload");
    let part = format!("/bucket/key?partNumber=1&uploadId={id}");
    world.put(&part, &[], "part").await.expect_error(404, "NoSuchUpload");
    world.get(&uri, &[]).await.expect_error(404, "NoSuchUpload");
}

#[tokio::test]
async fn parts_have_numbers_from_1_to_10000() {
    let world = World::start().await;
    let id = create(&world, &[]).await;
    for number in ["0", "10001", "-1", "x"] {
        let uri = format!("/bucket/key?partNumber={number}&uploadId={id}");
        world.put(&uri, &[], "part").await.expect_error(400, "InvalidArgument");
    }
    world.put(&format!("/bucket/key?partNumber=10000&uploadId={id}"), &[], "part").await.expect(200);
}

#[tokio::test]
async fn parts_are_copied() {
    let world = World::start().await;
    world.put("/bucket/source", &[], "0123456789").await.expect(200);
    let id = create(&world, &[]).await;
    let uri = format!("/bucket/key?partNumber=1&uploadId={id}");
    let source = ("x-amz-copy-source", "bucket/source");
    let copied = world.put(&uri, &[source, ("x-amz-copy-source-range", "bytes=2-4")], "").await.expect(200);
    assert!(copied.text().contains("<CopyPartResult>"), "{}", copied.text());
    let etag = copied.element("ETag").expect("an etag");
    for range in ["bytes=2", "2-4", "bytes=4-2", "bytes=2-4,6-7", "bytes=-3"] {
        let headers = [source, ("x-amz-copy-source-range", range)];
        world.put(&uri, &headers, "").await.expect_error(400, "InvalidArgument");
    }
    let outside = [source, ("x-amz-copy-source-range", "bytes=5-10")];
    world.put(&uri, &outside, "").await.expect_error(416, "InvalidRange");
    let condition = [source, ("x-amz-copy-source-if-match", "\"other\"")];
    world.put(&uri, &condition, "").await.expect_error(412, "PreconditionFailed");
    complete(&world, &id, &[], &[(1, &etag)]).await.expect(200);
    assert_eq!(world.get("/bucket/key", &[]).await.expect(200).text(), "234");
}

#[tokio::test]
async fn composite_and_full_checksums_of_uploads() {
    let world = World::start().await;
    for (algorithm, kind, suffix) in [
        ("CRC32", "COMPOSITE", "-1"),
        ("CRC32C", "FULL_OBJECT", ""),
        ("SHA256", "COMPOSITE", "-1"),
        ("CRC64NVME", "FULL_OBJECT", ""),
    ] {
        let name = format!("x-amz-checksum-{}", algorithm.to_ascii_lowercase());
        let headers = [("x-amz-checksum-algorithm", algorithm), ("x-amz-checksum-type", kind)];
        let created = world.post("/bucket/key?uploads", &headers, "").await.expect(200);
        assert_eq!(created.header("x-amz-checksum-algorithm"), algorithm);
        assert_eq!(created.header("x-amz-checksum-type"), kind);
        let id = created.element("UploadId").expect("an id");
        let uri = format!("/bucket/key?partNumber=1&uploadId={id}");
        let part = world.put(&uri, &[], "hello").await.expect(200);
        let (etag, sum) = (part.header("etag"), part.header(&name));
        assert!(!sum.is_empty(), "{algorithm}");
        let stated = [(name.as_str(), sum)];
        world.put(&uri, &stated, "hello").await.expect(200);
        world.put(&uri, &stated, "hellO").await.expect_error(400, "BadDigest");
        let other = if algorithm == "SHA256" { "x-amz-checksum-crc32" } else { "x-amz-checksum-sha256" };
        let value =
            if algorithm == "SHA256" { "NhCmhg==" } else { "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=" };
        world.put(&uri, &[(other, value)], "hello").await.expect_error(400, "InvalidRequest");

        let mode = if kind == "COMPOSITE" { "FULL_OBJECT" } else { "COMPOSITE" };
        complete(&world, &id, &[("x-amz-checksum-type", mode)], &[(1, etag)])
            .await
            .expect_error(400, "InvalidRequest");
        let done = complete(&world, &id, &[("x-amz-checksum-type", kind)], &[(1, etag)]).await.expect(200);
        let whole = done.element(&format!("Checksum{algorithm}")).expect("a checksum");
        assert!(whole.ends_with(suffix) && whole.contains('-') != suffix.is_empty(), "{algorithm} {whole}");
        assert_eq!(done.element("ChecksumType").as_deref(), Some(kind));
        let got = world.get("/bucket/key", &[("x-amz-checksum-mode", "ENABLED")]).await.expect(200);
        assert_eq!((got.header(&name), got.header("x-amz-checksum-type")), (whole.as_str(), kind));
        let part =
            world.get("/bucket/key?partNumber=1", &[("x-amz-checksum-mode", "ENABLED")]).await.expect(206);
        assert_eq!(part.header(&name), sum, "{algorithm}");
    }
    let wrong = [("x-amz-checksum-algorithm", "SHA1"), ("x-amz-checksum-type", "FULL_OBJECT")];
    world.post("/bucket/key?uploads", &wrong, "").await.expect_error(400, "InvalidRequest");
}

#[tokio::test]
async fn attributes() {
    let world = World::start().await;
    world.put("/bucket/plain", &[], "hello").await.expect(200);
    let all = ("x-amz-object-attributes", "ETag,Checksum,ObjectParts,StorageClass,ObjectSize");
    let got = world.get("/bucket/plain?attributes", &[all]).await.expect(200);
    assert_eq!(got.element("ETag").as_deref(), Some("5d41402abc4b2a76b9719d911017c592"));
    assert_eq!(got.element("ObjectSize").as_deref(), Some("5"));
    assert_eq!(got.element("StorageClass").as_deref(), Some("STANDARD"));
    assert_eq!(got.element("ChecksumType").as_deref(), Some("FULL_OBJECT"));
    assert_eq!(got.element("ObjectParts"), None);
    assert!(!got.header("last-modified").is_empty());

    let id = create(&world, &[("x-amz-checksum-algorithm", "CRC32")]).await;
    let etags = [upload(&world, &id, 1, &vec![b'a'; PART]).await, upload(&world, &id, 2, b"hello").await];
    complete(&world, &id, &[], &[(1, &etags[0]), (2, &etags[1])]).await.expect(200);
    let paged = [all, ("x-amz-max-parts", "1"), ("x-amz-part-number-marker", "1")];
    let got = world.get("/bucket/key?attributes", &paged).await.expect(200);
    assert_eq!(got.element("PartsCount").as_deref(), Some("2"));
    assert_eq!((got.elements("PartNumber"), got.elements("Size")), (vec!["2".into()], vec!["5".into()]));
    assert_eq!(got.element("IsTruncated").as_deref(), Some("false"));
    assert_eq!(got.elements("ChecksumCRC32").len(), 2);
    assert!(got.elements("ChecksumCRC32").contains(&"NhCmhg==".to_owned()));
    let got = world.get("/bucket/key?attributes", &[all, ("x-amz-max-parts", "1")]).await.expect(200);
    assert_eq!(got.element("NextPartNumberMarker").as_deref(), Some("1"));
    assert_eq!(got.element("IsTruncated").as_deref(), Some("true"));

    let wrong = [("x-amz-object-attributes", "Colour")];
    world.get("/bucket/plain?attributes", &wrong).await.expect_error(400, "InvalidArgument");
    world.get("/bucket/absent?attributes", &[all]).await.expect_error(404, "NoSuchKey");
}

#[tokio::test]
async fn uploads_are_listed_in_pages() {
    let world = World::start().await;
    let mut made = Vec::new();
    for key in ["a/1", "a/2", "b", "b", "c d"] {
        let uri = format!("/bucket/{}?uploads", key.replace(' ', "%20"));
        let id = world.post(&uri, &[], "").await.expect(200).element("UploadId").expect("an id");
        made.push((key.to_owned(), id));
    }
    made.sort();
    let mut listed = Vec::new();
    let mut uri = "/bucket?uploads&max-uploads=2".to_owned();
    loop {
        let page = world.call(Method::GET, &uri, &[], "").await.expect(200);
        listed.extend(page.elements("Key").into_iter().zip(page.elements("UploadId")));
        if page.element("IsTruncated").as_deref() != Some("true") {
            break;
        }
        let key = page.element("NextKeyMarker").expect("a key").replace(' ', "%20");
        let id = page.element("NextUploadIdMarker").expect("an id");
        uri = format!("/bucket?uploads&max-uploads=2&key-marker={key}&upload-id-marker={id}");
    }
    assert_eq!(listed, made);
    let rolled = world.get("/bucket?uploads&delimiter=/&max-uploads=1", &[]).await.expect(200);
    assert_eq!(rolled.elements("CommonPrefixes"), ["<Prefix>a/</Prefix>"]);
    assert_eq!(rolled.element("NextKeyMarker").as_deref(), Some("a/"));
    let next = world.get("/bucket?uploads&delimiter=/&key-marker=a/", &[]).await.expect(200);
    assert_eq!(next.elements("Key"), ["b", "b", "c d"]);
    let encoded = world.get("/bucket?uploads&prefix=c&encoding-type=url", &[]).await.expect(200);
    assert_eq!(encoded.elements("Key"), ["c%20d"]);
    assert_eq!(world.get("/bucket?uploads&key-marker=b", &[]).await.expect(200).elements("Key"), ["c d"]);
    for wrong in ["max-uploads=-1", "key-marker=b&upload-id-marker=x", "encoding-type=x"] {
        world.get(&format!("/bucket?uploads&{wrong}"), &[]).await.expect_error(400, "InvalidArgument");
    }
    world.get("/absent?uploads", &[]).await.expect_error(404, "NoSuchBucket");
    world.delete("/bucket", &[]).await.expect(204);
}
