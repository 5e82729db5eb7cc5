use md5::{Digest, Md5};
use namespace::{
    ChecksumAlgorithm, ChecksumKind, ContentHeaders, ETag, Listing, PartNumber, ReadPreconditions,
    StoredPart, Upload, UploadChecksumKind, UploadId, UploadListing, WritePreconditions,
    intents::{CompleteUpload, CompleteUploadRefusal, CompletedPart},
};
use objects::{
    BucketError, CompleteError, Copy, ExpectedValue, Integrity, Objects, PartError, Source, UploadError,
};
use types::Timestamp;

use super::{fakes::Fixture, support::*};

pub fn number(number: u16) -> PartNumber {
    PartNumber::new(number).unwrap()
}

pub async fn start(
    objects: &Objects,
    name: &str,
    checksum: Option<(ChecksumAlgorithm, UploadChecksumKind)>,
) -> UploadId {
    let id = UploadId::random();
    let upload = Upload {
        id,
        bucket: bucket(),
        key: key(name),
        initiator: owner(),
        initiated: Timestamp::now(),
        storage_class: "STANDARD".into(),
        headers: ContentHeaders::default(),
        metadata: Vec::new(),
        checksum,
    };
    objects.create_upload(upload).await.expect("starts");
    id
}

pub fn completion(name: &str, id: UploadId, parts: &[StoredPart]) -> CompleteUpload {
    let line = |part: &StoredPart| CompletedPart {
        number: part.number,
        etag: ETag { md5: part.md5, parts: None }.to_string(),
        checksum: None,
    };
    CompleteUpload {
        bucket: bucket(),
        key: key(name),
        upload: id,
        parts: parts.iter().map(line).collect(),
        checksum: None,
        size_bytes: None,
        preconditions: WritePreconditions::default(),
    }
}

/// The smallest part that is not the last: 5 MiB.
pub const MIN_PART: usize = 5 << 20;

#[tokio::test]
async fn parts_become_an_object() {
    let settings = objects::Settings { chunk_bytes: 2 << 20, ..settings() };
    let fixture = Fixture::new(settings).await;
    let parts = [bytes(MIN_PART, 1), bytes(MIN_PART + 1, 2), bytes(17, 3)];
    let id = start(&fixture.objects, "k", None).await;
    let mut stored = Vec::new();
    for (at, data) in parts.iter().enumerate() {
        let number = number(u16::try_from(at).unwrap() * 3 + 1);
        let (bucket, key) = (bucket(), key("k"));
        let part = fixture.objects.put_part(&bucket, &key, &id, number, sized(data), body(data, 100_000));
        stored.push(part.await.expect("stores"));
    }
    // In place of the one before.
    let again = bytes(20, 4);
    let (bucket, key) = (bucket(), key("k"));
    let part = fixture.objects.put_part(&bucket, &key, &id, number(7), sized(&again), body(&again, 100));
    stored[2] = part.await.expect("stores");
    let (_, page) = fixture.objects.parts(&bucket, &key, &id, None, 10).await.expect("lists");
    assert_eq!(page.parts, stored);

    let whole = [&parts[0][..], &parts[1], &again].concat();
    let completed = fixture.objects.complete(completion("k", id, &stored)).await.expect("completes");
    let md5s: Vec<u8> = stored.iter().flat_map(|part| part.md5).collect();
    assert_eq!(completed.object.etag, ETag { md5: Md5::digest(md5s).into(), parts: Some(3) });
    let checksum = completed.object.checksum.clone().unwrap();
    assert_eq!((checksum.algorithm, checksum.kind), (ChecksumAlgorithm::Crc64Nvme, ChecksumKind::FullObject));
    assert_eq!(checksum.value, crc_fast::crc64_nvme(&whole).to_be_bytes());
    assert_eq!(get(&fixture.objects, "k").await.expect("reads"), whole);

    let copy = Copy {
        source: Source {
            bucket: bucket.clone(),
            key: key.clone(),
            preconditions: ReadPreconditions::default(),
        },
        bucket: bucket.clone(),
        key: "copy".parse().unwrap(),
        replacement: None,
        storage_class: None,
        checksum: None,
        preconditions: WritePreconditions::default(),
    };
    let copied = fixture.objects.copy(copy).await.expect("copies").object;
    assert_eq!(copied.etag, ETag { md5: Md5::digest(&whole).into(), parts: None });
    assert_eq!(get(&fixture.objects, "copy").await.expect("reads"), whole);

    fixture.objects.delete(&bucket, &key, Default::default()).await.expect("deletes");
    fixture.reaped().await;
    let copy: Vec<_> = copied.needles().collect();
    assert_eq!(fixture.cluster.needles(0).len(), copy.len());
}

