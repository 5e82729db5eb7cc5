use base64::{Engine, engine::general_purpose::STANDARD};
use s3s::crypto::{Checksum, Crc32, Md5};

use super::world::{Answer, World};

fn document(keys: &[&str], quiet: bool) -> String {
    let objects: String = keys.iter().map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
    format!("<Delete>{objects}<Quiet>{quiet}</Quiet></Delete>")
}

async fn delete(world: &World, document: &str) -> Answer {
    let md5 = STANDARD.encode(Md5::checksum(document.as_bytes()));
    world.post("/bucket?delete", &[("content-md5", &md5)], document.to_owned()).await
}

#[tokio::test]
async fn many_keys_are_deleted_at_once() {
    let world = World::start().await;
    for key in ["a", "b%26c", "d"] {
        world.put(&format!("/bucket/{key}"), &[], "x").await.expect(200);
    }
    let answer =
        delete(&world, &document(&["a", "b&amp;c", "absent", &"l".repeat(1025)], false)).await.expect(200);
    assert_eq!(answer.elements("Deleted").len(), 3);
    assert_eq!(answer.elements("Code"), ["KeyTooLongError"]);
    assert!(answer.elements("Key").contains(&"b&c".to_owned()));
    assert_eq!(world.get("/bucket", &[]).await.expect(200).elements("Key"), ["d"]);
    let quiet = delete(&world, &document(&["d", ""], true)).await.expect(200);
    assert_eq!(quiet.elements("Deleted").len(), 0);
    assert_eq!(quiet.elements("Code"), ["UserKeyMustBeSpecified"]);
    assert_eq!(world.get("/bucket", &[]).await.expect(200).elements("Key").len(), 0);
}

#[tokio::test]
async fn a_delete_is_carried_out_only_as_it_was_sent() {
    let world = World::start().await;
    world.put("/bucket/a", &[], "x").await.expect(200);
    let body = document(&["a"], false);
    let crc32 = STANDARD.encode(Crc32::checksum(body.as_bytes()));
    let wrong = STANDARD.encode(Crc32::checksum(b"other"));
    world.post("/bucket?delete", &[], body.clone()).await.expect_error(400, "InvalidRequest");
    let answer =
        world.post("/bucket?delete", &[("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg==")], body.clone()).await;
    answer.expect_error(400, "BadDigest");
    let answer = world.post("/bucket?delete", &[("x-amz-checksum-crc32", &wrong)], body.clone()).await;
    answer.expect_error(400, "BadDigest");
    world.head("/bucket/a", &[]).await.expect(200);
    world.post("/bucket?delete", &[("x-amz-checksum-crc32", &crc32)], body.clone()).await.expect(200);
    world.head("/bucket/a", &[]).await.expect(404);
}

#[tokio::test]
async fn a_delete_has_1_to_1000_keys() {
    let world = World::start().await;
    let keys: Vec<String> = (0..1001).map(|number| format!("k{number}")).collect();
    let mut keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    delete(&world, &document(&keys, false)).await.expect_error(400, "MalformedXML");
    keys.pop();
    assert_eq!(delete(&world, &document(&keys, false)).await.expect(200).elements("Deleted").len(), 1000);
    delete(&world, "<Delete></Delete>").await.expect(400);
    delete(&world, "<Delete><Object></Delete>").await.expect(400);
    let elsewhere = document(&["a"], false);
    let md5 = STANDARD.encode(Md5::checksum(elsewhere.as_bytes()));
    world.post("/absent?delete", &[("content-md5", &md5)], elsewhere).await.expect_error(404, "NoSuchBucket");
}

#[tokio::test]
async fn each_key_has_its_own_condition() {
    let world = World::start().await;
    world.put("/bucket/a", &[], "hello").await.expect(200);
    world.put("/bucket/b", &[], "hello").await.expect(200);
    let body = "<Delete><Object><Key>a</Key><ETag>\"5d41402abc4b2a76b9719d911017c592\"</ETag></Object>\
                <Object><Key>b</Key><ETag>other</ETag></Object>\
                <Object><Key>b</Key><Size>5</Size></Object>\
                <Object><Key>b</Key><VersionId>3</VersionId></Object></Delete>";
    let answer = delete(&world, body).await.expect(200);
    assert_eq!(answer.elements("Deleted").len(), 1);
    assert_eq!(answer.elements("Code"), ["PreconditionFailed", "NotImplemented", "InvalidArgument"]);
    world.head("/bucket/a", &[]).await.expect(404);
    world.head("/bucket/b", &[]).await.expect(200);
}

#[tokio::test]
async fn keys_of_any_characters_are_meant_as_they_are() {
    let world = World::start().await;
    let keys = [
        ("%20a%20", " a "),
        ("a%0A", "a\n"),
        ("a%0D", "a&#13;"),
        ("%01", "&#1;"),
        ("a%3Cb%3E%26%22", "a&lt;b&gt;&amp;&quot;"),
        ("%C3%BC", "&#xfc;"),
        ("%F0%9F%A6%80", "&#129408;"),
        ("a//b/", "a//b/"),
    ];
    for (key, _) in keys {
        world.put(&format!("/bucket/{key}"), &[], "x").await.expect(200);
    }
    let listed: Vec<&str> = keys.iter().map(|(_, key)| *key).collect();
    let answer = delete(&world, &document(&listed, false)).await.expect(200);
    assert_eq!(answer.elements("Deleted").len(), keys.len(), "{}", answer.text());
    assert!(answer.text().contains("<Key>a&#13;</Key>"), "{}", answer.text());
    assert_eq!(world.get("/bucket", &[]).await.expect(200).elements("Key"), [""; 0]);
}

#[tokio::test]
async fn what_s3s_would_skip_in_a_document_is_refused() {
    let world = World::start().await;
    world.put("/bucket/a", &[], "x").await.expect(200);
    let body = "<Delete><Object><Key>a<![CDATA[b]]></Key></Object></Delete>";
    delete(&world, body).await.expect_error(400, "MalformedXML");
    let bomb = "<!DOCTYPE d [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><Delete><Object><Key>&b;</Key></Object></Delete>";
    delete(&world, bomb).await.expect(400);
    world.head("/bucket/a", &[]).await.expect(200);
}

#[tokio::test]
async fn a_document_is_bounded() {
    let world = World::start().await;
    let large = vec![b' '; (8 << 20) + 1];
    let md5 = STANDARD.encode(Md5::checksum(&large));
    let answer = world.post("/bucket?delete", &[("content-md5", &md5)], large).await;
    answer.expect(400);
}
