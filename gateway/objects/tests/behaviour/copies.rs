use std::sync::atomic::Ordering;

use md5::{Digest, Md5};
use namespace::{
    ChecksumAlgorithm, ChecksumKind, ContentHeaders, ETag, EtagCondition, ReadPreconditions,
    UploadChecksumKind, WritePreconditions,
};
use objects::{Copy, CopyError, PutError, ReadFailure, Source};

use super::{
    fakes::{Fixture, Mode},
    multipart::{completion, number, start},
    support::*,
};

fn source(name: &str) -> Source {
    Source { bucket: bucket(), key: key(name), preconditions: ReadPreconditions::default() }
}

pub fn copy_of(from: &str, to: &str) -> Copy {
    Copy {
        source: source(from),
        bucket: bucket(),
        key: key(to),
        replacement: None,
        storage_class: None,
        checksum: None,
        preconditions: WritePreconditions::default(),
    }
}

fn replacement() -> Option<(ContentHeaders, Vec<(String, String)>)> {
    Some((ContentHeaders::default(), vec![("colour".into(), "red".into())]))
}

#[tokio::test]
async fn copies_have_their_own_needles() {
    let fixture = Fixture::new(settings()).await;
    for size in [0, 1, CHUNK, 3 * CHUNK + 17] {
        let data = bytes(size, 1);
        let original = put(&fixture.objects, "from", &data).await.expect("stores").object;
        let copied = fixture.objects.copy(copy_of("from", "to")).await.expect("copies").object;
        assert_eq!((copied.etag, &copied.checksum), (original.etag, &original.checksum));
        assert_eq!((&copied.headers, &copied.metadata), (&original.headers, &original.metadata));
        assert!(copied.needles().all(|fid| original.needles().all(|other| other != fid)));
        fixture.objects.delete(&bucket(), &key("from"), Default::default()).await.expect("deletes");
        fixture.reaped().await;
        assert_eq!(get(&fixture.objects, "to").await.expect("reads"), data);
    }
    let needle = fixture.cluster.needle(*fixture.cluster.needles(0).first().unwrap()).unwrap();
    let pairs: serde_json::Value = serde_json::from_slice(&needle.pairs).unwrap();
    assert_eq!(pairs["Seaweed-Key"], "to");
    assert_eq!(fixture.objects.buffered_bytes(), 0);
}

#[tokio::test]
async fn replacement_class_and_checksum() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(2 * CHUNK, 1);
    put(&fixture.objects, "from", &data).await.expect("stores");
    let copy = Copy {
        replacement: replacement(),
        storage_class: Some("GLACIER".into()),
        checksum: Some(ChecksumAlgorithm::Sha256),
        ..copy_of("from", "to")
    };
    let copied = fixture.objects.copy(copy).await.expect("copies").object;
    assert_eq!(copied.headers, ContentHeaders::default());
    assert_eq!(copied.metadata, [("colour".to_owned(), "red".to_owned())]);
    assert_eq!(copied.storage_class, "GLACIER");
    let checksum = copied.checksum.unwrap();
    assert_eq!(checksum.algorithm, ChecksumAlgorithm::Sha256);
    assert_eq!(checksum.value, sha2::Sha256::digest(&data).to_vec());
}

