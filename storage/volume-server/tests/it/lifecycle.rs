use std::fs;

use protocol::{AllocateError, AllocateVolume, ReadError, Volumes, WriteError};
use types::VolumeId;
use volume_server::{OpenError, VolumeServer};

use crate::support::{Fixture, settings};

#[tokio::test]
async fn a_restart_keeps_everything() {
    let fixture = Fixture::start().await;
    fixture.allocate(7, "pic_tures", "3d").await;
    for key in 1..=100 {
        fixture.put(&format!("/3,{key:02x}637037d6"), format!("needle {key}")).await.assert_status(201);
    }
    fixture.put("/7,01637037d6", "mortal").await.assert_status(201);
    fixture.delete("/3,05637037d6").await.assert_status(202);
    let before = fixture.server.heartbeat().volumes;

    let fixture = fixture.restart().await;
    assert_eq!(fixture.server.heartbeat().volumes, before);
    for key in (1..=100).filter(|key| *key != 5) {
        assert_eq!(fixture.get(&format!("/3,{key:02x}637037d6")).await.body, format!("needle {key}"));
    }
    assert_eq!(fixture.get("/7,01637037d6").await.body, "mortal");
    fixture.assert_absent("/3,05637037d6").await;
}

#[tokio::test]
async fn a_directory_has_one_server() {
    let fixture = Fixture::start().await;
    let second = VolumeServer::open(settings(fixture.dir.path(), "second:1")).await;
    assert!(matches!(second, Err(OpenError::Locked { .. })), "{:?}", second.err());
    fixture.server.close().await;
    VolumeServer::open(settings(fixture.dir.path(), "second:1")).await.expect("it is free now");
}

/// Across processes: this test runs itself again, and the child must be refused while this one serves.
#[tokio::test]
async fn a_directory_has_one_process() {
    const DIR: &str = "HOLDFAST_TEST_TAKEN_DIR";
    if let Some(dir) = std::env::var_os(DIR) {
        let second = VolumeServer::open(settings(dir.as_ref(), "second:1")).await;
        assert!(matches!(second, Err(OpenError::Locked { .. })), "{:?}", second.err());
        println!("refused as it should be");
        return;
    }
    let fixture = Fixture::start().await;
    let child = tokio::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "lifecycle::a_directory_has_one_process", "--nocapture"])
        .env(DIR, fixture.dir.path())
        .output()
        .await
        .expect("runs");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("refused as it should be"), "{said}");
}

#[tokio::test]
async fn what_is_no_directory_is_refused() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let error = VolumeServer::open(settings(file.path(), "a:1")).await.err();
    assert!(matches!(error, Some(OpenError::Directory { .. })), "{error:?}");
    let mut none = settings(file.path(), "a:1");
    none.dirs.clear();
    let error = VolumeServer::open(none).await.err();
    assert!(matches!(error, Some(OpenError::NoDirectory)), "{error:?}");
}

#[tokio::test]
async fn one_number_twice_is_refused() {
    let fixture = Fixture::start().await;
    fixture.server.close().await;
    for extension in ["dat", "idx", "vif"] {
        let from = fixture.dir.path().join(format!("3.{extension}"));
        if from.exists() {
            fs::copy(from, fixture.dir.path().join(format!("copy_3.{extension}"))).expect("copies");
        }
    }
    let error = VolumeServer::open(settings(fixture.dir.path(), "a:1")).await.err();
    assert!(matches!(error, Some(OpenError::Duplicate { id: VolumeId(3), .. })), "{error:?}");
}

