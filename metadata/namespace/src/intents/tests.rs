use types::Timestamp;

use super::*;
use crate::{
    Checksum, ChecksumAlgorithm, ChecksumKind, Intent, Object, PartNumber, Row, RowKey, Rows, StoredPart,
    UploadChecksumKind, WritePreconditions,
    conformance::samples::{self, BUCKET, bucket_name, key, needle, stored_part},
};

const NOW: Timestamp = Timestamp::from_millis(2_000_000_000_000);

fn rows(rows: Vec<(RowKey, Row)>) -> Rows {
    let bucket = (RowKey::Bucket(bucket_name(BUCKET)), Row::Bucket(samples::bucket(BUCKET)));
    Rows::new(rows.into_iter().chain([bucket]).map(|(key, row)| (key, Some(row), true)))
}

/// An upload of three parts; its client asked for a composite CRC32C.
fn upload_rows() -> (crate::Upload, Vec<StoredPart>, Rows) {
    let upload = crate::Upload {
        checksum: Some((ChecksumAlgorithm::Crc32c, UploadChecksumKind::Composite)),
        ..samples::upload("k", 1)
    };
    let parts: Vec<_> = [2, 5, 9].map(|number| stored_part(number, u64::from(number))).to_vec();
    let rows = rows(vec![
        (RowKey::Upload(upload.id), Row::Upload(upload.clone())),
        (RowKey::Parts(upload.id), Row::Parts(parts.clone())),
    ]);
    (upload, parts, rows)
}

fn complete(upload: &crate::Upload, parts: &[StoredPart]) -> CompleteUpload {
    CompleteUpload {
        bucket: upload.bucket.clone(),
        key: upload.key.clone(),
        upload: upload.id,
        parts: parts
            .iter()
            .map(|part| CompletedPart {
                number: part.number,
                etag: hex::encode(part.md5),
                checksum: part.checksum.clone(),
            })
            .collect(),
        checksum: None,
        size_bytes: None,
        preconditions: WritePreconditions::default(),
    }
}

#[test]
fn completing_verifies_what_the_client_names() {
    let (upload, parts, rows) = upload_rows();
    let good = complete(&upload, &parts);
    let object = good.decide(&rows, NOW).expect("all is as named").outcome;
    assert_eq!(object.size_bytes, 3 * (5 << 20));
    assert_eq!(object.etag.parts, Some(3));
    assert_eq!(
        object.parts.iter().map(|part| part.checksum.clone()).collect::<Vec<_>>(),
        vec![vec![1, 2, 3, 4]; 3]
    );
    let checksum = object.checksum.clone().expect("one was asked for");
    assert_eq!(checksum.kind, ChecksumKind::Composite { parts: 3 });
    assert_eq!(checksum.value, crc_fast::crc32_iscsi(&[1, 2, 3, 4].repeat(3)).to_be_bytes());

    #[track_caller]
    fn check(rows: &Rows, intent: &CompleteUpload, refusal: Option<&CompleteUploadRefusal>) {
        assert_eq!(intent.decide(rows, NOW).err().as_ref(), refusal);
    }
    let with = |change: fn(&mut CompleteUpload)| {
        let mut intent = good.clone();
        change(&mut intent);
        intent
    };
    let number = |number| PartNumber::new(number).expect("a part number");
    check(
        &rows,
        &with(|intent| intent.parts[1].etag = "0".repeat(32)),
        Some(&CompleteUploadRefusal::InvalidPart(number(5))),
    );
    check(
        &rows,
        &with(|intent| intent.parts[1].etag.push('0')),
        Some(&CompleteUploadRefusal::InvalidPart(number(5))),
    );
    check(&rows, &with(|intent| intent.parts[1].etag = intent.parts[1].etag.to_uppercase()), None);
    check(
        &rows,
        &with(|intent| intent.parts[2].checksum.as_mut().expect("it has one").value[0] ^= 1),
        Some(&CompleteUploadRefusal::InvalidPart(number(9))),
    );
    check(&rows, &with(|intent| intent.parts[2].checksum = None), None);
    check(&rows, &with(|intent| intent.parts.swap(0, 1)), Some(&CompleteUploadRefusal::InvalidPartOrder));
    check(
        &rows,
        &with(|intent| intent.parts[1] = intent.parts[0].clone()),
        Some(&CompleteUploadRefusal::InvalidPartOrder),
    );
    check(&rows, &with(|intent| intent.parts.clear()), Some(&CompleteUploadRefusal::NoParts));
    check(
        &rows,
        &with(|intent| intent.size_bytes = Some(1)),
        Some(&CompleteUploadRefusal::WrongSize { actual_bytes: 3 * (5 << 20) }),
    );
    check(&rows, &with(|intent| intent.size_bytes = Some(3 * (5 << 20))), None);
    let mut expecting = good.clone();
    expecting.checksum = Some(checksum.clone());
    check(&rows, &expecting, None);
    expecting.checksum = Some(Checksum { value: vec![0; 4], ..checksum });
    check(&rows, &expecting, Some(&CompleteUploadRefusal::BadChecksum));
    check(&rows, &with(|intent| intent.key = key("another")), Some(&CompleteUploadRefusal::NoSuchUpload));
    check(
        &rows,
        &with(|intent| intent.bucket = bucket_name("another")),
        Some(&CompleteUploadRefusal::NoSuchBucket),
    );
}

