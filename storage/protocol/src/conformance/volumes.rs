use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;
use types::{Cookie, FileId, NeedleKey, Placement, Ttl, VolumeId};

use crate::{
    AllocateError, AllocateVolume, DeleteError, NewNeedle, ReadError, StoredNeedle, Volumes, WriteError, wire,
};

/// Volume numbers the suite makes, from the first one given to it.
pub const VOLUMES_NEEDED: u32 = 8;

const COOKIE: Cookie = Cookie(0x6370_37d6);

/// Runs every case against `server`, which has room for [`VOLUMES_NEEDED`] volumes and holds none of the
/// numbers `first..first + VOLUMES_NEEDED + 1`. Panics where a promise of [`Volumes`] is not kept.
pub async fn volumes(server: Arc<dyn Volumes>, first: VolumeId) {
    let volume = |index: u32| VolumeId(first.0 + index);
    whole_needles_come_back(&*server, volume(0)).await;
    odd_needles_come_back(&*server, volume(1)).await;
    writing_again(&*server, volume(2)).await;
    cookies_guard_needles(&*server, volume(3)).await;
    deleted_is_gone(&*server, volume(4)).await;
    what_does_not_fit_is_refused(&*server, volume(5)).await;
    parallel_writes_all_stand(Arc::clone(&server), volume(6)).await;
    allocating_twice(&*server, volume(7)).await;
    unknown_volumes(&*server, volume(8)).await;
}

async fn whole_needles_come_back(server: &dyn Volumes, volume: VolumeId) {
    make(server, volume).await;
    let needle = NewNeedle {
        data: Bytes::from_static(b"meow"),
        name: "cät \"1\".jpg".into(),
        mime: "image/jpeg; a=\"b\"".into(),
        pairs: Bytes::from_static("{\"Seaweed-Key\":\"k/é\"}".as_bytes()),
        modified_secs: 1_700_000_000,
        ttl: ttl("3d"),
        gzipped: false,
        chunk_manifest: false,
    };
    let written = server.write(fid(volume, 1), needle.clone()).await.expect("writes");
    assert_eq!((written.size_bytes, written.unchanged), (4, false), "of a first write");
    assert_eq!(written.crc, wire::crc_of(b"meow"), "the checksum acknowledged");
    assert_eq!(read(server, fid(volume, 1)).await, StoredNeedle { needle, crc: written.crc });
}

async fn odd_needles_come_back(server: &dyn Volumes, volume: VolumeId) {
    make(server, volume).await;
    let bare = NewNeedle { data: Bytes::from_static(&[0, 1, 2, 0xff]), ..NewNeedle::default() };
    server.write(fid(volume, 1), bare.clone()).await.expect("writes a bare needle");
    let stored = read(server, fid(volume, 1)).await.needle;
    assert_ne!(stored.modified_secs, 0, "the server's clock stands in");
    assert_eq!(NewNeedle { modified_secs: 0, ..stored }, bare);

    // Neither is what the flags say: the server must hand back what it was given, not look inside.
    let flagged = NewNeedle { gzipped: true, chunk_manifest: true, modified_secs: 1, ..bare.clone() };
    server.write(fid(volume, 2), flagged.clone()).await.expect("writes a flagged needle");
    assert_eq!(read(server, fid(volume, 2)).await.needle, flagged);

    server.write(fid(volume, 3), NewNeedle::default()).await.expect("writes an empty needle");
    assert_eq!(read(server, fid(volume, 3)).await.needle.data, Bytes::new(), "empty is not absent");

    let large = NewNeedle { data: vec![7; 3 << 20].into(), modified_secs: 1, ..NewNeedle::default() };
    server.write(fid(volume, u64::MAX), large.clone()).await.expect("writes a large needle");
    assert_eq!(read(server, fid(volume, u64::MAX)).await.needle, large);
}

async fn writing_again(server: &dyn Volumes, volume: VolumeId) {
    make(server, volume).await;
    let first = server.write(fid(volume, 1), of("one")).await.expect("writes");
    let again = server.write(fid(volume, 1), of("one")).await.expect("writes the same");
    assert!(again.unchanged, "the same data is not written twice");
    assert_eq!((again.size_bytes, again.crc), (first.size_bytes, first.crc));
    let other = server.write(fid(volume, 1), of("another")).await.expect("overwrites");
    assert!(!other.unchanged);
    assert_eq!(read(server, fid(volume, 1)).await.needle.data, "another");
}

async fn cookies_guard_needles(server: &dyn Volumes, volume: VolumeId) {
    make(server, volume).await;
    let right = fid(volume, 1);
    let wrong = FileId { cookie: Cookie(1), ..right };
    server.write(right, of("kept")).await.expect("writes");
    let read_error = server.read(wrong).await;
    assert!(matches!(read_error, Err(ReadError::NotFound(fid)) if fid == wrong), "{read_error:?}");
    let write_error = server.write(wrong, of("stolen")).await;
    assert!(matches!(write_error, Err(WriteError::WrongCookie(fid)) if fid == wrong), "{write_error:?}");
    let delete_error = server.delete(wrong).await;
    assert!(matches!(delete_error, Err(DeleteError::WrongCookie(fid)) if fid == wrong), "{delete_error:?}");
    assert_eq!(read(server, right).await.needle.data, "kept");
}