#[tokio::test]
async fn onto_itself_moves_no_bytes() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(2 * CHUNK, 1);
    let before = put(&fixture.objects, "k", &data).await.expect("stores").object;
    let writes = fixture.cluster.state.lock().writes;
    let error = fixture.objects.copy(copy_of("k", "k")).await.expect_err("changes nothing");
    assert!(matches!(error, CopyError::OntoItself), "{error:?}");
    let copy = Copy { replacement: replacement(), ..copy_of("k", "k") };
    let after = fixture.objects.copy(copy).await.expect("rewrites").object;
    assert_eq!(after.metadata, [("colour".to_owned(), "red".to_owned())]);
    assert_eq!((after.etag, &after.parts), (before.etag, &before.parts));
    let copy = Copy { storage_class: Some("GLACIER".into()), ..copy_of("k", "k") };
    assert_eq!(fixture.objects.copy(copy).await.expect("rewrites").object.storage_class, "GLACIER");
    assert_eq!(fixture.cluster.state.lock().writes, writes);
    assert_eq!(fixture.intents().await, []);

    let copy = Copy { checksum: Some(ChecksumAlgorithm::Sha1), ..copy_of("k", "k") };
    let after = fixture.objects.copy(copy).await.expect("copies").object;
    assert_eq!(after.checksum.unwrap().value, sha1::Sha1::digest(&data).to_vec());
    assert_eq!(get(&fixture.objects, "k").await.expect("reads"), data);
    fixture.reaped().await;
    assert_eq!(fixture.cluster.needles(0).len(), 2);
}

/// A PUT that was acknowledged while the bytes were copied is copied in their place, not overwritten by them.
#[tokio::test]
async fn onto_itself_never_brings_back_what_was_replaced() {
    let fixture = Fixture::new(settings()).await;
    put(&fixture.objects, "k", &bytes(10, 1)).await.expect("stores");
    fixture.cluster.shut_gate();
    let objects = fixture.objects.clone();
    let copy = Copy { checksum: Some(ChecksumAlgorithm::Sha1), ..copy_of("k", "k") };
    let copying = tokio::spawn(async move { objects.copy(copy).await });
    eventually("it writes", || async { fixture.cluster.writing.load(Ordering::SeqCst) == 1 }).await;
    // Has no needle to wait for.
    put(&fixture.objects, "k", &bytes(0, 1)).await.expect("stores");
    fixture.cluster.open_gate();
    let copied = copying.await.expect("ends").expect("copies").object;
    assert_eq!((copied.size_bytes, copied.checksum.unwrap().algorithm), (0, ChecksumAlgorithm::Sha1));
    assert!(get(&fixture.objects, "k").await.expect("reads").is_empty());
    eventually("both needles are freed", || async {
        fixture.reaped().await;
        fixture.cluster.needles(0).is_empty()
    })
    .await;
}

#[tokio::test]
async fn racing_rewrites_all_succeed() {
    let fixture = Fixture::new(settings()).await;
    put(&fixture.objects, "k", &bytes(10, 1)).await.expect("stores");
    let rewrites = (0..3).map(|_| {
        let objects = fixture.objects.clone();
        async move { objects.copy(Copy { replacement: replacement(), ..copy_of("k", "k") }).await }
    });
    for rewritten in futures::future::join_all(rewrites).await {
        rewritten.expect("rewrites");
    }
}

#[tokio::test]
async fn conditions_of_source_and_target() {
    let fixture = Fixture::new(settings()).await;
    put(&fixture.objects, "from", &bytes(10, 1)).await.expect("stores");
    let other = Some(EtagCondition::OneOf(vec!["other".into()]));
    let mut copy = copy_of("from", "to");
    copy.source.preconditions.if_match = other;
    let error = fixture.objects.copy(copy).await.expect_err("another ETag");
    assert!(matches!(error, CopyError::SourcePreconditionFailed), "{error:?}");
    let mut copy = copy_of("from", "to");
    copy.source.preconditions.if_none_match = Some(EtagCondition::Any);
    let error = fixture.objects.copy(copy).await.expect_err("there is one");
    assert!(matches!(error, CopyError::SourcePreconditionFailed), "{error:?}");
    put(&fixture.objects, "to", &bytes(10, 2)).await.expect("stores");
    let mut copy = copy_of("from", "to");
    copy.preconditions.if_none_match = Some(EtagCondition::Any);
    let error = fixture.objects.copy(copy).await.expect_err("there is one");
    assert!(matches!(error, CopyError::Put(PutError::PreconditionFailed)), "{error:?}");
    eventually("its needle is freed", || async { fixture.cluster.needles(0).len() == 2 }).await;
    let error = fixture.objects.copy(copy_of("nothing", "to")).await.expect_err("no source");
    assert!(matches!(error, CopyError::NoSuchSourceKey), "{error:?}");
    let mut copy = copy_of("from", "to");
    copy.source.bucket = "elsewhere".parse().unwrap();
    let error = fixture.objects.copy(copy).await.expect_err("no source");
    assert!(matches!(error, CopyError::NoSuchSourceBucket), "{error:?}");
    let mut copy = copy_of("from", "to");
    copy.bucket = "elsewhere".parse().unwrap();
    let error = fixture.objects.copy(copy).await.expect_err("no bucket");
    assert!(matches!(error, CopyError::Put(PutError::NoSuchBucket)), "{error:?}");
}

