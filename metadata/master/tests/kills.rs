//! A master that is killed at any moment repeats no volume id and no key.

use std::{
    collections::HashSet,
    ffi::OsString,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use master::{Master, Settings};
use protocol::{AssignRequest, Heartbeat, Location, Master as _, Servers, conformance::MemoryVolumes};
use types::{Placement, Ttl};

const ROUNDS: u64 = 40;
const KEYS_PER_LEASE: u64 = 30_000;
const DIR: &str = "HOLDFAST_KILLED_MASTER_DIR";

/// The process that is killed. Prints what it was given, as it gets it.
#[tokio::main]
async fn victim(dir: OsString) {
    let location = Location { url: "volume:1".to_owned(), public_url: "volume:1".to_owned() };
    let servers = Servers::default().with_local(&location, Arc::new(MemoryVolumes::default()));
    let settings = Settings { warm_up: Duration::ZERO, ..Settings::new(dir, "master:1") };
    let master = Master::open(settings, servers).await.expect("opens");
    let heartbeat = Heartbeat {
        location,
        data_center: String::new(),
        rack: String::new(),
        max_volumes: 1_000_000,
        volumes: Vec::new(),
    };
    master.heartbeat(heartbeat).await.expect("takes a heartbeat");
    for number in 0_u64.. {
        let collection = format!("c{number}").parse().expect("a name");
        let request = AssignRequest {
            count: KEYS_PER_LEASE,
            collection,
            placement: Placement::SINGLE,
            ttl: Ttl::NEVER,
        };
        let lease = master.assign(&request).await.expect("assigns");
        println!("lease {} {} given", lease.volume, lease.first_key.0);
    }
}

#[test]
fn kills_repeat_nothing() {
    // This test starts itself again as the process that it kills.
    if let Some(dir) = std::env::var_os(DIR) {
        return victim(dir);
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (mut volumes, mut keys) = (HashSet::new(), Vec::new());
    for round in 0..ROUNDS {
        for (volume, key) in killed_after(dir.path(), Duration::from_millis(1 + round * 3 % 50)) {
            assert!(volumes.insert(volume), "round {round}: volume {volume} came twice");
            keys.push(key);
        }
    }
    keys.sort_unstable();
    assert!(keys.windows(2).all(|pair| pair[0] + KEYS_PER_LEASE <= pair[1]), "leases overlap");
    assert!(keys.len() as u64 > ROUNDS, "it was killed at work: {} leases", keys.len());
}

/// Starts a master, kills it so long after its first lease, and returns what it had given.
fn killed_after(dir: &Path, delay: Duration) -> Vec<(u64, u64)> {
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "kills_repeat_nothing", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let mut given = Vec::new();
    let mut kill_at = None;
    while let Some(Ok(line)) = lines.next() {
        // The last line may be cut short by the kill: it was not acknowledged then.
        let Some(lease) = line.split_once("lease ").and_then(|(_, lease)| lease.strip_suffix(" given"))
        else {
            continue;
        };
        let (volume, key) = lease.split_once(' ').expect("two numbers");
        given.push((volume.parse().expect("a volume"), key.parse().expect("a key")));
        let kill_at = *kill_at.get_or_insert_with(|| Instant::now() + delay);
        if Instant::now() >= kill_at {
            child.kill().expect("kills");
        }
    }
    child.wait().expect("is dead");
    given
}
