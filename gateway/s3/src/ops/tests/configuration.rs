use super::world::World;

#[tokio::test]
async fn what_nobody_configured_is_said_to_be_absent() {
    let world = World::start().await;
    for (query, code) in [
        ("cors", "NoSuchCORSConfiguration"),
        ("encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ("lifecycle", "NoSuchLifecycleConfiguration"),
        ("object-lock", "ObjectLockConfigurationNotFoundError"),
        ("policy", "NoSuchBucketPolicy"),
        ("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
        ("tagging", "NoSuchTagSet"),
        ("website", "NoSuchWebsiteConfiguration"),
    ] {
        world.get(&format!("/bucket?{query}"), &[]).await.expect_error(404, code);
        world.get(&format!("/absent?{query}"), &[]).await.expect_error(404, "NoSuchBucket");
    }
    for query in ["acl", "versioning"] {
        world.get(&format!("/bucket?{query}"), &[]).await.expect(200);
        world.get(&format!("/absent?{query}"), &[]).await.expect_error(404, "NoSuchBucket");
    }
}

#[tokio::test]
async fn the_owner_has_full_control_and_objects_have_no_tags() {
    let world = World::start().await;
    world.put("/bucket/key", &[], "bytes").await.expect(200);
    for uri in ["/bucket?acl", "/bucket/key?acl"] {
        let acl = world.get(uri, &[]).await.expect(200);
        assert_eq!(acl.elements("ID"), ["owner-id", "owner-id"]);
        assert_eq!(acl.elements("Permission"), ["FULL_CONTROL"]);
        assert!(acl.text().contains("CanonicalUser"), "{}", acl.text());
    }
    assert!(world.get("/bucket/key?tagging", &[]).await.expect(200).text().contains("<TagSet></TagSet>"));
    for uri in ["/bucket/absent?acl", "/bucket/absent?tagging"] {
        world.get(uri, &[]).await.expect_error(404, "NoSuchKey");
    }
}

#[tokio::test]
async fn what_is_not_built_says_so_by_name() {
    let world = World::start().await;
    let answer = world.get("/bucket?versions", &[]).await.expect(501);
    assert!(answer.text().contains("ListObjectVersions"), "{}", answer.text());
    world.put("/bucket/key?tagging", &[], "<Tagging><TagSet></TagSet></Tagging>").await.expect(501);
    let form = [("content-type", "multipart/form-data; boundary=b")];
    let answer = world.post("/bucket", &form, "--b\r\n\r\n--b--\r\n").await;
    assert!(answer.status.is_client_error() || answer.status.as_u16() == 501, "{answer:?}");
}
