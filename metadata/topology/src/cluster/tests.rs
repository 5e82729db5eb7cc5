use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use types::Placement;

use super::*;

const LIMIT_BYTES: u64 = 1000;

fn class(collection: &str, placement: &str) -> Class {
    Class {
        collection: collection.parse().expect("a name"),
        placement: placement.parse().expect("a placement"),
        ..Class::default()
    }
}

fn server(number: u8) -> Server {
    let url = format!("host{number}:8080");
    Server { public_url: url.clone(), url, data_center: format!("dc{}", number / 3), rack: "rack".to_owned() }
}

fn held(id: u32, class: &Class, size_bytes: u64) -> Held {
    Held { id: VolumeId(id), class: class.clone(), size_bytes, read_only: false }
}

fn plan(cluster: &mut Cluster, class: &Class) -> Result<Plan, CannotGrow> {
    cluster.plan(class, None, &BTreeSet::new(), &mut StdRng::seed_from_u64(0))
}

fn grow(cluster: &mut Cluster, class: &Class, id: u32) {
    let plan = plan(cluster, class).expect("room");
    cluster.grown(plan, VolumeId(id));
}

#[track_caller]
fn check_writable(cluster: &Cluster, class: &Class, ids: &[u32]) {
    let layouts = cluster.layouts();
    let writable =
        layouts.iter().find(|layout| layout.class == class).map_or(&[][..], |layout| layout.writable);
    assert_eq!(writable, ids.iter().map(|id| VolumeId(*id)).collect::<Vec<_>>());
}

#[test]
fn a_volume_is_writable_at_once_and_while_it_is_healthy() {
    let mut cluster = Cluster::new(LIMIT_BYTES);
    let class = class("", "001");
    cluster.beat(server(0), 4, vec![]);
    cluster.beat(server(1), 4, vec![]);
    grow(&mut cluster, &class, 1);
    check_writable(&cluster, &class, &[1]);
    assert_eq!(cluster.locate(VolumeId(1)).len(), 2);

    cluster.beat(server(0), 4, vec![held(1, &class, 500)]);
    check_writable(&cluster, &class, &[1]);
    cluster.beat(server(1), 4, vec![Held { read_only: true, ..held(1, &class, 500) }]);
    check_writable(&cluster, &class, &[]);
    cluster.beat(server(1), 4, vec![held(1, &class, LIMIT_BYTES)]);
    check_writable(&cluster, &class, &[]);
    cluster.beat(server(1), 4, vec![held(1, &class, LIMIT_BYTES - 1)]);
    check_writable(&cluster, &class, &[1]);
    cluster.beat(server(1), 4, vec![]);
    check_writable(&cluster, &class, &[]);
    assert_eq!(cluster.locate(VolumeId(1)).len(), 1);
}

#[test]
fn a_report_that_crossed_a_growth_does_not_undo_it_but_silence_does() {
    let mut cluster = Cluster::new(LIMIT_BYTES);
    let class = class("", "000");
    cluster.beat(server(0), 4, vec![]);
    grow(&mut cluster, &class, 1);
    for _ in 0..SILENT_BEATS {
        cluster.tick();
        cluster.beat(server(0), 4, vec![]);
        check_writable(&cluster, &class, &[1]);
    }
    cluster.tick();
    check_writable(&cluster, &class, &[]);
    assert!(cluster.locate(VolumeId(1)).is_empty());
    assert!(cluster.layouts().is_empty());
}

#[test]
fn a_silent_server_is_dead_and_may_come_back() {
    let mut cluster = Cluster::new(LIMIT_BYTES);
    let class = class("", "000");
    cluster.beat(server(0), 4, vec![held(1, &class, 8)]);
    for _ in 0..SILENT_BEATS {
        assert!(cluster.tick().is_empty());
        check_writable(&cluster, &class, &[1]);
    }
    let dead = cluster.tick();
    assert_eq!(dead.iter().map(|server| server.url.as_str()).collect::<Vec<_>>(), ["host0:8080"]);
    assert!(cluster.pick(&class).is_none());
    assert!(cluster.locate(VolumeId(1)).is_empty());
    assert_eq!(cluster.servers().count(), 0);
    cluster.beat(server(0), 4, vec![held(1, &class, 8)]);
    check_writable(&cluster, &class, &[1]);
}

