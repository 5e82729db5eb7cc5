use super::{
    Fixture, commit, load_one,
    samples::{self, BUCKET, bucket_name, delete, object, put, put_bucket, upload},
};
use crate::{Change, Commit, CommitError, Listing, Row, RowKey, Snapshot, Store};

/// A bucket comes back as it was put, and not after it was deleted.
pub async fn buckets_round_trip(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    let key = RowKey::Bucket(bucket_name(BUCKET));
    assert_eq!(load_one(&*store, &key).await, None);
    commit(&*store, vec![put_bucket()]).await;
    let found = load_one(&*store, &key).await.map(|(row, _)| row);
    assert_eq!(found, Some(Row::Bucket(samples::bucket(BUCKET))));
    commit(&*store, vec![Change::DeleteBucket(bucket_name(BUCKET))]).await;
    assert_eq!(load_one(&*store, &key).await, None);
}

/// Buckets are listed by the bytes of their names, from a prefix, after a name, up to a limit.
pub async fn buckets_are_listed_by_name(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    for name in ["abc", "abc-d", "abc.d", "abcd", "b00", "zzz"] {
        commit(&*store, vec![Change::PutBucket(samples::bucket(name))]).await;
    }
    let check = async |prefix: &str, after: Option<&str>, limit: usize, expected: &[&str]| {
        let buckets = store.list_buckets(prefix, after, limit).await.expect("a listing");
        let names: Vec<_> = buckets.iter().map(|bucket| bucket.name.as_str()).collect();
        assert_eq!(names, expected, "prefix {prefix:?} after {after:?} limit {limit}");
    };
    check("", None, 10, &["abc", "abc-d", "abc.d", "abcd", "b00", "zzz"]).await;
    check("", None, 2, &["abc", "abc-d"]).await;
    check("", Some("abc-d"), 2, &["abc.d", "abcd"]).await;
    check("abc", None, 10, &["abc", "abc-d", "abc.d", "abcd"]).await;
    check("abc", Some("abc.d"), 10, &["abcd"]).await;
    check("abc", Some("b"), 10, &[]).await;
    check("b", Some("a"), 10, &["b00"]).await;
    check("", Some("zzz"), 10, &[]).await;
    check("", None, 0, &[]).await;
}

/// A bucket that holds an object or an upload is not deleted, and says so.
pub async fn occupied_buckets_stay(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    let upload = upload("k", 1);
    let occupants = [
        (put("k", object(1)), delete("k")),
        (Change::PutUpload(Box::new(upload.clone())), Change::DeleteUpload(upload.id)),
    ];
    for (occupy, vacate) in occupants {
        commit(&*store, vec![put_bucket(), occupy]).await;
        assert!(is_occupied(&*store).await);
        let refused = delete_bucket(&*store, Vec::new()).await;
        assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
        assert!(load_one(&*store, &RowKey::Bucket(bucket_name(BUCKET))).await.is_some());
        delete_bucket(&*store, vec![vacate]).await.expect("it is empty by then");
        assert!(!is_occupied(&*store).await);
    }
}

async fn is_occupied(store: &dyn Store) -> bool {
    let row = load_one(store, &RowKey::Occupancy(bucket_name(BUCKET))).await.map(|(row, _)| row);
    assert!(matches!(row, None | Some(Row::Occupied)), "{row:?}");
    row.is_some()
}

async fn delete_bucket(store: &dyn Store, mut changes: Vec<Change>) -> Result<(), CommitError> {
    changes.push(Change::DeleteBucket(bucket_name(BUCKET)));
    store.commit(Commit { guards: Vec::new(), snapshot: Snapshot::default(), changes }).await
}

/// Neighbours by name share no keys.
pub async fn buckets_do_not_mix(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    let names = ["abc", "abc-d", "abc.d", "abcd"];
    for (number, name) in (1..).zip(names) {
        let bucket = Change::PutBucket(samples::bucket(name));
        let put = Change::PutObject(bucket_name(name), samples::key("k"), Box::new(object(number)));
        commit(&*store, vec![bucket, put]).await;
    }
    for (number, name) in (1..).zip(names) {
        let found = load_one(&*store, &RowKey::Object(bucket_name(name), samples::key("k"))).await;
        assert_eq!(found.map(|(row, _)| row), Some(Row::Object(object(number))), "{name}");
        let listing = Listing {
            bucket: bucket_name(name),
            prefix: String::new(),
            delimiter: None,
            after: None,
            limit: 10,
        };
        let page = store.list_objects(&listing).await.expect("a listing");
        assert_eq!(page.entries.len(), 1, "{name}: {:?}", page.entries);
    }
}
