use std::sync::Arc;

use tokio::task::JoinSet;

use super::{
    Fixture, commit,
    samples::{self, BUCKET, bucket_name, key, object, put_bucket, stored_part, upload},
};
use crate::{
    ChecksumAlgorithm, CommitFailure, EtagCondition, Namespace, Object, StoredPart, Upload,
    UploadChecksumKind, WritePreconditions,
    intents::{
        CompleteUpload, CompleteUploadRefusal, CompletedPart, DeleteBucket, DeleteObject, PutObject,
        PutObjectRefusal, PutPart, PutPartRefusal,
    },
};

/// Like two gateways: each decides by itself, and they meet in the store.
async fn two_gateways(fixture: &mut dyn Fixture) -> [Namespace; 2] {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket()]).await;
    [Namespace::new(Arc::clone(&store), 2), Namespace::new(store, 1)]
}

fn put(key_text: &str, object: Object, preconditions: WritePreconditions) -> PutObject {
    PutObject { bucket: bucket_name(BUCKET), key: key(key_text), object, preconditions }
}

/// Of 64 who make one object if there is none, exactly one does, for every key.
pub async fn one_of_racing_creations_wins(fixture: &mut dyn Fixture) {
    let gateways = two_gateways(fixture).await;
    let if_none = WritePreconditions { if_match: None, if_none_match: Some(EtagCondition::Any) };
    let mut racers = JoinSet::new();
    for round in 0..8 {
        for racer in 0..64_u64 {
            let gateway = gateways[usize::from(racer % 2 == 0)].clone();
            let put = put(&format!("key-{round}"), object(racer), if_none.clone());
            racers.spawn(async move { (round, racer, gateway.submit(put).await) });
        }
    }
    let mut winners: [Vec<u64>; 8] = Default::default();
    while let Some(raced) = racers.join_next().await {
        match raced.expect("a racer ends well") {
            (round, racer, Ok(_)) => winners[round].push(racer),
            (_, _, Err(CommitFailure::Refused(PutObjectRefusal::PreconditionFailed))) => {}
            (round, racer, Err(other)) => panic!("racer {racer} of round {round}: {other:?}"),
        }
    }
    for (round, winners) in winners.iter().enumerate() {
        let [winner] = winners[..] else { panic!("round {round}: {winners:?} all won") };
        let there =
            gateways[0].object(&bucket_name(BUCKET), &key(&format!("key-{round}"))).await.expect("a read");
        assert_eq!(there.map(|object| object.size_bytes), Some(winner), "round {round}");
    }
}

/// A counter kept by If-Match, raised by many through both gateways, ends at the number of raises.
pub async fn no_increment_is_lost(fixture: &mut dyn Fixture) {
    const RACERS: u64 = 8;
    const RAISES: u64 = 8;
    let gateways = two_gateways(fixture).await;
    gateways[0].submit(put("counter", object(0), WritePreconditions::default())).await.expect("the first");
    let mut racers = JoinSet::new();
    for racer in 0..RACERS {
        let gateway = gateways[usize::from(racer % 2 == 0)].clone();
        racers.spawn(async move {
            for _ in 0..RAISES {
                raise(&gateway).await;
            }
        });
    }
    while let Some(raced) = racers.join_next().await {
        raced.expect("a racer ends well");
    }
    let counter = gateways[0].object(&bucket_name(BUCKET), &key("counter")).await.expect("a read");
    assert_eq!(counter.map(|object| object.size_bytes), Some(RACERS * RAISES));
}

async fn raise(gateway: &Namespace) {
    loop {
        let read = gateway
            .object(&bucket_name(BUCKET), &key("counter"))
            .await
            .expect("a read")
            .expect("it is there");
        let if_match = Some(EtagCondition::OneOf(vec![read.etag.to_string()]));
        let next = object(read.size_bytes + 1);
        match gateway.submit(put("counter", next, WritePreconditions { if_match, if_none_match: None })).await
        {
            Ok(_) => return,
            Err(
                CommitFailure::Refused(PutObjectRefusal::PreconditionFailed) | CommitFailure::Unavailable(_),
            ) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

/// While a bucket is deleted and objects are put into it, there is never an object without its bucket.
pub async fn no_object_without_a_bucket(fixture: &mut dyn Fixture) {
    let gateways = two_gateways(fixture).await;
    let bucket = samples::bucket(BUCKET);
    for round in 0..30 {
        let _ = gateways[0].submit(crate::intents::CreateBucket { bucket: bucket.clone() }).await;
        let (put, delete) = tokio::join!(
            gateways[0].submit(put("k", object(round), WritePreconditions::default())),
            gateways[1].submit(DeleteBucket { name: bucket.name.clone() }),
        );
        let there = gateways[0].object(&bucket.name, &key("k")).await.expect("a read").is_some();
        let bucket_there = gateways[0].bucket(&bucket.name).await.expect("a read").is_some();
        assert_eq!(put.is_ok(), there, "round {round}: {put:?}");
        assert_eq!(delete.is_err(), bucket_there, "round {round}: {delete:?}");
        assert_eq!(bucket_there, there, "round {round}: {put:?} {delete:?}");
        if there {
            let (bucket, key) = (bucket.name.clone(), key("k"));
            let delete = DeleteObject { bucket, key, preconditions: WritePreconditions::default() };
            gateways[1].submit(delete).await.expect("it is there");
        }
    }
}

/// While an upload is completed by one gateway and its part replaced by another, the object has the part that
/// was named, and what is not in the object is freed once.
pub async fn parts_and_completion_do_not_cross(fixture: &mut dyn Fixture) {
    let gateways = two_gateways(fixture).await;
    for round in 0..20_u64 {
        let upload = Upload {
            checksum: Some((ChecksumAlgorithm::Crc32c, UploadChecksumKind::Composite)),
            ..upload("k", u128::from(round))
        };
        gateways[0]
            .submit(crate::intents::CreateUpload { upload: upload.clone() })
            .await
            .expect("a bucket is there");
        let first = stored_part(1, round * 2);
        let second = StoredPart { md5: [0xee; 16], ..stored_part(1, round * 2 + 1) };
        gateways[0].submit(put_part(&upload, first.clone())).await.expect("an upload is there");
        let complete = CompleteUpload {
            bucket: upload.bucket.clone(),
            key: upload.key.clone(),
            upload: upload.id,
            parts: vec![CompletedPart { number: first.number, etag: hex::encode(first.md5), checksum: None }],
            checksum: None,
            size_bytes: None,
            preconditions: WritePreconditions::default(),
        };
        let (put, completed) =
            tokio::join!(gateways[1].submit(put_part(&upload, second)), gateways[0].submit(complete));
        match (put, completed) {
            (Err(CommitFailure::Refused(PutPartRefusal::NoSuchUpload)), Ok(object)) => {
                let needles: Vec<_> = object.needles().collect();
                assert_eq!(needles, first.needles().collect::<Vec<_>>(), "round {round}");
            }
            (Ok(()), Err(CommitFailure::Refused(CompleteUploadRefusal::InvalidPart(_)))) => {}
            other => panic!("round {round}: {other:?}"),
        }
    }
}

fn put_part(upload: &Upload, part: StoredPart) -> PutPart {
    PutPart { bucket: upload.bucket.clone(), key: upload.key.clone(), upload: upload.id, part }
}