#[test]
fn ten_thousand_parts_complete() {
    let (upload, ..) = upload_rows();
    let parts: Vec<_> = (1..=PartNumber::MAX).map(|number| stored_part(number, u64::from(number))).collect();
    let rows = rows(vec![
        (RowKey::Upload(upload.id), Row::Upload(upload.clone())),
        (RowKey::Parts(upload.id), Row::Parts(parts.clone())),
    ]);
    let object = complete(&upload, &parts).decide(&rows, NOW).expect("all is as named").outcome;
    assert_eq!((object.parts.len(), object.etag.parts), (10_000, Some(10_000)));
}

/// What the reaper holds at a time is bounded: many needles are many intents.
#[test]
fn many_needles_are_freed_by_many_intents() {
    let part = crate::Part {
        chunks: (0..2500).map(|number| crate::Chunk { needle: needle(number), size_bytes: 1 }).collect(),
        ..samples::object(1).parts.remove(0)
    };
    let before = Object { parts: vec![part], ..samples::object(1) };
    let rows = rows(vec![(samples::row_key("k"), Row::Object(before.clone()))]);
    let delete = DeleteObject {
        bucket: bucket_name(BUCKET),
        key: key("k"),
        preconditions: WritePreconditions::default(),
    };
    let changes = delete.decide(&rows, NOW).expect("it is there").changes;
    let freed: Vec<_> = changes[1..]
        .iter()
        .map(|change| match change {
            Change::Free(NOW, needles) => needles.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(freed.iter().map(Vec::len).collect::<Vec<_>>(), [1000, 1000, 500]);
    assert_eq!(freed.concat(), before.needles().collect::<Vec<_>>());
}

/// A key's history never steps back, whatever the clock does.
#[test]
fn an_object_is_never_older_than_the_one_it_replaces() {
    let later = Timestamp::from_millis(NOW.as_millis() + 5000);
    let before = Object { modified: later, ..samples::object(1) };
    let rows = rows(vec![(samples::row_key("k"), Row::Object(before.clone()))]);
    let put = PutObject {
        bucket: bucket_name(BUCKET),
        key: key("k"),
        object: samples::object(2),
        preconditions: WritePreconditions::default(),
    };
    assert_eq!(put.decide(&rows, NOW).expect("nothing forbids it").outcome.modified, later);
}

/// What was written or deleted meanwhile is not undone by an object made from what was there before.
#[test]
fn an_object_replaces_only_what_it_was_made_from() {
    let before = samples::object(1);
    let replace = |made_from: &Object| ReplaceObject {
        put: PutObject {
            bucket: bucket_name(BUCKET),
            key: key("k"),
            object: samples::object(2),
            preconditions: WritePreconditions::default(),
        },
        etag: made_from.etag,
        modified: made_from.modified,
    };
    let there = rows(vec![(samples::row_key("k"), Row::Object(before.clone()))]);
    let decision = replace(&before).decide(&there, NOW).expect("it is as read");
    assert_eq!(decision.changes.len(), 2, "put and freed: {decision:?}");
    let written_again = Object { modified: NOW, ..before.clone() };
    for other in [samples::object(3), written_again] {
        assert_eq!(replace(&other).decide(&there, NOW).err(), Some(ReplaceObjectRefusal::Changed));
    }
    let gone = rows(Vec::new());
    assert_eq!(replace(&before).decide(&gone, NOW).err(), Some(ReplaceObjectRefusal::Changed));
}

/// A rewrite keeps bytes, checksum and origin, and frees nothing.
#[test]
fn rewriting_changes_headers_only() {
    let before = samples::full_object();
    let rows = rows(vec![(samples::row_key("k"), Row::Object(before.clone()))]);
    let rewrite = RewriteObject {
        bucket: bucket_name(BUCKET),
        key: key("k"),
        etag: before.etag,
        modified: before.modified,
        headers: crate::ContentHeaders::default(),
        metadata: Vec::new(),
        storage_class: "STANDARD".to_owned(),
        preconditions: WritePreconditions::default(),
    };
    let decision = rewrite.decide(&rows, NOW).expect("it is as read");
    let expected = Object {
        modified: NOW,
        headers: crate::ContentHeaders::default(),
        metadata: Vec::new(),
        storage_class: "STANDARD".to_owned(),
        ..before
    };
    assert_eq!(decision.outcome, expected);
    assert_eq!(decision.changes, [samples::put("k", expected)]);
}
