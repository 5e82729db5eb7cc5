use std::collections::BTreeSet;

use proptest::prelude::*;

use super::world::{Answer, World};
use crate::encoding;

#[tokio::test]
async fn version_2() {
    let world = World::start().await;
    for key in ["a", "b/1", "b/2", "c%20d", "e"] {
        world.put(&format!("/bucket/{key}"), &[], "hello").await.expect(200);
    }
    let all = world.get("/bucket?list-type=2", &[]).await.expect(200);
    assert_eq!(all.header("content-type"), "application/xml");
    assert_eq!(all.elements("Key"), ["a", "b/1", "b/2", "c d", "e"]);
    assert_eq!(all.element("KeyCount").as_deref(), Some("5"));
    assert_eq!(all.element("MaxKeys").as_deref(), Some("1000"));
    assert_eq!(all.element("Prefix").as_deref(), Some(""));
    assert_eq!(all.element("IsTruncated").as_deref(), Some("false"));
    assert_eq!(all.element("ETag").as_deref(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    assert_eq!(all.element("Size").as_deref(), Some("5"));
    assert_eq!(all.element("StorageClass").as_deref(), Some("STANDARD"));
    assert_eq!(all.element("ChecksumAlgorithm").as_deref(), Some("CRC64NVME"));
    for absent in
        ["Delimiter", "StartAfter", "ContinuationToken", "NextContinuationToken", "Owner", "EncodingType"]
    {
        assert_eq!(all.element(absent), None, "{absent}");
    }
    let page =
        world.get("/bucket?list-type=2&delimiter=/&max-keys=2&fetch-owner=true", &[]).await.expect(200);
    assert_eq!((page.elements("Key"), page.elements("CommonPrefixes").len()), (vec!["a".into()], 1));
    assert_eq!(page.element("KeyCount").as_deref(), Some("2"));
    assert_eq!(page.element("ID").as_deref(), Some("owner-id"));
    let token = page.element("NextContinuationToken").expect("a next page");
    let uri = format!("/bucket?list-type=2&delimiter=/&continuation-token={token}&start-after=zzz");
    let page = world.get(&uri, &[]).await.expect(200);
    assert_eq!(page.elements("Key"), ["c d", "e"]);
    assert_eq!(page.element("ContinuationToken"), Some(token));
    assert_eq!(page.element("StartAfter").as_deref(), Some("zzz"));
    let page =
        world.get("/bucket?list-type=2&start-after=b/1&encoding-type=url&delimiter=+", &[]).await.expect(200);
    assert_eq!(page.elements("Key"), ["b/2", "e"]);
    assert_eq!(page.elements("CommonPrefixes"), ["<Prefix>c%20</Prefix>"]);
    assert_eq!(page.element("Delimiter").as_deref(), Some("%20"));
    assert_eq!(page.element("EncodingType").as_deref(), Some("url"));
}

#[tokio::test]
async fn version_1() {
    let world = World::start().await;
    for key in ["a", "b/1", "b/2", "c"] {
        world.put(&format!("/bucket/{key}"), &[], "hello").await.expect(200);
    }
    let page = world.get("/bucket?max-keys=2", &[]).await.expect(200);
    assert_eq!(page.elements("Key"), ["a", "b/1"]);
    assert_eq!((page.element("NextMarker"), page.element("Marker")), (None, Some(String::new())));
    assert_eq!(page.element("IsTruncated").as_deref(), Some("true"));
    assert_eq!(page.elements("ID"), ["owner-id", "owner-id"]);
    assert_eq!(page.element("KeyCount"), None);
    let page = world.get("/bucket?max-keys=2&delimiter=/", &[]).await.expect(200);
    assert_eq!(page.element("NextMarker").as_deref(), Some("b/"));
    let page = world.get("/bucket?delimiter=/&marker=b/", &[]).await.expect(200);
    assert_eq!((page.elements("Key"), page.elements("CommonPrefixes").len()), (vec!["c".into()], 0));
    assert_eq!(page.element("Marker").as_deref(), Some("b/"));
}

#[tokio::test]
async fn limits_and_nonsense() {
    let world = World::start().await;
    world.put("/bucket/a", &[], "").await.expect(200);
    for version in ["", "list-type=2&"] {
        let none = world.get(&format!("/bucket?{version}max-keys=0"), &[]).await.expect(200);
        assert_eq!(none.elements("Key").len(), 0);
        assert_eq!(none.element("IsTruncated").as_deref(), Some("false"));
        let many = world.get(&format!("/bucket?{version}max-keys=100000&delimiter="), &[]).await.expect(200);
        assert_eq!((many.element("MaxKeys").as_deref(), many.element("Delimiter")), (Some("1000"), None));
        for wrong in ["max-keys=-1", "max-keys=x", "max-keys=99999999999", "encoding-type=base64"] {
            world.get(&format!("/bucket?{version}{wrong}"), &[]).await.expect_error(400, "InvalidArgument");
        }
        world.get(&format!("/absent?{version}max-keys=0"), &[]).await.expect_error(404, "NoSuchBucket");
    }
    world
        .get("/bucket?list-type=2&continuation-token=nonsense", &[])
        .await
        .expect_error(400, "InvalidArgument");
    world.get("/bucket?list-type=2&continuation-token=", &[]).await.expect(200);
}

/// What S3 promises: keys and common prefixes of the model in byte order.
fn model(keys: &BTreeSet<String>, prefix: &str, delimiter: &str, after: &str) -> Vec<String> {
    let mut lines = BTreeSet::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let rolled = match key[prefix.len()..].find(delimiter) {
            Some(at) if !delimiter.is_empty() => &key[..prefix.len() + at + delimiter.len()],
            _ => key,
        };
        if rolled > after {
            lines.insert(rolled.to_owned());
        }
    }
    lines.into_iter().collect()
}

/// The lines of a page, in byte order.
fn lines(page: &Answer) -> Vec<String> {
    let prefixes = page.elements("CommonPrefixes").into_iter();
    let prefixes = prefixes.map(|inner| inner.replace("<Prefix>", "").replace("</Prefix>", ""));
    let mut lines: Vec<String> =
        page.elements("Key").into_iter().chain(prefixes).map(|line| decoded(&line)).collect();
    lines.sort();
    lines
}

fn decoded(text: &str) -> String {
    let bytes = encoding::decode(text.as_bytes()).expect("percent-encoding");
    String::from_utf8(bytes.into_owned()).expect("UTF-8")
}

fn encoded(text: &str) -> String {
    String::from_utf8(encoding::encoded(text)).expect("ASCII")
}

/// All lines over all pages, from the one that starts `after`.
async fn all_pages(world: &World, version: u8, query: &str, after: &str) -> Vec<String> {
    let (list_type, start) = if version == 2 { ("&list-type=2", "start-after") } else { ("", "marker") };
    let mut all = Vec::new();
    let mut from = format!("&{start}={}", encoded(after));
    loop {
        let page =
            world.get(&format!("/bucket?encoding-type=url{list_type}{query}{from}"), &[]).await.expect(200);
        let found = lines(&page);
        assert!(found.len() <= page.element("MaxKeys").and_then(|max| max.parse().ok()).expect("a limit"));
        assert_eq!(page.element("KeyCount"), (version == 2).then(|| found.len().to_string()));
        let last = found.last().map(|line| encoded(line));
        all.extend(found);
        if page.element("IsTruncated").as_deref() != Some("true") {
            return all;
        }
        from = match version {
            2 => format!("&continuation-token={}", page.element("NextContinuationToken").expect("a token")),
            _ => format!("&marker={}", page.element("NextMarker").or(last).expect("a marker")),
        };
    }
}

#[test]
fn listings_equal_a_model_across_pages() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let world = runtime.block_on(World::start());
    let key = "[a-c/\u{1}ü+]{1,6}";
    let strategy = (
        proptest::collection::btree_set(key, 0..25),
        "[a-c/]{0,2}",
        prop_oneof![Just(String::new()), Just("/".to_owned()), Just("ü".to_owned()), "[a-c/]{1,2}"],
        prop_oneof![Just(String::new()), key],
        1_usize..7,
        1_u8..3,
    );
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(48));
    let outcome = runner.run(&strategy, |(keys, prefix, delimiter, after, max_keys, version)| {
        let found = runtime.block_on(async {
            for key in &keys {
                world.put(&format!("/bucket/{}", encoded(key)), &[], "").await.expect(200);
            }
            let (prefix, delimiter) = (encoded(&prefix), encoded(&delimiter));
            let query = format!("&max-keys={max_keys}&prefix={prefix}&delimiter={delimiter}");
            let found = all_pages(&world, version, &query, &after).await;
            for key in &keys {
                world.delete(&format!("/bucket/{}", encoded(key)), &[]).await.expect(204);
            }
            found
        });
        prop_assert_eq!(found, model(&keys, &prefix, &delimiter, &after));
        Ok(())
    });
    outcome.expect("listings equal the model");
}
