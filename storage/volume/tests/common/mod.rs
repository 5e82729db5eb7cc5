//! What the tests of a volume share.
#![allow(dead_code, reason = "each test file takes what it needs")]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use types::{Collection, Cookie, Durability, NeedleKey, Placement, Ttl, VolumeId};
use volume::{
    Clock, IndexWidth, Needle, Options, Volume, VolumeSettings,
    faulty::{Faults, FaultyDisk},
};

pub const DIR: &str = "/volumes";
pub const ID: VolumeId = VolumeId(3);
pub const COOKIE: Cookie = Cookie(0x1234_5678);

/// A clock that stands still until it is set.
#[derive(Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    pub fn set_secs(&self, secs: u64) {
        self.0.store(secs * 1_000_000_000, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

pub fn options(durability: Durability, index_width: IndexWidth) -> Options {
    let clock = ManualClock::default();
    clock.set_secs(1_700_000_000);
    Options { durability, index_width, clock: Arc::new(clock) }
}

pub fn durable() -> Options {
    options(Durability::Disk, IndexWidth::Four)
}

pub fn settings() -> VolumeSettings {
    VolumeSettings {
        id: ID,
        collection: Collection::default(),
        placement: Placement::SINGLE,
        ttl: Ttl::NEVER,
    }
}

pub fn dir() -> &'static Path {
    Path::new(DIR)
}

pub fn make(disk: &FaultyDisk) -> Volume {
    Volume::create(Arc::new(disk.clone()), dir(), settings(), &durable()).expect("create")
}

pub fn open(disk: &FaultyDisk) -> Volume {
    try_open(disk).expect("open")
}

pub fn try_open(disk: &FaultyDisk) -> Result<Volume, volume::OpenError> {
    Volume::open(Arc::new(disk.clone()), dir(), &Collection::default(), ID, &durable())
}

pub fn healthy() -> FaultyDisk {
    FaultyDisk::new(1, Faults::default())
}

/// Data that tells its needle, its version and its length.
pub fn data(key: u64, version: u64, bytes: usize) -> Bytes {
    let seed = key.wrapping_mul(31).wrapping_add(version);
    (0..bytes as u64).map(|at| seed.wrapping_mul(at + 7).to_le_bytes()[0] ^ seed.to_le_bytes()[0]).collect()
}

pub fn needle(key: u64, version: u64, bytes: usize) -> Needle {
    Needle {
        key: NeedleKey(key),
        cookie: COOKIE,
        data: data(key, version, bytes),
        name: format!("{key}.bin").into(),
        pairs: format!("{{\"key\":\"{key}\"}}").into(),
        modified_secs: 1_700_000_000,
        ..Needle::default()
    }
}

pub fn file(extension: &str) -> std::path::PathBuf {
    dir().join(format!("{ID}.{extension}"))
}

/// The data of a needle, or none if it is not found. Anything else fails the test.
pub async fn get(volume: &Volume, key: u64) -> Option<Bytes> {
    match volume.read(NeedleKey(key), COOKIE).await {
        Ok((needle, _)) => Some(needle.data),
        Err(volume::ReadError::NotFound(_)) => None,
        Err(error) => panic!("needle {key}: {error}"),
    }
}