#[tokio::test]
async fn a_damaged_source_is_not_copied() {
    let fixture = Fixture::new(settings()).await;
    put(&fixture.objects, "from", &bytes(3 * CHUNK, 1)).await.expect("stores");
    fixture.cluster.set(0, 1, Mode::Rotten);
    fixture.cluster.name_writable(&[2]);
    let error = fixture.objects.copy(copy_of("from", "to")).await.expect_err("damaged");
    assert!(matches!(error, CopyError::Source(ReadFailure::Damaged(_))), "{error:?}");
    assert!(fixture.objects.lookup(&bucket(), &key("to")).await.is_err());
}

#[tokio::test]
async fn parts_are_copied_from_ranges() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(3 * CHUNK + 17, 1);
    put(&fixture.objects, "from", &data).await.expect("stores");
    let id = start(&fixture.objects, "to", None).await;
    let part = |range, n| {
        let (objects, id) = (fixture.objects.clone(), id);
        async move { objects.copy_part(source("from"), range, &bucket(), &key("to"), &id, number(n)).await }
    };
    for range in [0..1, 5..2500, 1000..2000, 3000..3017] {
        let bytes = &data[range.start..range.end];
        let copied = part(Some(range.start as u64..range.end as u64), 1).await.expect("copies");
        assert_eq!(copied.md5, <[u8; 16]>::from(Md5::digest(bytes)));
        assert_eq!(copied.checksum.unwrap().value, crc_fast::crc64_nvme(bytes).to_be_bytes());
    }
    for range in [5..3018, 4000..4001, 7..7] {
        let error = part(Some(range), 1).await.expect_err("outside");
        assert!(matches!(error, CopyError::InvalidRange { size_bytes: 3017 }), "{error:?}");
    }
    let copied = part(None, 2).await.expect("copies");
    assert_eq!(copied.size_bytes, data.len() as u64);
    let (_, page) =
        fixture.objects.parts(&bucket(), &key("to"), &id, None, 10).await.expect("the upload is there");
    assert_eq!(page.parts.iter().map(|part| part.size_bytes).collect::<Vec<_>>(), [17, 3017]);
}

#[tokio::test]
async fn a_copy_of_a_composite_checksum_is_of_the_full_object() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(2 * CHUNK + 5, 1);
    let composite = Some((ChecksumAlgorithm::Sha1, UploadChecksumKind::Composite));
    let id = start(&fixture.objects, "from", composite).await;
    let (here, from) = (bucket(), key("from"));
    let part = fixture.objects.put_part(&here, &from, &id, number(1), sized(&data), body(&data, 300));
    let part = part.await.expect("stores");
    let completed =
        fixture.objects.complete(completion("from", id, &[part])).await.expect("completes").object;
    assert_eq!(completed.checksum.unwrap().kind, ChecksumKind::Composite { parts: 1 });
    assert_eq!(completed.etag.parts, Some(1));
    let copied = fixture.objects.copy(copy_of("from", "to")).await.expect("copies").object;
    assert_eq!(copied.etag, ETag { md5: Md5::digest(&data).into(), parts: None });
    let checksum = copied.checksum.unwrap();
    assert_eq!((checksum.algorithm, checksum.kind), (ChecksumAlgorithm::Sha1, ChecksumKind::FullObject));
    assert_eq!(checksum.value, sha1::Sha1::digest(&data).to_vec());
}
