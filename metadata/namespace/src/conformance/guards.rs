use std::sync::Arc;

use super::{
    Fixture, commit, load, load_one,
    samples::{BUCKET, bucket_name, delete, object, put, put_bucket, row_key, upload},
};
use crate::{Change, Commit, CommitError, Guard, Loaded, Row, RowKey, RowVersion, Snapshot, Store};

/// A guard refuses a commit when its row was made, changed or deleted since it was read.
pub async fn stale_guards_conflict(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket()]).await;
    let steps = [put("k", object(1)), put("k", object(1)), delete("k")];
    for meanwhile in steps {
        let read = load(&*store, &[row_key("k")]).await;
        commit(&*store, vec![meanwhile]).await;
        let refused = guarded(&*store, &[row_key("k")], &read, vec![put("k", object(9))]).await;
        assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
        let read = load(&*store, &[row_key("k")]).await;
        guarded(&*store, &[row_key("k")], &read, vec![put("other", object(9))])
            .await
            .expect("nothing changed");
    }
    for key in [RowKey::Bucket(bucket_name(BUCKET)), RowKey::Upload(upload("u", 1).id)] {
        let read = load(&*store, std::slice::from_ref(&key)).await;
        let touch = match key {
            RowKey::Bucket(_) => put_bucket(),
            _ => Change::PutUpload(Box::new(upload("u", 1))),
        };
        commit(&*store, vec![touch]).await;
        let refused = guarded(&*store, &[key], &read, vec![put("k", object(9))]).await;
        assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    }
}

/// Without a snapshot every guard is looked at, and holds where nothing changed.
pub async fn guards_hold_without_a_snapshot(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket(), put("k", object(1))]).await;
    let keys = [row_key("k"), row_key("absent"), RowKey::Bucket(bucket_name(BUCKET))];
    let mut read = load(&*store, &keys).await;
    read.snapshot = Snapshot::default();
    guarded(&*store, &keys, &read, vec![put("k", object(2))]).await.expect("nothing changed");
    let refused = guarded(&*store, &keys, &read, vec![put("k", object(3))]).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    let present =
        Loaded { rows: vec![load_one(&*store, &row_key("k")).await], snapshot: Snapshot::default() };
    let refused = guarded(&*store, &[row_key("absent")], &present, vec![put("k", object(3))]).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
}

/// One stale guard refuses all changes of a commit.
pub async fn conflicts_apply_nothing(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket(), put("a", object(1)), put("b", object(1))]).await;
    let keys = [row_key("a"), row_key("b")];
    let read = load(&*store, &keys).await;
    commit(&*store, vec![put("b", object(2))]).await;
    let changes = vec![
        put("a", object(3)),
        put("c", object(3)),
        delete("b"),
        Change::Free(object(1).modified, object(1).needles().collect()),
    ];
    let refused = guarded(&*store, &keys, &read, changes).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    let keys = ["a", "b", "c"].map(row_key);
    let found: Vec<_> =
        load(&*store, &keys).await.rows.into_iter().map(|row| row.map(|(row, _)| row)).collect();
    assert_eq!(found, [Some(Row::Object(object(1))), Some(Row::Object(object(2))), None]);
    let intents = store.delete_intents(None, object(1).modified, 10).await.expect("a listing");
    assert_eq!(intents, []);
}

/// A row that was deleted and made again has a version that it never had.
pub async fn versions_are_never_reused(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket()]).await;
    let mut seen: Vec<RowVersion> = Vec::new();
    for _ in 0..3 {
        for _ in 0..2 {
            commit(&*store, vec![put("k", object(1))]).await;
            let (_, version) = load_one(&*store, &row_key("k")).await.expect("it was put");
            assert!(!seen.contains(&version), "{version:?} again, after {seen:?}");
            seen.push(version);
        }
        commit(&*store, vec![delete("k")]).await;
    }
}

/// What one commit changed is seen by a load whole or not at all.
pub async fn loads_are_of_one_moment(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket(), put("a", object(0)), put("b", object(0))]).await;
    let writer = {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for number in 1..=100 {
                commit(&*store, vec![put("a", object(number)), put("b", object(number))]).await;
            }
        })
    };
    while !writer.is_finished() {
        let [Some((a, _)), Some((b, _))] = &load(&*store, &[row_key("a"), row_key("b")]).await.rows[..]
        else {
            panic!("both are always there")
        };
        assert_eq!(a, b);
        tokio::task::yield_now().await;
    }
    writer.await.expect("the writer ends well");
}

/// Commits under guards on the rows that were read.
async fn guarded(
    store: &dyn Store,
    keys: &[RowKey],
    read: &Loaded,
    changes: Vec<Change>,
) -> Result<(), CommitError> {
    let versions = read.rows.iter().map(|row| row.as_ref().map(|(_, version)| *version));
    let guards = keys.iter().cloned().zip(versions).map(|(key, version)| Guard { key, version }).collect();
    store.commit(Commit { guards, snapshot: read.snapshot, changes }).await
}
