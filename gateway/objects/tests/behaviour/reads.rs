use futures::StreamExt;
use objects::ReadFailure;

use super::{
    fakes::{Fixture, Mode},
    support::*,
};

#[tokio::test]
async fn another_copy_is_read_on_any_fault() {
    let fixture = Fixture::with_copies(2, settings()).await;
    let data = bytes(3 * CHUNK, 1);
    put(&fixture.objects, "k", &data).await.expect("stores");
    for server in [0, 1] {
        for mode in [Mode::Away, Mode::Rotten, Mode::Moved] {
            fixture.cluster.set(server, 1, mode);
            assert_eq!(get(&fixture.objects, "k").await.expect("reads"), data, "{server} {mode:?}");
            fixture.cluster.set(server, 1, Mode::Well);
        }
    }
    let needles = fixture.cluster.needles(0);
    fixture.cluster.lose(0, needles[0]);
    fixture.cluster.lose(1, needles[1]);
    assert_eq!(get(&fixture.objects, "k").await.expect("reads"), data);
}

#[tokio::test]
async fn moved_volumes_are_looked_up_again() {
    let fixture = Fixture::with_copies(1, settings()).await;
    let data = bytes(10, 1);
    put(&fixture.objects, "k", &data).await.expect("stores");
    fixture.cluster.state.lock().named = vec![1];
    put(&fixture.objects, "other", &data).await.expect("stores, on the server of its lease");
    fixture.cluster.set(0, 1, Mode::Moved);
    assert_eq!(get(&fixture.objects, "other").await.expect("reads"), data);
}

#[tokio::test]
async fn each_fault_has_its_failure() {
    let fixture = Fixture::new(settings()).await;
    put(&fixture.objects, "k", &bytes(10, 1)).await.expect("stores");
    fixture.cluster.set(0, 1, Mode::Rotten);
    let failure = get(&fixture.objects, "k").await.expect_err("rotten");
    assert!(matches!(failure, ReadFailure::Damaged(_)), "{failure:?}");
    fixture.cluster.set(0, 1, Mode::Away);
    let failure = get(&fixture.objects, "k").await.expect_err("away");
    assert!(matches!(failure, ReadFailure::Unavailable(_)), "{failure:?}");
    fixture.cluster.set(0, 1, Mode::Well);
    fixture.cluster.lose(0, fixture.cluster.needles(0)[0]);
    let failure = get(&fixture.objects, "k").await.expect_err("lost");
    assert!(matches!(failure, ReadFailure::Damaged(_)), "{failure:?}");
}

#[tokio::test]
async fn an_object_that_changed_is_told_from_a_damaged_one() {
    let fixture = Fixture::new(settings()).await;
    put(&fixture.objects, "k", &bytes(10, 1)).await.expect("stores");
    let old = fixture.objects.lookup(&bucket(), &key("k")).await.expect("is there");
    put(&fixture.objects, "k", &bytes(10, 2)).await.expect("stores");
    fixture.reaped().await;
    let failure = fixture.objects.read(&bucket(), &key("k"), &old, 0..10).await.err();
    assert!(matches!(failure, Some(ReadFailure::Changed)), "{failure:?}");
    let deleted = fixture.objects.lookup(&bucket(), &key("k")).await.expect("is there");
    fixture.objects.delete(&bucket(), &key("k"), Default::default()).await.expect("deletes");
    fixture.reaped().await;
    let failure = fixture.objects.read(&bucket(), &key("k"), &deleted, 0..10).await.err();
    assert!(matches!(failure, Some(ReadFailure::Changed)), "{failure:?}");
}

#[tokio::test]
async fn damage_in_a_later_chunk_ends_the_stream_with_an_error() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(3 * CHUNK, 1);
    let stored = put(&fixture.objects, "k", &data).await.expect("stores");
    let last = stored.object.needles().last().unwrap();
    fixture.cluster.lose(0, last);
    let object = stored.object;
    let mut content =
        fixture.objects.read(&bucket(), &key("k"), &object, 0..object.size_bytes).await.expect("begins well");
    let mut got = Vec::new();
    let failure = loop {
        match content.next().await {
            Some(Ok(piece)) => got.extend_from_slice(&piece),
            Some(Err(failure)) => break failure,
            None => panic!("the stream ended as if it were whole"),
        }
    };
    assert!(matches!(failure, ReadFailure::Damaged(_)), "{failure:?}");
    assert_eq!(got, &data[..2 * CHUNK]);
    assert!(content.next().await.is_none());
}

#[tokio::test]
async fn large_chunks_come_in_pieces() {
    let settings = objects::Settings { chunk_bytes: 1 << 20, ..settings() };
    let fixture = Fixture::new(settings).await;
    let data = bytes((2 << 20) + 5, 1);
    put(&fixture.objects, "k", &data).await.expect("stores");
    let object = fixture.objects.lookup(&bucket(), &key("k")).await.expect("is there");
    let content =
        fixture.objects.read(&bucket(), &key("k"), &object, 0..object.size_bytes).await.expect("begins");
    let pieces: Vec<_> = content.map(|piece| piece.expect("reads")).collect().await;
    assert!(pieces.iter().all(|piece| !piece.is_empty() && piece.len() <= 256 << 10));
    assert_eq!(pieces.concat(), data);
}

#[tokio::test]
async fn only_the_chunks_of_a_range_are_read() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(10 * CHUNK, 1);
    put(&fixture.objects, "k", &data).await.expect("stores");
    let object = fixture.objects.lookup(&bucket(), &key("k")).await.expect("is there");
    let range = 2 * CHUNK as u64 + 5..3 * CHUNK as u64 + 5;
    let content = fixture.objects.read(&bucket(), &key("k"), &object, range).await.expect("begins");
    assert_eq!(collect(content).await.expect("reads"), data[2 * CHUNK + 5..3 * CHUNK + 5]);
    assert_eq!(fixture.cluster.reading.load(std::sync::atomic::Ordering::SeqCst), 2);
    let content = fixture.objects.read(&bucket(), &key("k"), &object, 5..5).await.expect("nothing to read");
    assert_eq!(collect(content).await.expect("reads"), "");
}

#[tokio::test]
async fn lookups_tell_the_bucket_from_the_key() {
    let fixture = Fixture::new(settings()).await;
    let missing = fixture.objects.lookup(&bucket(), &key("k")).await.err();
    assert!(matches!(missing, Some(objects::LookupError::NoSuchKey)), "{missing:?}");
    let missing = fixture.objects.lookup(&"elsewhere".parse().unwrap(), &key("k")).await.err();
    assert!(matches!(missing, Some(objects::LookupError::NoSuchBucket)), "{missing:?}");
}
