use std::collections::BTreeMap;

use rand::Rng;
use types::Placement;

/// A server as a place for one copy of a new volume.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) data_center: &'a str,
    pub(crate) rack: &'a str,
    /// Volumes it has room for.
    pub(crate) free: u32,
}

type Racks<'a> = BTreeMap<&'a str, Vec<(usize, u32)>>;
type DataCenters<'a> = BTreeMap<&'a str, Racks<'a>>;

/// Picks one place for each copy, by index into `places`: a main rack with one copy and the `same_rack` ones, then single
/// copies in as many other racks and data centers as `placement` says. Finds an answer whenever there is one. At
/// every step more room makes a pick more likely, so that servers fill evenly without a global plan.
///
/// `main`: the data center of the main rack, where one is asked for.
pub(crate) fn choose(
    places: &[Place<'_>],
    placement: Placement,
    main: Option<&str>,
    rng: &mut impl Rng,
) -> Option<Vec<usize>> {
    let mut centers = group(places);
    let main_racks = main_racks(&centers, placement, main);
    let (main_center, main_rack) = draw(&mut main_racks.into_iter().collect(), rng)?;

    let mut racks = centers.remove(main_center)?;
    let mut servers = racks.remove(main_rack)?;
    let mut chosen = Vec::with_capacity(placement.copies());
    for _ in 0..=placement.same_rack() {
        chosen.push(draw(&mut servers, rng)?);
    }
    let mut racks: Vec<_> = racks.into_values().map(|rack| (rack.clone(), room(&rack))).collect();
    for _ in 0..placement.other_racks() {
        chosen.push(draw(&mut draw(&mut racks, rng)?, rng)?);
    }
    let servers_of = |racks: Racks<'_>| racks.into_values().flatten().collect::<Vec<_>>();
    let mut centers: Vec<_> =
        centers.into_values().map(servers_of).map(|dc| (dc.clone(), room(&dc))).collect();
    for _ in 0..placement.other_data_centers() {
        chosen.push(draw(&mut draw(&mut centers, rng)?, rng)?);
    }
    Some(chosen)
}

/// Places that have room, by data center and rack.
fn group<'a>(places: &[Place<'a>]) -> DataCenters<'a> {
    let mut centers = DataCenters::new();
    for (index, place) in places.iter().enumerate().filter(|(_, place)| place.free > 0) {
        let racks = centers.entry(place.data_center).or_default();
        racks.entry(place.rack).or_default().push((index, place.free));
    }
    centers
}

/// The racks around which `placement` can be met, each with its room.
fn main_racks<'a>(
    centers: &DataCenters<'a>,
    placement: Placement,
    main: Option<&str>,
) -> Vec<((&'a str, &'a str), u64)> {
    if centers.len() <= placement.other_data_centers() {
        return Vec::new();
    }
    let asked_for = |center: &&str| main.is_none_or(|main| main == *center);
    let fitting =
        centers.iter().filter(|(center, racks)| asked_for(center) && racks.len() > placement.other_racks());
    let racks = fitting
        .flat_map(|(&center, racks)| racks.iter().map(move |(&rack, servers)| (center, rack, servers)));
    racks
        .filter(|(_, _, servers)| servers.len() > placement.same_rack())
        .map(|(center, rack, servers)| ((center, rack), room(servers)))
        .collect()
}

fn room(servers: &[(usize, u32)]) -> u64 {
    servers.iter().map(|(_, free)| u64::from(*free)).sum()
}

