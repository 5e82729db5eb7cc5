use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// What an index should say, in the plainest form.
#[derive(Default)]
struct Model {
    live: HashMap<u64, Location>,
    dead: u64,
    max_key: u64,
}

impl Model {
    fn change(&mut self, (key, new): Change) {
        let old = match new {
            Some(location) => self.live.insert(key, location),
            None => self.live.remove(&key),
        };
        self.dead += u64::from(old.is_some());
        self.max_key = self.max_key.max(key);
    }

    #[track_caller]
    fn check(&self, index: &Index, keys: impl Iterator<Item = u64>) {
        for key in keys {
            assert_eq!(index.get(NeedleKey(key)), self.live.get(&key).copied(), "{key}");
        }
        let live_bytes = self.live.values().map(|location| Version::V3.disk_bytes(location.size)).sum();
        let live = self.live.len() as u64;
        assert_eq!(index.counts(), Counts { live, live_bytes, dead: self.dead, max_key: self.max_key });
    }
}

fn any_change() -> impl Strategy<Value = Change> {
    let key = prop_oneof![0..2000_u64, (0..50_u64).prop_map(|high| high << 40), any::<u64>()];
    let offset = prop_oneof![0..1_u64 << 20, 0..1_u64 << 43].prop_map(|offset| offset & !7);
    let location = (offset, prop_oneof![0..5000_u32, 0..=i32::MAX as u32])
        .prop_map(|(offset, size)| Location::new(offset, size));
    (key, proptest::option::weighted(0.8, location))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn changes_one_by_one(changes in proptest::collection::vec(any_change(), 0..3000)) {
        let (mut index, mut model) = (Index::new(Version::V3), Model::default());
        for change in &changes {
            index.change(NeedleKey(change.0), change.1);
            model.change(*change);
        }
        model.check(&index, changes.iter().map(|change| change.0).chain(0..100));
    }

    #[test]
    fn changes_in_bulk(batches in proptest::collection::vec(
        proptest::collection::vec(any_change(), 0..1500), 0..4)) {
        let (mut index, mut model) = (Index::new(Version::V3), Model::default());
        for batch in &batches {
            batch.iter().for_each(|change| model.change(*change));
            index.load(&mut batch.clone());
        }
        model.check(&index, batches.iter().flatten().map(|change| change.0).chain(0..100));
    }
}

/// Bytes per needle of an index of `count`, filled as opening a volume fills it, or as appends do.
fn bytes_each(count: u64, key: impl Fn(u64) -> u64, base_offset: u64, by_appends: bool) -> f64 {
    let mut index = Index::new(Version::V3);
    let mut batch = Vec::new();
    for row in 0..count {
        let size = u32::try_from(row * 7919 % 10_000_000).expect("small");
        let location = Location::new(base_offset + row * 4096, size);
        if by_appends {
            index.put(NeedleKey(key(row)), location);
        } else {
            batch.push((key(row), Some(location)));
            if batch.len() == 1 << 18 {
                index.load(&mut batch);
            }
        }
    }
    index.load(&mut batch);
    assert_eq!(index.counts().live, count);
    assert_eq!(index.get(NeedleKey(key(77))), Some(Location::new(base_offset + 77 * 4096, 77 * 7919)));
    #[expect(clippy::cast_precision_loss, reason = "a ratio")]
    let each = index.bytes() as f64 / count as f64;
    each
}

fn leased(row: u64) -> u64 {
    row + 1
}

/// Keys in no order, over all 64 bits: no volume is as bad.
fn scattered(row: u64) -> u64 {
    row.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Only 5-byte offsets reach it.
const FAR: u64 = 7 << 40;

#[track_caller]
fn check_bytes_each(each: &[f64]) {
    println!("{each:.2?} bytes each");
    assert!(each.iter().all(|bytes| *bytes <= 16.0), "{each:?}");
}

#[test]
fn two_million_needles_take_at_most_16_bytes_each() {
    let count = 2_000_000;
    check_bytes_each(&[bytes_each(count, leased, 0, false), bytes_each(count, scattered, FAR, false)]);
}

#[test]
fn appended_needles_take_at_most_16_bytes_each() {
    let count = 100_000;
    check_bytes_each(&[bytes_each(count, leased, FAR, true), bytes_each(count, scattered, 0, true)]);
}
