//! Requests that go away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::StreamExt;
use namespace::{PartNumber, Upload, UploadId};
use types::Timestamp;

use super::{fakes::Fixture, support::*};

#[tokio::test]
async fn a_client_that_goes_away_mid_body_leaves_nothing() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(4 * CHUNK, 1);
    let stalling = fixture.objects.put(put_of("k", sized(&bytes(5 * CHUNK, 1))), stalling_body(&data, 300));
    tokio::time::timeout(Duration::from_millis(300), stalling).await.expect_err("it never ends");
    assert!(fixture.cluster.state.lock().writes >= 2, "something was written");
    eventually("no needle is left", || async { fixture.cluster.needles(0).is_empty() }).await;
    fixture.reaped().await;
    assert_eq!(fixture.objects.buffered_bytes(), 0);
}

#[tokio::test]
async fn writes_under_way_when_the_client_goes_away_are_freed_as_well() {
    let fixture = Fixture::new(settings()).await;
    fixture.cluster.shut_gate();
    let data = bytes(4 * CHUNK, 1);
    let stalling = fixture.objects.put(put_of("k", sized(&bytes(5 * CHUNK, 1))), stalling_body(&data, 300));
    tokio::time::timeout(Duration::from_millis(300), stalling).await.expect_err("it never ends");
    assert_eq!(fixture.cluster.writing.load(Ordering::SeqCst), 2, "both are under way");
    fixture.cluster.open_gate();
    eventually("they were written", || async { fixture.cluster.state.lock().writes == 2 }).await;
    eventually("no needle is left", || async { fixture.cluster.needles(0).is_empty() }).await;
    fixture.reaped().await;
}

#[tokio::test]
async fn close_waits_for_what_clients_left_behind() {
    let fixture = Fixture::new(settings()).await;
    fixture.cluster.shut_gate();
    let data = bytes(4 * CHUNK, 1);
    let stalling = fixture.objects.put(put_of("k", sized(&bytes(5 * CHUNK, 1))), stalling_body(&data, 300));
    tokio::time::timeout(Duration::from_millis(300), stalling).await.expect_err("it never ends");
    let closing = tokio::spawn({
        let objects = fixture.objects.clone();
        async move { objects.close().await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!closing.is_finished(), "writes are under way");
    fixture.cluster.open_gate();
    soon("closes", closing).await.expect("closes");
    let freed: usize = fixture.intents().await.iter().map(|intent| intent.needles.len()).sum();
    assert_eq!(freed, 2);
}

#[tokio::test]
async fn a_body_that_has_ended_is_stored_whether_or_not_the_client_waits() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(CHUNK, 1);
    fixture.cluster.shut_gate();
    tokio::time::timeout(Duration::from_millis(100), put(&fixture.objects, "k", &data))
        .await
        .expect_err("its write waits");
    assert!(fixture.objects.lookup(&bucket(), &key("k")).await.is_err());
    fixture.cluster.open_gate();
    let found = || async { fixture.objects.lookup(&bucket(), &key("k")).await.is_ok() };
    eventually("the object is there", found).await;
    assert_eq!(get(&fixture.objects, "k").await.expect("reads"), data);
    fixture.objects.close().await;
    assert_eq!(fixture.intents().await, []);
}

#[tokio::test]
async fn a_part_whose_client_goes_away_leaves_nothing() {
    let fixture = Fixture::new(settings()).await;
    let id = UploadId::random();
    let upload = Upload {
        id,
        bucket: bucket(),
        key: key("k"),
        initiator: owner(),
        initiated: Timestamp::now(),
        storage_class: "STANDARD".into(),
        headers: Default::default(),
        metadata: Vec::new(),
        checksum: None,
    };
    fixture.objects.create_upload(upload).await.expect("starts");
    let data = bytes(3 * CHUNK, 1);
    let stalling = stalling_body(&data, 300);
    let number = PartNumber::new(1).unwrap();
    let (bucket, key) = (bucket(), key("k"));
    let part = fixture.objects.put_part(&bucket, &key, &id, number, Default::default(), stalling);
    tokio::time::timeout(Duration::from_millis(300), part).await.expect_err("it never ends");
    assert!(fixture.cluster.state.lock().writes >= 1);
    eventually("no needle is left", || async { fixture.cluster.needles(0).is_empty() }).await;
}

#[tokio::test]
async fn at_most_so_many_chunks_of_a_request_are_under_way() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(20 * CHUNK, 1);
    put(&fixture.objects, "k", &data).await.expect("stores");
    assert!(fixture.cluster.writing_at_most.load(Ordering::SeqCst) <= 2);
    assert_eq!(get(&fixture.objects, "k").await.expect("reads"), data);
}

#[tokio::test]
async fn buffers_stay_within_their_budget() {
    let large = 512 << 10; // large enough for the lane of large buffers
    let settings = objects::Settings {
        chunk_bytes: large,
        chunks_in_flight: 4,
        buffer_budget_bytes: 4 << 20,
        ..settings()
    };
    let fixture = Fixture::new(settings).await;
    let data = bytes(5 * large + 3, 1);
    let most = Arc::new(AtomicUsize::new(0));
    let (watched, seen) = (fixture.objects.clone(), Arc::clone(&most));
    let watch = tokio::spawn(async move {
        loop {
            seen.fetch_max(watched.buffered_bytes(), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
    });
    let puts = (0..8).map(|i| {
        let (objects, data) = (fixture.objects.clone(), data.clone());
        async move { objects.put(put_of(&format!("k{i}"), sized(&data)), body(&data, 70_000)).await }
    });
    for stored in soon("all puts", futures::future::join_all(puts)).await {
        stored.expect("stores");
    }
    let gets = (0..8).map(|i| {
        let objects = fixture.objects.clone();
        async move { get(&objects, &format!("k{i}")).await }
    });
    for got in soon("all gets", futures::future::join_all(gets)).await {
        assert_eq!(got.expect("reads"), data);
    }
    watch.abort();
    let most = most.load(Ordering::Relaxed);
    assert!((large..=4 << 20).contains(&most), "{most} bytes were buffered at most");
    assert_eq!(fixture.objects.buffered_bytes(), 0);
}

#[tokio::test]
async fn slow_readers_of_large_objects_do_not_stop_small_ones() {
    let large = 512 << 10;
    let settings = objects::Settings { chunk_bytes: large, buffer_budget_bytes: 4 << 20, ..settings() };
    let fixture = Fixture::new(settings).await;
    let (big, small) = (bytes(3 * large, 1), bytes(100, 2));
    fixture.objects.put(put_of("big", sized(&big)), body(&big, 70_000)).await.expect("stores");
    put(&fixture.objects, "small", &small).await.expect("stores");
    let object = fixture.objects.lookup(&bucket(), &key("big")).await.expect("is there");
    let mut slow = Vec::new();
    for _ in 0..3 {
        let range = 0..object.size_bytes;
        let mut content = fixture
            .objects
            .read(&bucket(), &key("big"), &object, range)
            .await
            .expect("there is room for three");
        assert!(content.next().await.is_some_and(|piece| piece.is_ok()));
        slow.push(content);
    }
    assert_eq!(soon("a small read", get(&fixture.objects, "small")).await.expect("reads"), small);
    soon("a small put", put(&fixture.objects, "small", &small)).await.expect("stores");
    for content in slow {
        soon("the rest", collect(content)).await.expect("reads");
    }
    assert_eq!(fixture.objects.buffered_bytes(), 0);
}