#[tokio::test]
async fn refusals() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(10, 1);
    let (here, k) = (bucket(), key("k"));
    let part = |id: UploadId, integrity: Integrity| {
        fixture.objects.put_part(&here, &k, Box::leak(Box::new(id)), number(1), integrity, body(&data, 5))
    };
    let error = part(UploadId::random(), sized(&data)).await.expect_err("unknown");
    assert!(matches!(error, PartError::NoSuchUpload), "{error:?}");
    let sha1 = Some((ChecksumAlgorithm::Sha1, UploadChecksumKind::Composite));
    let id = start(&fixture.objects, "k", sha1).await;
    let other = expected(ChecksumAlgorithm::Crc32, ExpectedValue::Unknown);
    let error = part(id, other).await.expect_err("another algorithm");
    assert!(matches!(error, PartError::WrongAlgorithm(ChecksumAlgorithm::Sha1)), "{error:?}");
    assert_eq!(fixture.cluster.state.lock().writes, 0);
    let stored = part(id, sized(&data)).await.expect("stores");
    assert_eq!(stored.checksum.as_ref().unwrap().value, sha1::Sha1::digest(&data).to_vec());

    let error = fixture.objects.parts(&here, &key("other"), &id, None, 1).await.expect_err("of another key");
    assert!(matches!(error, UploadError::NoSuchUpload), "{error:?}");
    let error = fixture.objects.complete(completion("k", id, &[])).await.expect_err("no parts");
    assert!(matches!(error, CompleteError::Refused(CompleteUploadRefusal::NoParts)), "{error:?}");
    fixture.objects.abort(&here, &k, &id).await.expect("aborts");
    let error = fixture.objects.abort(&here, &k, &id).await.expect_err("is gone");
    assert!(matches!(error, UploadError::NoSuchUpload), "{error:?}");
    eventually("its part is gone", || async { fixture.cluster.needles(0).is_empty() }).await;
}

#[tokio::test]
async fn a_part_of_an_upload_without_algorithm_is_verified_by_its_own() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(10, 1);
    let id = start(&fixture.objects, "k", None).await;
    let (here, k) = (bucket(), key("k"));
    let crc = crc_fast::crc32_iso_hdlc(&data).to_be_bytes().to_vec();
    let right = expected(ChecksumAlgorithm::Crc32, ExpectedValue::Known(crc));
    let part = fixture.objects.put_part(&here, &k, &id, number(1), right, body(&data, 5));
    let checksum = part.await.expect("stores").checksum.unwrap();
    assert_eq!(checksum.algorithm, ChecksumAlgorithm::Crc64Nvme);
    assert_eq!(checksum.value, crc_fast::crc64_nvme(&data).to_be_bytes());
    let wrong = expected(ChecksumAlgorithm::Crc32, ExpectedValue::Known(vec![0; 4]));
    let part = fixture.objects.put_part(&here, &k, &id, number(1), wrong, body(&data, 5));
    part.await.expect_err("another checksum");
}

#[tokio::test]
async fn uploads_do_not_hold_a_bucket_and_objects_do() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(10, 1);
    let (here, k) = (bucket(), key("k"));
    let id = start(&fixture.objects, "k", None).await;
    let part = fixture.objects.put_part(&here, &k, &id, number(1), sized(&data), body(&data, 5));
    part.await.expect("stores");
    put(&fixture.objects, "object", &data).await.expect("stores");
    let error = fixture.objects.delete_bucket(&here).await.expect_err("an object");
    assert!(matches!(error, BucketError::NotEmpty), "{error:?}");
    let listing = UploadListing {
        bucket: here.clone(),
        prefix: String::new(),
        delimiter: None,
        after: None,
        limit: 10,
    };
    assert_eq!(
        fixture.objects.uploads(&listing).await.expect("lists").uploads.len(),
        1,
        "nothing was aborted"
    );
    fixture.objects.delete(&here, &key("object"), Default::default()).await.expect("deletes");
    fixture.objects.delete_bucket(&here).await.expect("deletes");
    let error = fixture.objects.bucket(&here).await.expect_err("is gone");
    assert!(matches!(error, BucketError::NoSuchBucket), "{error:?}");
    let error = fixture.objects.uploads(&listing).await.expect_err("is gone");
    assert!(matches!(error, BucketError::NoSuchBucket), "{error:?}");
    let listing =
        Listing { bucket: here.clone(), prefix: String::new(), delimiter: None, after: None, limit: 10 };
    let error = fixture.objects.list(&listing).await.expect_err("is gone");
    assert!(matches!(error, BucketError::NoSuchBucket), "{error:?}");
    eventually("no needle is left", || async { fixture.cluster.needles(0).is_empty() }).await;
    put(&fixture.objects, "k", &data).await.expect_err("no bucket");
}