/// Takes one item out, by chance in proportion to its weight.
fn draw<T, W: Copy + Into<u64>>(items: &mut Vec<(T, W)>, rng: &mut impl Rng) -> Option<T> {
    let total: u64 = items.iter().map(|(_, weight)| (*weight).into()).sum();
    if total == 0 {
        return None;
    }
    let mut left = rng.random_range(0..total);
    let index = items.iter().position(|(_, weight)| {
        let weight = (*weight).into();
        let hit = left < weight;
        left = left.saturating_sub(weight);
        hit
    })?;
    Some(items.swap_remove(index).0)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    const NAMES: [&str; 4] = ["a", "b", "c", "d"];

    /// The definition: of distinct servers, `1 + z` in one rack, `y` in as many other racks of that data center, `x` in as
    /// many other data centers.
    fn satisfies(placement: Placement, servers: &[(&str, &str)]) -> bool {
        servers.iter().any(|&(center, rack)| {
            let here = servers.iter().filter(|s| **s == (center, rack)).count();
            let racks: Vec<_> =
                servers.iter().filter(|s| s.0 == center && s.1 != rack).map(|s| s.1).collect();
            let centers: Vec<_> = servers.iter().filter(|s| s.0 != center).map(|s| s.0).collect();
            here == 1 + placement.same_rack()
                && all_distinct(&racks, placement.other_racks())
                && all_distinct(&centers, placement.other_data_centers())
        })
    }

    fn all_distinct(names: &[&str], count: usize) -> bool {
        names.len() == count && names.iter().collect::<BTreeSet<_>>().len() == count
    }

    /// Tries every set of servers: slow, and plainly right.
    fn possible(places: &[Place<'_>], placement: Placement) -> bool {
        (0_u32..1 << places.len()).filter(|set| set.count_ones() as usize == placement.copies()).any(|set| {
            let members =
                places.iter().enumerate().filter(|(index, _)| set & (1 << index) != 0).map(|(_, p)| p);
            let members: Vec<_> = members.collect();
            members.iter().all(|place| place.free > 0)
                && satisfies(placement, &members.iter().map(|p| (p.data_center, p.rack)).collect::<Vec<_>>())
        })
    }

    fn any_places() -> impl Strategy<Value = Vec<Place<'static>>> {
        let name = |count: usize| (0..count).prop_map(|i| NAMES[i]);
        let place = (name(4), name(3), 0..3_u32).prop_map(|(data_center, rack, free)| Place {
            data_center,
            rack,
            free,
        });
        prop::collection::vec(place, 0..10)
    }

    fn any_placement() -> impl Strategy<Value = Placement> {
        let all: Vec<_> = (0..=u8::MAX).filter_map(|byte| Placement::from_byte(byte).ok()).collect();
        prop::sample::select(all)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn a_choice_satisfies_its_placement_or_there_is_none(
            places in any_places(), placement in any_placement(), seed: u64,
        ) {
            match choose(&places, placement, None, &mut StdRng::seed_from_u64(seed)) {
                Some(chosen) => {
                    let distinct: BTreeSet<_> = chosen.iter().collect();
                    prop_assert_eq!(distinct.len(), placement.copies());
                    prop_assert!(chosen.iter().all(|&index| places[index].free > 0));
                    let servers: Vec<_> = chosen.iter().map(|&i| (places[i].data_center, places[i].rack)).collect();
                    prop_assert!(satisfies(placement, &servers), "{placement}: {servers:?}");
                    prop_assert_eq!(servers[0].0, servers[placement.same_rack()].0);
                }
                None => prop_assert!(!possible(&places, placement), "{placement} was possible"),
            }
        }
    }

    #[test]
    fn every_placement_is_met_where_servers_abound() {
        let servers = NAMES.iter().flat_map(|center| NAMES.iter().map(move |rack| (*center, *rack)));
        let places: Vec<_> =
            servers.flat_map(|(data_center, rack)| [Place { data_center, rack, free: 1 }; 3]).collect();
        let mut rng = StdRng::seed_from_u64(1);
        let mut met = 0;
        for placement in (0..=u8::MAX).filter_map(|byte| Placement::from_byte(byte).ok()) {
            let chosen = choose(&places, placement, Some("c"), &mut rng).expect("there is room");
            let servers: Vec<_> = chosen.iter().map(|&i| (places[i].data_center, places[i].rack)).collect();
            assert!(satisfies(placement, &servers), "{placement}: {servers:?}");
            assert_eq!(servers[0].0, "c", "the data center that was asked for");
            met += 1;
        }
        assert_eq!(met, 27);
    }

    #[test]
    fn more_room_draws_more_volumes() {
        let place = |free| Place { data_center: "a", rack: "a", free };
        let places = [place(1), place(9)];
        let mut rng = StdRng::seed_from_u64(7);
        let mut counts = BTreeMap::<usize, u32>::new();
        for _ in 0..1000 {
            let chosen = choose(&places, Placement::SINGLE, None, &mut rng).expect("there is room");
            *counts.entry(chosen[0]).or_default() += 1;
        }
        assert!((850..950).contains(&counts[&1]), "{counts:?}");
    }
}