#[tokio::test]
async fn a_broken_volume_is_out_of_service_and_the_others_serve() {
    let fixture = Fixture::start().await;
    fixture.allocate(4, "", "").await;
    fixture.put("/3,01637037d6", "well").await.assert_status(201);
    fixture.put("/4,01637037d6", "lost").await.assert_status(201);
    fixture.server.close().await;
    let data = fixture.dir.path().join("4.dat");
    let mut bytes = fs::read(&data).expect("reads");
    bytes[0] = 99; // a format version nobody knows
    fs::write(&data, &bytes).expect("writes");

    let fixture = fixture.restart().await;
    assert_eq!(fixture.get("/3,01637037d6").await.body, "well");
    fixture.get("/4,01637037d6").await.assert_status(503);
    fixture.put("/4,02637037d6", "x").await.assert_status(503);
    let fid = "4,01637037d6".parse().expect("a fid");
    let read = fixture.server.read(fid).await;
    assert!(matches!(read, Err(ReadError::Unavailable { .. })), "never \"not here\": {read:?}");
    assert_eq!(fixture.get("/status").await.json()["BrokenVolumes"][0]["Id"], 4);
    assert_eq!(fs::read(&data).expect("reads"), bytes, "its bytes are as they were");
}

#[tokio::test]
async fn closing_ends_writing() {
    let fixture = Fixture::start().await;
    fixture.put("/3,01637037d6", "kept").await.assert_status(201);
    fixture.server.close().await;
    fixture.get("/readyz").await.assert_status(503);
    let fid = "3,02637037d6".parse().expect("a fid");
    let write = fixture.server.write(fid, protocol::NewNeedle::default()).await;
    assert!(matches!(write, Err(WriteError::Unavailable { .. })), "{write:?}");
    let made = fixture.server.allocate(plain(8)).await;
    assert!(matches!(made, Err(AllocateError::Unavailable { .. })), "{made:?}");
    assert_eq!(fixture.get("/3,01637037d6").await.body, "kept");
}

#[tokio::test]
async fn slots_are_limited() {
    let fixture = Fixture::start_with(|settings| settings.max_volumes = Some(2)).await;
    fixture.server.allocate(plain(4)).await.expect("the second");
    let third = fixture.server.allocate(plain(5)).await;
    assert!(matches!(third, Err(AllocateError::NoRoom { .. })), "{third:?}");
    fixture.server.allocate(plain(4)).await.expect("what is there needs no room");
    let auto = fixture.restart_with(|settings| settings.max_volumes = None).await;
    assert!(auto.server.heartbeat().max_volumes > 2, "what the disk holds");
}

#[tokio::test]
async fn volumes_spread_over_directories() {
    let other = tempfile::tempdir().expect("a directory");
    let fixture = Fixture::start_with(|settings| settings.dirs.push(other.path().to_owned())).await;
    for id in 4..9 {
        fixture.server.allocate(plain(id)).await.expect("makes a volume");
    }
    let count = |dir: &std::path::Path| {
        let names =
            fs::read_dir(dir).expect("lists").filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name.ends_with(".dat")).count()
    };
    assert_eq!((count(fixture.dir.path()), count(other.path())), (3, 3));
}

/// Callers that give up must not leave a volume half made.
#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_allocation_can_be_asked_again() {
    let fixture = Fixture::start().await;
    for id in 20..40 {
        let abandoned = {
            let server = fixture.server.clone();
            tokio::spawn(async move { server.allocate(plain(id)).await })
        };
        tokio::task::yield_now().await;
        abandoned.abort();
        fixture.server.allocate(plain(id)).await.expect("makes it, or finds it");
        fixture.put(&format!("/{id},01637037d6"), "x").await.assert_status(201);
    }
}

#[tokio::test]
async fn status_is_weeds() {
    let fixture = Fixture::start().await;
    fixture.put("/3,01637037d6", "x").await.assert_status(201);
    let status = fixture.get("/status?pretty=y").await;
    assert!(status.body.starts_with(b"{\n  \"Version\""), "{status:?}");
    let status = status.json();
    assert!(status["DiskStatuses"][0]["all"].as_u64() > Some(0), "{status}");
    let volume = &status["Volumes"][0];
    assert_eq!(
        (&volume["Id"], &volume["FileCount"], &volume["ReadOnly"]),
        (&3.into(), &1.into(), &false.into())
    );
}

fn plain(id: u32) -> AllocateVolume {
    AllocateVolume {
        id: VolumeId(id),
        collection: "".parse().expect("a collection"),
        placement: types::Placement::SINGLE,
        ttl: types::Ttl::NEVER,
    }
}
