use std::sync::{Arc, OnceLock};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use md5::{Digest, Md5};
use namespace::{Checksum, ChecksumAlgorithm, ChecksumKind, ETag, EtagCondition};
use objects::{ExpectedValue, Integrity, MAX_BODY_BYTES, PutError};
use types::{Durability, VolumeId};

use super::{
    fakes::{Commits, Fixture, Mode},
    support::*,
};

#[tokio::test]
async fn what_is_put_is_stored_and_told() {
    let fixture = Fixture::new(settings()).await;
    for size in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17] {
        let data = bytes(size, size as u64);
        let stored = put(&fixture.objects, "a/b", &data).await.expect("stores");
        let object = &stored.object;
        assert_eq!(object.size_bytes, size as u64);
        assert_eq!(object.etag, ETag { md5: Md5::digest(&data).into(), parts: None });
        let crc = crc_fast::crc64_nvme(&data).to_be_bytes().to_vec();
        let checksum =
            Checksum { algorithm: ChecksumAlgorithm::Crc64Nvme, kind: ChecksumKind::FullObject, value: crc };
        assert_eq!(object.checksum, Some(checksum));
        assert_eq!(object.metadata, [("colour".to_owned(), "blue".to_owned())]);
        assert_eq!(object.needles().count(), size.div_ceil(CHUNK), "{size}");
        assert_eq!(stored.durability, Durability::Memory, "the store's is the weakest");
        assert_eq!(fixture.objects.lookup(&bucket(), &key("a/b")).await.expect("is there"), *object);
        assert_eq!(get(&fixture.objects, "a/b").await.expect("reads"), data);
    }
    assert_eq!(fixture.objects.buffered_bytes(), 0);
}

#[tokio::test]
async fn needles_name_their_object() {
    let fixture = Fixture::new(settings()).await;
    let small = put(&fixture.objects, "a/cat.txt", &bytes(10, 1)).await.expect("stores").object;
    let needle = fixture.cluster.needle(small.needles().next().unwrap()).unwrap();
    assert_eq!(needle.pairs, r#"{"Seaweed-Bucket":"photos","Seaweed-Key":"a/cat.txt"}"#);
    assert_eq!((needle.name.as_str(), needle.mime.as_str()), ("cat.txt", "text/plain"));

    let large = put(&fixture.objects, "dog", &bytes(2 * CHUNK + 1, 1)).await.expect("stores").object;
    let pairs: Vec<serde_json::Value> = large
        .needles()
        .map(|fid| serde_json::from_slice(&fixture.cluster.needle(fid).unwrap().pairs).unwrap())
        .collect();
    assert_eq!(pairs.len(), 3);
    assert_eq!(pairs[0]["Seaweed-Offset"], serde_json::Value::Null);
    assert_eq!(pairs[2]["Seaweed-Offset"], "2000");
    assert_eq!(pairs[1]["Seaweed-Last"], serde_json::Value::Null);
    assert_eq!(pairs[2]["Seaweed-Last"], "true");
    assert_eq!(pairs[0]["Seaweed-Write"], pairs[2]["Seaweed-Write"]);
}

#[tokio::test]
async fn a_body_in_one_frame_is_not_copied() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(CHUNK, 1);
    fixture.objects.put(put_of("k", sized(&data)), body(&data, CHUNK)).await.expect("stores");
    assert_eq!(fixture.cluster.state.lock().last_buffer, data.as_ptr() as usize);
}

#[tokio::test]
async fn a_body_of_undeclared_size() {
    let fixture = Fixture::new(settings()).await;
    for size in [0, 1, CHUNK, 2 * CHUNK, 2 * CHUNK + 1] {
        let data = bytes(size, 3);
        let put = put_of("k", Integrity::default());
        fixture.objects.put(put, body(&data, 77)).await.expect("stores");
        assert_eq!(get(&fixture.objects, "k").await.expect("reads"), data);
    }
}

