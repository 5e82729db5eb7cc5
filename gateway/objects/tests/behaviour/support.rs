//! Requests as a door would make them, and a little patience.

use std::{
    future::Future,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use namespace::{AccountId, BucketName, ContentHeaders, ObjectKey, WritePreconditions};
use objects::{
    Body, BodyError, ExpectedChecksum, ExpectedValue, Integrity, Objects, Put, PutError, ReadFailure,
    Settings, Stored,
};
use types::Placement;

pub const CHUNK: usize = 1000;

pub fn settings() -> Settings {
    Settings {
        chunk_bytes: CHUNK,
        chunks_in_flight: 2,
        buffer_budget_bytes: 16 << 20,
        placement: Placement::SINGLE,
        reap_delay: Duration::from_millis(50),
    }
}

pub fn bucket() -> BucketName {
    "photos".parse().unwrap()
}

pub fn key(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

pub fn owner() -> AccountId {
    AccountId("someone".into())
}

/// Bytes that differ from place to place and from seed to seed.
pub fn bytes(size: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..size).map(|_| next()).collect()
}

/// A body that comes in frames of this size.
pub fn body(data: &Bytes, frame: usize) -> Body {
    let frames: Vec<Result<Bytes, BodyError>> =
        (0..data.len()).step_by(frame).map(|at| Ok(data.slice(at..data.len().min(at + frame)))).collect();
    Box::pin(stream::iter(frames))
}

/// A body that fills a trailer at its end.
pub fn body_with_trailer(data: &Bytes, frame: usize, cell: Arc<OnceLock<String>>, value: String) -> Body {
    let trailer = stream::once(async move {
        cell.set(value).unwrap();
        Ok(Bytes::new())
    });
    Box::pin(body(data, frame).chain(trailer))
}

/// A body that never ends.
pub fn stalling_body(data: &Bytes, frame: usize) -> Body {
    Box::pin(body(data, frame).chain(stream::pending()))
}

pub fn put_of(name: &str, integrity: Integrity) -> Put {
    Put {
        bucket: bucket(),
        key: key(name),
        headers: ContentHeaders { content_type: Some("text/plain".into()), ..ContentHeaders::default() },
        metadata: vec![("colour".into(), "blue".into())],
        storage_class: "STANDARD".into(),
        preconditions: WritePreconditions::default(),
        integrity,
    }
}

pub fn sized(data: &Bytes) -> Integrity {
    Integrity { size_bytes: Some(data.len() as u64), ..Integrity::default() }
}

pub fn expected(algorithm: namespace::ChecksumAlgorithm, value: ExpectedValue) -> Integrity {
    Integrity { checksum: Some(ExpectedChecksum { algorithm, value }), ..Integrity::default() }
}

pub async fn put(objects: &Objects, name: &str, data: &Bytes) -> Result<Stored, PutError> {
    objects.put(put_of(name, sized(data)), body(data, 300)).await
}

pub async fn get(objects: &Objects, name: &str) -> Result<Bytes, ReadFailure> {
    let object = objects.lookup(&bucket(), &key(name)).await.expect("the object is listed");
    let size = object.size_bytes;
    let content = objects.read(&bucket(), &key(name), &object, 0..size).await?;
    collect(content).await
}

pub async fn collect(content: objects::Content) -> Result<Bytes, ReadFailure> {
    let pieces = content
        .try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await?;
    Ok(pieces.into())
}

/// Waits until `holds`, and fails loudly when it never does.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..2_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never: {what}");
}

/// Fails instead of hanging.
pub async fn soon<T>(what: &str, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(30), work).await {
        Ok(value) => value,
        Err(_) => panic!("not within 30 s: {what}"),
    }
}