async fn deleted_is_gone(server: &dyn Volumes, volume: VolumeId) {
    make(server, volume).await;
    let (kept, gone) = (fid(volume, 1), fid(volume, 2));
    server.write(kept, of("kept")).await.expect("writes");
    server.write(gone, of("gone!")).await.expect("writes");
    assert_eq!(server.delete(gone).await.expect("deletes").size_bytes, 5);
    let read_error = server.read(gone).await;
    assert!(matches!(read_error, Err(ReadError::NotFound(_))), "{read_error:?}");
    let again = server.delete(gone).await;
    assert!(matches!(again, Err(DeleteError::NotFound(_))), "{again:?}");
    let never = server.delete(fid(volume, 3)).await;
    assert!(matches!(never, Err(DeleteError::NotFound(_))), "{never:?}");
    assert_eq!(read(server, kept).await.needle.data, "kept");
    server.write(gone, of("back")).await.expect("a deleted address takes a new needle");
    assert_eq!(read(server, gone).await.needle.data, "back");
}

async fn what_does_not_fit_is_refused(server: &dyn Volumes, volume: VolumeId) {
    make(server, volume).await;
    let wide = NewNeedle { mime: "m".repeat(256), ..of("x") };
    let heavy = NewNeedle { pairs: vec![b' '; 1 << 16].into(), ..of("x") };
    for (key, needle) in [(1, wide), (2, heavy)] {
        let error = server.write(fid(volume, key), needle).await;
        assert!(matches!(error, Err(WriteError::TooLarge { .. })), "needle {key}: {error:?}");
        let read_error = server.read(fid(volume, key)).await;
        assert!(
            matches!(read_error, Err(ReadError::NotFound(_))),
            "nothing of it is visible: {read_error:?}"
        );
    }
    let named = NewNeedle { name: "é".repeat(200), ..of("x") };
    server.write(fid(volume, 3), named).await.expect("a long name is cut");
    assert_eq!(read(server, fid(volume, 3)).await.needle.name, "é".repeat(127));
}

async fn parallel_writes_all_stand(server: Arc<dyn Volumes>, volume: VolumeId) {
    make(&*server, volume).await;
    let body = |key: u64| format!("needle {key} {}", "x".repeat(usize::try_from(key).unwrap_or(0)));
    let mut writers = JoinSet::new();
    for key in 0..64 {
        let server = Arc::clone(&server);
        writers.spawn(async move { server.write(fid(volume, key), of(&body(key))).await.map(drop) });
    }
    for result in writers.join_all().await {
        result.expect("a parallel write");
    }
    for key in 0..64 {
        assert_eq!(read(&*server, fid(volume, key)).await.needle.data, body(key));
    }
}

async fn allocating_twice(server: &dyn Volumes, volume: VolumeId) {
    let settings = AllocateVolume {
        id: volume,
        collection: "pictures_2".parse().expect("a collection"),
        placement: Placement::SINGLE,
        ttl: ttl("3d"),
    };
    server.allocate(settings.clone()).await.expect("makes a volume");
    server.write(fid(volume, 1), of("kept")).await.expect("writes");
    server.allocate(settings.clone()).await.expect("the same again is fine");
    let others = [
        AllocateVolume { collection: "other".parse().expect("a collection"), ..settings.clone() },
        AllocateVolume { ttl: Ttl::NEVER, ..settings.clone() },
        AllocateVolume { placement: "001".parse().expect("a placement"), ..settings },
    ];
    for other in others {
        let error = server.allocate(other.clone()).await;
        assert!(matches!(error, Err(AllocateError::Conflict(id)) if id == volume), "{other:?}: {error:?}");
    }
    assert_eq!(read(server, fid(volume, 1)).await.needle.data, "kept");
}

async fn unknown_volumes(server: &dyn Volumes, volume: VolumeId) {
    let read_error = server.read(fid(volume, 1)).await;
    assert!(matches!(read_error, Err(ReadError::NoVolume(id)) if id == volume), "{read_error:?}");
    let write_error = server.write(fid(volume, 1), of("x")).await;
    assert!(matches!(write_error, Err(WriteError::NoVolume(id)) if id == volume), "{write_error:?}");
    let delete_error = server.delete(fid(volume, 1)).await;
    assert!(matches!(delete_error, Err(DeleteError::NoVolume(id)) if id == volume), "{delete_error:?}");
}

async fn make(server: &dyn Volumes, id: VolumeId) {
    let plain =
        AllocateVolume { id, collection: Default::default(), placement: Placement::SINGLE, ttl: Ttl::NEVER };
    server.allocate(plain).await.expect("makes a volume");
}

async fn read(server: &dyn Volumes, fid: FileId) -> StoredNeedle {
    server.read(fid).await.unwrap_or_else(|error| panic!("reads {fid}: {error}"))
}

fn fid(volume: VolumeId, key: u64) -> FileId {
    FileId { volume, key: NeedleKey(key), cookie: COOKIE }
}

fn of(data: &str) -> NewNeedle {
    NewNeedle { data: data.to_owned().into(), ..NewNeedle::default() }
}

fn ttl(text: &str) -> Ttl {
    text.parse().expect("a ttl")
}