/// Every way in which a body is not what it should be, by the error it must get.
fn wrongs(data: &Bytes) -> Vec<(&'static str, Integrity)> {
    let size = data.len() as u64;
    let crc32 = ChecksumAlgorithm::Crc32;
    vec![
        ("md5", Integrity { md5: Some([0; 16]), ..sized(data) }),
        ("longer", Integrity { size_bytes: Some(size + 1), ..Integrity::default() }),
        ("shorter", Integrity { size_bytes: Some(size - 1), ..Integrity::default() }),
        ("header", expected(crc32, ExpectedValue::Known(vec![0; 4]))),
        ("no header", expected(crc32, ExpectedValue::Known(vec![0; 5]))),
        ("no trailer", expected(crc32, ExpectedValue::Trailer(Arc::default()))),
    ]
}

#[track_caller]
fn check_wrong(which: &str, error: &PutError) {
    let right = match which {
        "md5" => matches!(error, PutError::BadDigest),
        "longer" | "shorter" => matches!(error, PutError::IncompleteBody { .. }),
        "header" | "trailer" => matches!(error, PutError::BadChecksum(ChecksumAlgorithm::Crc32)),
        "no header" | "no base64" => matches!(error, PutError::InvalidChecksum(ChecksumAlgorithm::Crc32)),
        "no trailer" => matches!(error, PutError::MissingTrailer),
        other => panic!("{other}"),
    };
    assert!(right, "{which}: {error:?}");
}

#[tokio::test]
async fn a_wrong_body_of_one_chunk_writes_nothing() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(CHUNK, 1);
    for (which, integrity) in wrongs(&data) {
        let error = fixture.objects.put(put_of("k", integrity), body(&data, 300)).await.expect_err(which);
        check_wrong(which, &error);
    }
    for (which, sent) in [("trailer", BASE64_STANDARD.encode([0; 4])), ("no base64", "=".into())] {
        let cell: Arc<OnceLock<String>> = Arc::default();
        let integrity = expected(ChecksumAlgorithm::Crc32, ExpectedValue::Trailer(Arc::clone(&cell)));
        let body = body_with_trailer(&data, 300, cell, sent);
        let error = fixture.objects.put(put_of("k", integrity), body).await.expect_err(which);
        check_wrong(which, &error);
    }
    assert_eq!(fixture.cluster.state.lock().writes, 0);
    assert!(fixture.objects.lookup(&bucket(), &key("k")).await.is_err());
}

#[tokio::test]
async fn a_wrong_body_of_several_chunks_leaves_nothing() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(3 * CHUNK + 17, 1);
    for (which, integrity) in wrongs(&data) {
        let error = fixture.objects.put(put_of("k", integrity), body(&data, 300)).await.expect_err(which);
        check_wrong(which, &error);
    }
    assert!(fixture.cluster.state.lock().writes > 0);
    assert!(fixture.objects.lookup(&bucket(), &key("k")).await.is_err());
    eventually("no needle is left", || async { fixture.cluster.needles(0).is_empty() }).await;
    fixture.reaped().await;
    assert_eq!(fixture.objects.buffered_bytes(), 0);
}

#[tokio::test]
async fn right_values_are_accepted() {
    let fixture = Fixture::new(settings()).await;
    for size in [CHUNK, 2 * CHUNK] {
        let data = bytes(size, 1);
        let crc = crc_fast::crc32_iso_hdlc(&data).to_be_bytes();
        let known = Integrity {
            md5: Some(Md5::digest(&data).into()),
            size_bytes: Some(size as u64),
            ..expected(ChecksumAlgorithm::Crc32, ExpectedValue::Known(crc.to_vec()))
        };
        let stored = fixture.objects.put(put_of("k", known), body(&data, 300)).await.expect("stores");
        assert_eq!(stored.object.checksum.unwrap().value, crc);

        let cell: Arc<OnceLock<String>> = Arc::default();
        let integrity = expected(ChecksumAlgorithm::Crc32, ExpectedValue::Trailer(Arc::clone(&cell)));
        let body = body_with_trailer(&data, 300, cell, BASE64_STANDARD.encode(crc));
        fixture.objects.put(put_of("k", integrity), body).await.expect("stores");
    }
}

