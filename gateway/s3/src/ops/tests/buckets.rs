use super::world::World;

#[tokio::test]
async fn a_bucket_is_made_found_and_deleted() {
    let world = World::start_in("eu-central-1").await;
    let made = world.put("/bucket", &[], "").await.expect(200);
    assert_eq!(made.header("location"), "/bucket");
    world.put("/bucket", &[], "").await.expect_error(409, "BucketAlreadyOwnedByYou");
    assert_eq!(world.head("/bucket", &[]).await.expect(200).header("x-amz-bucket-region"), "eu-central-1");
    let location = world.get("/bucket?location", &[]).await.expect(200).text();
    assert!(location.contains(">eu-central-1</LocationConstraint>"), "{location}");
    world.put("/bucket/key", &[], "bytes").await.expect(200);
    world.delete("/bucket", &[]).await.expect_error(409, "BucketNotEmpty");
    world.delete("/bucket/key", &[]).await.expect(204);
    world.delete("/bucket", &[]).await.expect(204);
    world.delete("/bucket", &[]).await.expect_error(404, "NoSuchBucket");
    world.head("/bucket", &[]).await.expect(404);
    world.get("/bucket?location", &[]).await.expect_error(404, "NoSuchBucket");
}

#[tokio::test]
async fn us_east_1_forgives_making_a_bucket_again_and_has_no_location() {
    let world = World::start().await;
    world.put("/bucket", &[], "").await.expect(200);
    let location = world.get("/bucket?location", &[]).await.expect(200).text();
    assert!(location.contains("LocationConstraint") && !location.contains("us-east-1"), "{location}");
    let elsewhere = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    world.put("/other", &[], elsewhere).await.expect_error(400, "IllegalLocationConstraintException");
    world.put("/other", &[], "<Nonsense").await.expect(400);
}

#[tokio::test]
async fn a_bucket_asked_for_with_what_is_not_built_is_not_made() {
    let world = World::start().await;
    world
        .put("/locked", &[("x-amz-bucket-object-lock-enabled", "true")], "")
        .await
        .expect_error(501, "NotImplemented");
    world
        .put("/public", &[("x-amz-acl", "public-read")], "")
        .await
        .expect_error(400, "AccessControlListNotSupported");
    world.put("/sthree-reserved", &[], "").await.expect_error(400, "InvalidBucketName");
    world.head("/locked", &[]).await.expect(404);
    world.head("/public", &[]).await.expect(404);
}

#[tokio::test]
async fn buckets_are_listed_in_pages() {
    let world = World::start_in("us-east-1").await;
    for name in ["aa1", "aa2", "ab1", "ba1"] {
        world.put(&format!("/{name}"), &[], "").await.expect(200);
    }
    let all = world.get("/", &[]).await.expect(200);
    assert_eq!(all.elements("Name"), ["aa1", "aa2", "ab1", "ba1"]);
    assert_eq!(all.element("ID").as_deref(), Some("owner-id"));
    assert_eq!(all.element("BucketRegion"), None);
    let first = world.get("/?prefix=a&max-buckets=2", &[]).await.expect(200);
    assert_eq!(first.elements("Name"), ["aa1", "aa2"]);
    assert_eq!(first.element("BucketRegion").as_deref(), Some("us-east-1"));
    let token = first.element("ContinuationToken").expect("a next page");
    let second =
        world.get(&format!("/?prefix=a&max-buckets=2&continuation-token={token}"), &[]).await.expect(200);
    assert_eq!(second.elements("Name"), ["ab1"]);
    assert_eq!(second.element("ContinuationToken"), None);
    assert_eq!(world.get("/?bucket-region=eu-west-1", &[]).await.expect(200).elements("Name"), [""; 0]);
    for wrong in ["/?max-buckets=0", "/?max-buckets=10001", "/?max-buckets=x", "/?continuation-token=x"] {
        world.get(wrong, &[]).await.expect_error(400, "InvalidArgument");
    }
}

#[tokio::test]
async fn a_bucket_of_another_owner_than_expected_is_left_alone() {
    let world = World::start().await;
    let other = [("x-amz-expected-bucket-owner", "somebody")];
    let owner = [("x-amz-expected-bucket-owner", "owner-id")];
    world.put("/bucket/key", &owner, "bytes").await.expect(200);
    world.put("/bucket/key", &other, "other").await.expect_error(403, "AccessDenied");
    world.get("/bucket/key", &other).await.expect_error(403, "AccessDenied");
    world.delete("/bucket/key", &other).await.expect_error(403, "AccessDenied");
    world.get("/bucket", &other).await.expect_error(403, "AccessDenied");
    world.delete("/bucket", &other).await.expect_error(403, "AccessDenied");
    assert_eq!(world.get("/bucket/key", &owner).await.expect(200).text(), "bytes");
}
