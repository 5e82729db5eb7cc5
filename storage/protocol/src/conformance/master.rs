use std::{collections::HashSet, sync::Arc};

use tokio::task::JoinSet;
use types::{Collection, NeedleKey, Placement, Ttl, VolumeId};

use crate::{
    AssignError, AssignRequest, Assignment, Heartbeat, Location, LookupError, Master, MasterError,
    VolumeReport,
};

/// Runs every case against `master`, which is new, knows no server, and finds one to allocate on (such as
/// [`super::MemoryVolumes`]) at `server`. Panics where a promise of [`Master`] is not kept.
pub async fn master(master: Arc<dyn Master>, server: Location) {
    let unknown = master.lookup(VolumeId(4_000_000)).await;
    assert!(matches!(unknown, Err(LookupError::NotFound(VolumeId(4_000_000)))), "{unknown:?}");

    beat(&*master, &server, ROOM, &[]).await;
    let first = assign(&*master, "", 3).await;
    assert_eq!(first.count, 3);
    let alone = std::slice::from_ref(&server);
    assert_eq!(first.locations, alone);
    assert_eq!(master.lookup(first.volume).await.expect("found"), alone);

    leases_never_overlap(&master).await;
    let other = assign(&*master, "other", 1).await;
    assert_ne!(other.volume, first.volume, "collections do not share volumes");
    copies_need_servers(&*master).await;

    let held = [report(first.volume, ""), report(other.volume, "other")];
    beat(&*master, &server, ROOM, &held).await;
    assert_eq!(master.lookup(other.volume).await.expect("found"), alone);

    what_a_server_brings_is_found(&*master, &server, &held).await;
    contradictions_are_refused(&*master, &server, &held).await;
    full_servers_take_no_lease(&*master, &server, &held).await;
}

const ROOM: u32 = 100;

/// 32 callers at once, 8 keys each: no key of one volume is given out twice.
async fn leases_never_overlap(master: &Arc<dyn Master>) {
    let mut callers = JoinSet::new();
    for _ in 0..32 {
        let master = Arc::clone(master);
        callers.spawn(async move { assign(&*master, "", 8).await });
    }
    let mut seen = HashSet::new();
    for lease in callers.join_all().await {
        for key in lease.first_key.0..lease.first_key.0 + lease.count {
            assert!(seen.insert(key), "key {key} was leased twice");
        }
    }
    assert_eq!(seen.len(), 32 * 8);
}

async fn copies_need_servers(master: &dyn Master) {
    let two_copies = AssignRequest { placement: "001".parse().expect("a placement"), ..request("", 1) };
    let error = master.assign(&two_copies).await;
    assert!(matches!(error, Err(AssignError::NoRoom { .. })), "two copies on one server: {error:?}");
}

/// A directory of another cluster's volumes is served as it is.
async fn what_a_server_brings_is_found(master: &dyn Master, server: &Location, held: &[VolumeReport]) {
    let brought = VolumeId(1_000_000);
    let keys_used = NeedleKey(5_000_000_000);
    let volumes = [held, &[VolumeReport { max_key: keys_used, ..report(brought, "") }]].concat();
    beat(master, server, ROOM, &volumes).await;
    assert_eq!(master.lookup(brought).await.expect("found"), std::slice::from_ref(server));
    let later = assign(master, "new", 1).await;
    assert!(later.volume > brought, "volume numbers are never used twice: {} made anew", later.volume);
    assert!(later.first_key > keys_used, "keys are never used twice: {:?} leased anew", later.first_key);
}

async fn contradictions_are_refused(master: &dyn Master, server: &Location, held: &[VolumeReport]) {
    let turned = [report(held[0].id, "turned")];
    let error = master.heartbeat(heartbeat(server, ROOM, &turned)).await;
    assert!(matches!(error, Err(MasterError::Refused(_))), "a volume under two collections: {error:?}");
    beat(master, server, ROOM, held).await;
}

async fn full_servers_take_no_lease(master: &dyn Master, server: &Location, held: &[VolumeReport]) {
    let full: Vec<_> = held.iter().map(|volume| VolumeReport { read_only: true, ..volume.clone() }).collect();
    beat(master, server, 2, &full).await;
    for collection in ["other", "none-left"] {
        let error = master.assign(&request(collection, 1)).await;
        assert!(matches!(error, Err(AssignError::NoRoom { .. })), "{collection}: {error:?}");
    }
}

async fn assign(master: &dyn Master, collection: &str, count: u64) -> Assignment {
    let lease = master.assign(&request(collection, count)).await;
    let lease = lease.unwrap_or_else(|error| panic!("assigns {count} in {collection:?}: {error}"));
    assert!(!lease.locations.is_empty() && lease.count >= count, "{lease:?}");
    lease
}

async fn beat(master: &dyn Master, server: &Location, max_volumes: u32, volumes: &[VolumeReport]) {
    let reply = master.heartbeat(heartbeat(server, max_volumes, volumes)).await.expect("takes a heartbeat");
    assert_ne!(reply.volume_size_limit_bytes, 0);
}

fn heartbeat(server: &Location, max_volumes: u32, volumes: &[VolumeReport]) -> Heartbeat {
    Heartbeat {
        location: server.clone(),
        data_center: String::new(),
        rack: String::new(),
        max_volumes,
        volumes: volumes.to_vec(),
    }
}

fn request(collection: &str, count: u64) -> AssignRequest {
    AssignRequest { count, collection: named(collection), placement: Placement::SINGLE, ttl: Ttl::NEVER }
}

fn report(id: VolumeId, collection: &str) -> VolumeReport {
    VolumeReport {
        id,
        collection: named(collection),
        placement: Placement::SINGLE,
        ttl: Ttl::NEVER,
        size_bytes: 8,
        needle_count: 0,
        deleted_count: 0,
        deleted_bytes: 0,
        max_key: NeedleKey(0),
        read_only: false,
    }
}

fn named(collection: &str) -> Collection {
    collection.parse().expect("a collection")
}
