//! A disk that fails: what the roles are told, and what is left.

use std::{sync::Arc, time::Duration};

use protocol::{
    AllocateError, AllocateVolume, HttpClient, HttpVolumes, Master, NewNeedle, ReadError, Volumes, WriteError,
};
use tokio_util::sync::CancellationToken;
use types::{FileId, VolumeId};
use volume::faulty::{Faults, FaultyDisk};

use crate::{heartbeats::Listener, support::Fixture};

async fn on(disk: &FaultyDisk) -> Fixture {
    let disk = Arc::new(disk.clone());
    Fixture::start_with(|settings| {
        settings.disk = disk;
        settings.heartbeat_interval = Duration::from_secs(3600);
    })
    .await
}

fn fid(key: u32) -> FileId {
    format!("3,{key:02x}637037d6").parse().expect("a fid")
}

fn needle(key: u32) -> NewNeedle {
    NewNeedle { data: format!("needle {key}").into(), ..NewNeedle::default() }
}

#[tokio::test]
async fn a_failed_sync_is_not_acknowledged_and_the_master_hears() {
    let disk = FaultyDisk::new(1, Faults::default());
    let fixture = on(&disk).await;
    let (master, stop) = (Arc::new(Listener::default()), CancellationToken::new());
    let told: Arc<dyn Master> = master.clone();
    let beats = tokio::spawn(Arc::clone(&fixture.server).run_heartbeats(told, stop.clone()));
    fixture.server.write(fid(1), needle(1)).await.expect("writes");
    master.hear(0, |beat| !beat.volumes[0].read_only).await;

    disk.set_faults(Faults { fail_sync: Some(0), ..Faults::default() });
    let failed = fixture.server.write(fid(2), needle(2)).await;
    assert!(matches!(failed, Err(WriteError::Unavailable { .. })), "{failed:?}");
    let after = fixture.server.write(fid(3), needle(3)).await;
    assert!(matches!(after, Err(WriteError::ReadOnly { .. })), "{after:?}");
    master.hear(0, |beat| beat.volumes[0].read_only).await;
    let told = master.count();
    for _ in 0..10 {
        let refused = fixture.server.write(fid(4), needle(4)).await;
        assert!(matches!(refused, Err(WriteError::ReadOnly { .. })), "{refused:?}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(master.count() <= told + 1, "told once, not on every write: {} times", master.count());
    assert_eq!(fixture.server.read(fid(1)).await.expect("reads on").needle.data, "needle 1");
    stop.cancel();
    beats.await.expect("stops");
}

#[tokio::test]
async fn acknowledged_needles_survive_a_power_loss() {
    let disk = FaultyDisk::new(2, Faults::default());
    let fixture = on(&disk).await;
    for key in 1..50 {
        fixture.server.write(fid(key), needle(key)).await.expect("writes");
    }
    fixture.server.delete(fid(7)).await.expect("deletes");
    for seed in 0..10 {
        let survivor = Arc::new(disk.after_power_loss(seed));
        let dir = fixture.dir.path().to_owned();
        let booted = Fixture::start_in(tempfile::tempdir().expect("a directory"), |settings| {
            settings.disk = survivor;
            settings.dirs = vec![dir];
        });
        fixture.server.close().await;
        let booted = booted.await;
        for key in (1..50).filter(|key| *key != 7) {
            let stored = booted.server.read(fid(key)).await;
            assert_eq!(stored.expect("reads").needle.data, format!("needle {key}"), "seed {seed}");
        }
        let gone = booted.server.read(fid(7)).await;
        assert!(matches!(gone, Err(ReadError::NotFound(_))), "seed {seed}: {gone:?}");
        booted.server.close().await;
    }
}

#[tokio::test]
async fn a_full_disk_is_told_apart() {
    let disk = FaultyDisk::new(3, Faults::default());
    let fixture = on(&disk).await;
    disk.set_faults(Faults { capacity_bytes: Some(100), ..Faults::default() });
    let large = NewNeedle { data: vec![1; 1000].into(), ..NewNeedle::default() };
    let write = fixture.server.write(fid(1), large).await;
    assert!(matches!(write, Err(WriteError::ReadOnly { .. })), "take another volume: {write:?}");
    disk.set_faults(Faults { capacity_bytes: Some(0), ..Faults::default() });
    let volume = AllocateVolume {
        id: VolumeId(4),
        collection: "".parse().expect("a collection"),
        placement: types::Placement::SINGLE,
        ttl: types::Ttl::NEVER,
    };
    let made = fixture.server.allocate(volume.clone()).await;
    assert!(matches!(made, Err(AllocateError::NoRoom { .. })), "{made:?}");
    disk.set_faults(Faults::default());
    fixture.server.allocate(volume).await.expect("room again: the first attempt is not in the way");
    fixture.server.write(fid(1), needle(1)).await.expect("room again");
}

#[tokio::test]
async fn a_flipped_bit_is_never_served() {
    let disk = FaultyDisk::new(4, Faults::default());
    let fixture = on(&disk).await;
    fixture.server.write(fid(1), needle(1)).await.expect("writes");
    disk.set_faults(Faults { flip_reads: true, ..Faults::default() });
    let remote = HttpVolumes::new(fixture.address.clone(), HttpClient::default());
    let mut found = 0;
    for _ in 0..50 {
        for read in [fixture.server.read(fid(1)).await, remote.read(fid(1)).await] {
            found += match read {
                Err(ReadError::Corrupt { .. }) => 1,
                // The format pads a needle with bytes that mean nothing, and no checksum covers the cookie.
                Ok(stored) if stored.needle.data == "needle 1" => 0,
                Err(ReadError::NotFound(_)) => 0,
                other => panic!("{other:?}"),
            };
        }
        let got = fixture.get("/3,01637037d6").await;
        assert!(got.status != 200 || got.body == "needle 1", "{got:?}");
    }
    assert!(found > 30, "{found} of 100");
}
