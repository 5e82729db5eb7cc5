use std::{collections::BTreeMap, sync::Arc};

use tokio::task::JoinSet;

use super::{
    Fixture, commit, load_one,
    samples::{BUCKET, bucket_name, full_object, key, object, put, put_bucket, row_key, stored_part, upload},
};
use crate::{Change, Namespace, Row, RowKey, WritePreconditions, intents::PutObject};

/// What was acknowledged is there when the store is opened again.
pub async fn commits_survive_reopening(fixture: &mut dyn Fixture) {
    let mut expected = BTreeMap::new();
    for round in 0..3_u64 {
        let store = fixture.open().await;
        commit(&*store, vec![put_bucket()]).await;
        let namespace = Namespace::new(Arc::clone(&store), 1);
        let mut puts = JoinSet::new();
        for number in 0..50 {
            let (namespace, text) = (namespace.clone(), format!("key-{}", number * 2 + round));
            puts.spawn(async move {
                let put = PutObject {
                    bucket: bucket_name(BUCKET),
                    key: key(&text),
                    object: object(round),
                    preconditions: WritePreconditions::default(),
                };
                (text, namespace.submit(put).await.expect("the bucket is there"))
            });
        }
        while let Some(put) = puts.join_next().await {
            let (text, object) = put.expect("a put ends well");
            expected.insert(text, object);
        }
        namespace.close().await;
        drop(namespace);
        drop(store);
        let store = fixture.open().await;
        for (text, object) in &expected {
            let found = load_one(&*store, &row_key(text)).await.map(|(row, _)| row);
            assert_eq!(found, Some(Row::Object(object.clone())), "{text} after round {round}");
        }
    }
}

/// Uploads, parts, deletions and the order of versions outlive a store that is closed.
pub async fn counters_survive_reopening(fixture: &mut dyn Fixture) {
    let upload = upload("u", 3);
    let store = fixture.open().await;
    let changes = vec![
        put_bucket(),
        put("kept", full_object()),
        put("gone", object(1)),
        Change::PutUpload(Box::new(upload.clone())),
        Change::PutPart(upload.id, stored_part(4, 4)),
    ];
    commit(&*store, changes).await;
    commit(&*store, vec![Change::DeleteObject(bucket_name(BUCKET), key("gone"))]).await;
    let (_, before) = load_one(&*store, &row_key("kept")).await.expect("it was put");
    drop(store);
    let store = fixture.open().await;
    let (row, version) = load_one(&*store, &row_key("kept")).await.expect("it was put");
    assert_eq!((row, version), (Row::Object(full_object()), before), "a row keeps its version");
    assert_eq!(load_one(&*store, &row_key("gone")).await, None);
    let parts = load_one(&*store, &RowKey::Parts(upload.id)).await.map(|(row, _)| row);
    assert_eq!(parts, Some(Row::Parts(vec![stored_part(4, 4)])));
    commit(&*store, vec![put("kept", full_object()), put("gone", object(2))]).await;
    let (_, after) = load_one(&*store, &row_key("kept")).await.expect("it was put");
    assert_ne!(after, before, "a new write, a new version");
}