#[test]
fn volumes_take_turns() {
    let mut cluster = Cluster::new(LIMIT_BYTES);
    let class = class("", "000");
    cluster.beat(server(0), 4, (1..=3).map(|id| held(id, &class, 8)).collect());
    let mut picks: Vec<_> = (0..9).filter_map(|_| cluster.pick(&class)).map(|(id, _)| id.0).collect();
    picks.sort_unstable();
    assert_eq!(picks, [1, 1, 1, 2, 2, 2, 3, 3, 3]);
}

#[test]
fn refusals_say_what_is_short() {
    let mut cluster = Cluster::new(LIMIT_BYTES);
    let (one, two) = (class("c", "000"), class("c", "001"));
    assert_eq!(plan(&mut cluster, &one).map(drop), Err(CannotGrow::NotEnoughServers));
    cluster.beat(server(0), 1, vec![]);
    let refusal = plan(&mut cluster, &two).expect_err("one server");
    assert_eq!(refusal.to_string(), "Cannot grow volume group! Not enough data node found!");
    let kept = plan(&mut cluster, &one).expect("one slot");
    let refusal = plan(&mut cluster, &one).expect_err("the slot is reserved");
    let text = r#"{"collection":"c","replication":"000","ttl":""}"#;
    assert_eq!(refusal.to_string(), format!("No writable volumes and no free volumes left for {text}"));
    cluster.abandon(kept);
    let kept = plan(&mut cluster, &one).expect("the slot was given back");
    cluster.grown(kept, VolumeId(1));
    assert_eq!(plan(&mut cluster, &one).map(drop), Err(CannotGrow::NoFreeSlots(one.clone())));
    let elsewhere = BTreeSet::from(["host0:8080".to_owned()]);
    cluster.beat(server(1), 1, vec![]);
    let plan = cluster.plan(&one, None, &elsewhere, &mut StdRng::seed_from_u64(0)).expect("the other server");
    assert_eq!(plan.servers()[0].url, "host1:8080");
    cluster.abandon(plan);
}

#[test]
fn growth_follows_need() {
    let mut cluster = Cluster::new(LIMIT_BYTES);
    let class = class("", "000");
    assert_eq!(cluster.need(&class), Need::Now);
    for number in 0..4 {
        cluster.beat(server(number), 20, vec![]);
    }
    cluster.beat(server(0), 20, vec![held(1, &class, 8)]);
    assert_eq!(cluster.need(&class), Need::No, "a small class takes one volume");
    cluster.beat(server(0), 20, vec![held(1, &class, LIMIT_BYTES * 9 / 10)]);
    assert_eq!(cluster.need(&class), Need::Soon, "nearly full");
    assert!(cluster.thin_classes().is_empty(), "nobody asked");
    assert!(cluster.pick(&class).is_some());
    assert_eq!(cluster.thin_classes(), std::slice::from_ref(&class));
    assert!(cluster.thin_classes().is_empty(), "told once");

    let full = |id| held(id, &class, LIMIT_BYTES);
    cluster.beat(server(0), 20, vec![full(1), full(2), held(3, &class, 8)]);
    assert_eq!(cluster.need(&class), Need::Soon, "two filled: three wanted");
    cluster.beat(
        server(0),
        20,
        vec![full(1), full(2), held(3, &class, 8), held(4, &class, 8), held(5, &class, 8)],
    );
    assert_eq!(cluster.need(&class), Need::No);
}

#[derive(Debug, Clone)]
enum Op {
    Beat { server: u8, volumes: Vec<(u32, u64, bool)> },
    Tick,
    Grow { id: u32 },
}

/// Ids of a class are fixed, as the ledger sees to it.
fn class_of(id: u32) -> Class {
    class(["a", "b"][id as usize % 2], ["000", "001", "100"][id as usize % 3])
}

fn any_op() -> impl Strategy<Value = Op> {
    let volume = (0..12_u32, prop_oneof![Just(8), Just(950), Just(LIMIT_BYTES)], prop::bool::weighted(0.1));
    prop_oneof![
        5 => (0..6_u8, prop::collection::vec(volume, 0..6)).prop_map(|(server, volumes)| Op::Beat { server, volumes }),
        2 => Just(Op::Tick),
        2 => (20..40_u32).prop_map(|id| Op::Grow { id }),
    ]
}

/// What each server told last, and nothing derived.
#[derive(Default)]
struct Model {
    servers: BTreeMap<u8, (Beats, BTreeMap<u32, ModelCopy>)>,
}

type Beats = u32;
/// Size, read-only, and for how many beats unreported.
type ModelCopy = (u64, bool, Beats);

