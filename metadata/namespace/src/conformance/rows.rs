use super::{
    Fixture, commit, load, load_one,
    samples::{
        self, BUCKET, bucket_name, delete, full_object, large_object, object, put, put_bucket, row_key,
    },
};
use crate::{Change, Entry, Listing, Object, PartNumber, Row, RowKey, Store, UploadId};

/// Every field of an object comes back as it was put.
pub async fn objects_round_trip(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket()]).await;
    assert_eq!(load_one(&*store, &row_key("k")).await, None);
    let empty = Object { parts: Vec::new(), ..object(0) };
    for expected in [object(1), full_object(), empty, object(2)] {
        commit(&*store, vec![put("k", expected.clone())]).await;
        check(&*store, "k", &expected).await;
    }
    commit(&*store, vec![delete("k")]).await;
    assert_eq!(load_one(&*store, &row_key("k")).await, None);
}

/// An object of 10,000 parts is a row like any other, and listed like any other.
pub async fn large_objects_round_trip(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket(), put("k", large_object()), put("l", object(1))]).await;
    check(&*store, "k", &large_object()).await;
    commit(&*store, vec![put("k", object(5)), put("l", large_object())]).await;
    check(&*store, "k", &object(5)).await;
    check(&*store, "l", &large_object()).await;
    commit(&*store, vec![delete("l")]).await;
    assert_eq!(load_one(&*store, &row_key("l")).await, None);
}

async fn check(store: &dyn Store, key: &str, expected: &Object) {
    let Some((Row::Object(found), _)) = load_one(store, &row_key(key)).await else {
        panic!("no object at {key:?}")
    };
    assert!(found == *expected, "{key:?} of {} parts is another", expected.parts.len());
    let listing = Listing {
        bucket: bucket_name(BUCKET),
        prefix: key.to_owned(),
        delimiter: None,
        after: None,
        limit: 1,
    };
    let page = store.list_objects(&listing).await.expect("a listing");
    let entry = Entry::Object {
        key: samples::key(key),
        size_bytes: expected.size_bytes,
        etag: expected.etag,
        modified: expected.modified,
        storage_class: expected.storage_class.clone(),
        checksum: expected.checksum.as_ref().map(|checksum| (checksum.algorithm, checksum.kind)),
    };
    assert_eq!(page.entries, [entry]);
}

/// Changes of one commit are applied in order.
pub async fn later_changes_win(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket(), put("a", object(1)), put("b", large_object())]).await;
    let changes = vec![
        put("a", object(2)),
        delete("a"),
        put("b", object(3)),
        put("b", object(4)),
        delete("c"),
        put("c", object(5)),
        put("d", large_object()),
        delete("d"),
    ];
    commit(&*store, changes).await;
    let keys = ["a", "b", "c", "d"].map(row_key);
    let found: Vec<_> =
        load(&*store, &keys).await.rows.into_iter().map(|row| row.map(|(row, _)| row)).collect();
    assert_eq!(found, [None, Some(Row::Object(object(4))), Some(Row::Object(object(5))), None]);
}

/// A load answers every key, in order, whether asked once or twice, found or not.
pub async fn rows_are_loaded_in_the_order_asked(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    let upload = samples::upload("u", 1);
    let part = samples::stored_part(3, 30);
    let (bucket, number) = (bucket_name(BUCKET), part.number);
    commit(
        &*store,
        vec![
            put_bucket(),
            put("b", object(2)),
            put("a", object(1)),
            Change::PutUpload(Box::new(upload.clone())),
            Change::PutPart(upload.id, part.clone()),
        ],
    )
    .await;
    let unknown = UploadId([9; 16]);
    let keys = [
        RowKey::Part(upload.id, number),
        row_key("b"),
        row_key("nowhere"),
        RowKey::Occupancy(bucket.clone()),
        RowKey::Parts(unknown),
        row_key("a"),
        RowKey::Upload(upload.id),
        RowKey::Upload(unknown),
        RowKey::Part(upload.id, PartNumber::new(4).expect("a number")),
        RowKey::Bucket(bucket),
        row_key("b"),
        RowKey::Bucket(bucket_name("another")),
        RowKey::Occupancy(bucket_name("another")),
    ];
    let found: Vec<_> =
        load(&*store, &keys).await.rows.into_iter().map(|row| row.map(|(row, _)| row)).collect();
    let expected = [
        Some(Row::Part(part)),
        Some(Row::Object(object(2))),
        None,
        Some(Row::Occupied),
        Some(Row::Parts(Vec::new())),
        Some(Row::Object(object(1))),
        Some(Row::Upload(upload)),
        None,
        None,
        Some(Row::Bucket(samples::bucket(BUCKET))),
        Some(Row::Object(object(2))),
        None,
        None,
    ];
    assert_eq!(found, expected);
    assert!(load(&*store, &[]).await.rows.is_empty());
}