#[tokio::test]
async fn bodies_over_five_gib_are_refused_unread() {
    let fixture = Fixture::new(settings()).await;
    let integrity = Integrity { size_bytes: Some(MAX_BODY_BYTES + 1), ..Integrity::default() };
    let unread: objects::Body = Box::pin(futures::stream::poll_fn(|_| panic!("the body is read")));
    let error = fixture.objects.put(put_of("k", integrity), unread).await.expect_err("too large");
    assert!(matches!(error, PutError::TooLarge), "{error:?}");
}

#[tokio::test]
async fn a_refused_commit_frees_the_needles() {
    let fixture = Fixture::new(settings()).await;
    put(&fixture.objects, "k", &bytes(10, 1)).await.expect("stores");
    for size in [10, 2 * CHUNK] {
        let data = bytes(size, 2);
        let mut second = put_of("k", sized(&data));
        second.preconditions.if_none_match = Some(EtagCondition::Any);
        let error = fixture.objects.put(second, body(&data, 300)).await.expect_err("there is one");
        assert!(matches!(error, PutError::PreconditionFailed), "{error:?}");
    }
    eventually("one needle is left", || async { fixture.cluster.needles(0).len() == 1 }).await;
    assert_eq!(get(&fixture.objects, "k").await.expect("reads"), bytes(10, 1));
}

#[tokio::test]
async fn a_bucket_that_is_not_there_gets_no_volumes() {
    let fixture = Fixture::new(settings()).await;
    for size in [10, 2 * CHUNK] {
        let data = bytes(size, 1);
        let mut put = put_of("k", sized(&data));
        put.bucket = "elsewhere".parse().unwrap();
        let error = fixture.objects.put(put, body(&data, 300)).await.expect_err("no bucket");
        assert!(matches!(error, PutError::NoSuchBucket), "{error:?}");
    }
    assert_eq!(fixture.cluster.state.lock().assigns, 0);
}

#[tokio::test]
async fn needles_of_a_commit_in_doubt_are_kept() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(2 * CHUNK, 1);
    *fixture.store.commits.lock() = Commits::Doubt;
    let error = put(&fixture.objects, "k", &data).await.expect_err("in doubt");
    assert!(matches!(error, PutError::InDoubt(_)), "{error:?}");
    *fixture.store.commits.lock() = Commits::Work;
    fixture.objects.close().await;
    assert_eq!(fixture.intents().await, []);
    assert_eq!(get(&fixture.objects, "k").await.expect("it was stored after all"), data);
}

#[tokio::test]
async fn needles_of_a_failed_commit_are_freed_when_the_store_is_back() {
    let fixture = Fixture::new(settings()).await;
    *fixture.store.commits.lock() = Commits::Fail;
    let error = put(&fixture.objects, "k", &bytes(2 * CHUNK, 1)).await.expect_err("not applied");
    assert!(matches!(error, PutError::Unavailable(_)), "{error:?}");
    assert_eq!(fixture.cluster.needles(0).len(), 2);
    *fixture.store.commits.lock() = Commits::Work;
    eventually("no needle is left", || async { fixture.cluster.needles(0).is_empty() }).await;
}

#[tokio::test]
async fn a_write_in_doubt_goes_elsewhere_and_is_freed() {
    let fixture = Fixture::new(settings()).await;
    fixture.cluster.name_writable(&[2, 1]); // the second is named first
    fixture.cluster.set(0, 1, Mode::Deaf);
    let data = bytes(10, 1);
    let stored = put(&fixture.objects, "k", &data).await.expect("stores");
    let needle = stored.object.needles().next().unwrap();
    assert_eq!(needle.volume, VolumeId(2));
    fixture.cluster.set(0, 1, Mode::Well);
    eventually("the doubtful needle is gone", || async { fixture.cluster.needles(0) == [needle] }).await;
}
