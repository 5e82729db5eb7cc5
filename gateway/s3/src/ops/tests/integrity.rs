use super::world::World;

/// Of `hello`: MD5 and the five checksums, from AWS's and the algorithms' own descriptions.
const MD5: &str = "XUFAKrxLKna5cZ2REBfFkg==";
const SUMS: [(&str, &str); 5] = [
    ("x-amz-checksum-crc32", "NhCmhg=="),
    ("x-amz-checksum-crc32c", "mnG7TA=="),
    ("x-amz-checksum-crc64nvme", "M3eFcAZSQlc="),
    ("x-amz-checksum-sha1", "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
    ("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
];

#[tokio::test]
async fn checksums_are_verified_stored_and_returned() {
    let world = World::start().await;
    for (name, sum) in SUMS {
        let put = world.put("/bucket/key", &[(name, sum)], "hello").await.expect(200);
        assert_eq!((put.header(name), put.header("x-amz-checksum-type")), (sum, "FULL_OBJECT"));
        world.put_with_trailer("/bucket/trailed", name, Some(sum), "hello").await.expect(200);
        for uri in ["/bucket/key", "/bucket/trailed"] {
            let got = world.get(uri, &[("x-amz-checksum-mode", "ENABLED")]).await.expect(200);
            assert_eq!((got.header(name), got.header("x-amz-checksum-type")), (sum, "FULL_OBJECT"));
            let got = world.head(uri, &[("x-amz-checksum-mode", "ENABLED")]).await.expect(200);
            assert_eq!(got.header(name), sum);
            assert_eq!(world.get(uri, &[]).await.expect(200).header(name), "");
            let range = [("x-amz-checksum-mode", "ENABLED"), ("range", "bytes=1-2")];
            assert_eq!(world.get(uri, &range).await.expect(206).header(name), "");
        }
        let wrong = world.put("/bucket/wrong", &[(name, sum)], "hellO").await;
        wrong.expect_error(400, "BadDigest");
        let wrong = world.put_with_trailer("/bucket/wrong", name, Some(sum), "hellO").await;
        wrong.expect_error(400, "BadDigest");
    }
    world.head("/bucket/wrong", &[]).await.expect(404);
}

#[tokio::test]
async fn crc64nvme_is_kept_of_what_has_no_checksum() {
    let world = World::start().await;
    let put = world.put("/bucket/key", &[], "hello").await.expect(200);
    let (name, sum) = SUMS[2];
    assert_eq!(put.header(name), sum);
    assert_eq!(
        world.get("/bucket/key", &[("x-amz-checksum-mode", "enabled")]).await.expect(200).header(name),
        sum
    );
}

#[tokio::test]
async fn malformed_digests_are_told_from_wrong_ones() {
    let world = World::start().await;
    world.put("/bucket/key", &[("content-md5", MD5)], "hello").await.expect(200);
    for (headers, code) in [
        (&[("content-md5", MD5)][..], "BadDigest"),
        (&[("content-md5", "nonsense")], "InvalidDigest"),
        (&[("content-md5", "")], "InvalidDigest"),
        (&[("x-amz-checksum-crc32", "NhCm")], "InvalidRequest"),
        (&[SUMS[0], SUMS[1]], "InvalidRequest"),
        (&[("x-amz-sdk-checksum-algorithm", "SHA256"), SUMS[0]], "InvalidRequest"),
        (&[("x-amz-sdk-checksum-algorithm", "SHA256")], "InvalidRequest"),
    ] {
        world.put("/bucket/other", headers, "other").await.expect_error(400, code);
    }
    world
        .put("/bucket/other", &[("x-amz-checksum-sha512", "AAAA")], "other")
        .await
        .expect_error(501, "NotImplemented");
    let missing = world.put_with_trailer("/bucket/other", SUMS[0].0, None, "other").await;
    missing.expect_error(400, "MalformedTrailerError");
    let malformed = world.put_with_trailer("/bucket/other", SUMS[0].0, Some("x"), "other").await;
    malformed.expect_error(400, "InvalidRequest");
    world.head("/bucket/other", &[]).await.expect(404);
}

#[tokio::test]
async fn a_body_is_as_long_as_it_says() {
    let world = World::start().await;
    world.put("/bucket/key", &[("content-length", "6")], "hello").await.expect_error(400, "IncompleteBody");
    world
        .put("/bucket/key", &[("content-length", "5368709121")], "hello")
        .await
        .expect_error(400, "EntityTooLarge");
    world.head("/bucket/key", &[]).await.expect(404);
}