const REPORTED: u32 = u32::MAX;

impl Model {
    fn beat(&mut self, server: u8, volumes: &[(u32, u64, bool)]) {
        let (silent, held) = self.servers.entry(server).or_default();
        *silent = 0;
        held.retain(|_, (_, _, age)| *age != REPORTED);
        held.extend(volumes.iter().map(|(id, size, read_only)| (*id, (*size, *read_only, REPORTED))));
    }

    fn tick(&mut self) {
        self.servers.retain(|_, (silent, held)| {
            *silent += 1;
            held.retain(|_, (_, _, age)| {
                *age = age.saturating_add(1);
                *age == REPORTED || *age <= SILENT_BEATS
            });
            *silent <= SILENT_BEATS
        });
    }

    fn grown(&mut self, server: u8, id: u32) {
        if let Some((_, held)) = self.servers.get_mut(&server) {
            held.entry(id).or_insert((8, false, 0));
        }
    }

    fn copies(&self, id: u32) -> Vec<(u8, u64, bool)> {
        let held = self.servers.iter().filter_map(|(server, (_, held))| Some((*server, held.get(&id)?)));
        held.map(|(server, (size, read_only, _))| (server, *size, *read_only)).collect()
    }

    fn writable(&self, id: u32) -> bool {
        let copies = self.copies(id);
        copies.len() == class_of(id).placement.copies()
            && copies.iter().all(|(_, size, read_only)| *size < LIMIT_BYTES && !read_only)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_cluster_is_what_its_servers_told_last(ops in prop::collection::vec(any_op(), 0..40), seed: u64) {
        let mut cluster = Cluster::new(LIMIT_BYTES);
        let mut model = Model::default();
        let mut rng = StdRng::seed_from_u64(seed);
        for op in ops {
            match op {
                Op::Beat { server: number, volumes } => {
                    let volumes: BTreeMap<_, _> = volumes.into_iter().map(|v| (v.0, v)).collect();
                    let volumes: Vec<_> = volumes.into_values().collect();
                    model.beat(number, &volumes);
                    let reports = volumes.iter().map(|&(id, size_bytes, read_only)| {
                        Held { read_only, ..held(id, &class_of(id), size_bytes) }
                    });
                    cluster.beat(server(number), 10, reports.collect());
                }
                Op::Tick => {
                    model.tick();
                    cluster.tick();
                }
                Op::Grow { id } => {
                    if cluster.locate(VolumeId(id)).is_empty()
                        && let Ok(plan) = cluster.plan(&class_of(id), None, &BTreeSet::new(), &mut rng)
                    {
                        let numbers = plan.servers().iter().map(|s| s.url.as_bytes()[4] - b'0').collect::<Vec<_>>();
                        cluster.grown(plan, VolumeId(id));
                        numbers.into_iter().for_each(|number| model.grown(number, id));
                    }
                }
            }
            for id in 0..40 {
                let mut urls: Vec<_> = cluster.locate(VolumeId(id)).iter().map(|s| s.url.clone()).collect();
                urls.sort();
                let expected: Vec<_> = model.copies(id).iter().map(|copy| server(copy.0).url).collect();
                prop_assert_eq!(urls, expected, "copies of {}", id);
                let layouts = cluster.layouts();
                let writable = layouts.iter().any(|layout| layout.writable.contains(&VolumeId(id)));
                prop_assert_eq!(writable, model.writable(id), "volume {}", id);
            }
            for view in cluster.servers() {
                let number = view.server.url.as_bytes()[4] - b'0';
                let held = model.servers.get(&number).map_or(0, |(_, held)| held.len());
                prop_assert_eq!(view.volumes, held);
                prop_assert_eq!(view.free as usize, 10_usize.saturating_sub(held), "no slot leaks");
            }
        }
    }
}

#[test]
fn a_volume_under_another_class_is_no_copy() {
    let mut cluster = Cluster::new(LIMIT_BYTES);
    cluster.beat(server(0), 4, vec![held(1, &class("a", "000"), 8)]);
    cluster.beat(server(1), 4, vec![held(1, &class("b", "000"), 8)]);
    assert_eq!(cluster.locate(VolumeId(1)).len(), 1);
    assert!(cluster.pick(&class("b", "000")).is_none());
    assert_eq!(cluster.need(&Class { placement: Placement::SINGLE, ..class("a", "000") }), Need::No);
}
