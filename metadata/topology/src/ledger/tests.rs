use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn class(number: u8) -> Class {
    Class { collection: format!("c{number}").parse().expect("a name"), ..Class::default() }
}

fn any_command() -> impl Strategy<Value = Command> {
    let key = prop_oneof![0..300_u64, Just(KEY_LIMIT.0 - 5), any::<u64>()];
    let volume = (prop_oneof![8 => 0..20_u32, 1 => Just(u32::MAX)], 0..3_u8)
        .prop_map(|(id, c)| (VolumeId(id), class(c)));
    prop_oneof![
        1 => any::<u128>().prop_map(|id| Command::NameCluster(ClusterId(id))),
        4 => prop_oneof![9 => 0..50_u64, 1 => any::<u64>()].prop_map(|count| Command::LeaseKeys { count }),
        4 => (0..3_u8).prop_map(|c| Command::CreateVolume(class(c))),
        1 => (0..20_u32).prop_map(|id| Command::ForgetVolume(VolumeId(id))),
        2 => (prop::collection::vec(volume, 0..4), key)
            .prop_map(|(volumes, key)| Command::Adopt { volumes, max_key: NeedleKey(key) }),
    ]
}

/// The promise, written as plainly as it can be: the sets of all that was ever used.
#[derive(Default)]
struct Model {
    name: Option<ClusterId>,
    used_ids: BTreeSet<u32>,
    used_keys_below: u64,
    volumes: BTreeMap<u32, Class>,
}

impl Model {
    fn check(&mut self, command: &Command, outcome: &Outcome) {
        match (command, outcome) {
            (Command::NameCluster(id), Outcome::Named(name)) => {
                assert_eq!(name, self.name.get_or_insert(*id));
            }
            (Command::LeaseKeys { count }, Outcome::Leased { first, count: leased }) => {
                assert_eq!(count, leased);
                assert!(first.0 > 0);
                if *count > 0 {
                    assert!(first.0 >= self.used_keys_below, "a key was handed out twice");
                    self.used_keys_below = first.0 + count;
                    assert!(self.used_keys_below <= KEY_LIMIT.0);
                }
            }
            (Command::LeaseKeys { count }, Outcome::Refused(Refusal::KeysUsedUp { .. })) => {
                assert!(self.used_keys_below.max(1).saturating_add(*count) > KEY_LIMIT.0);
            }
            (Command::CreateVolume(class), Outcome::Created(id)) => {
                assert!(self.used_ids.range(id.0..).next().is_none(), "id {id} or a higher one was used");
                self.used_ids.insert(id.0);
                self.volumes.insert(id.0, class.clone());
            }
            (Command::CreateVolume(_), Outcome::Refused(Refusal::VolumeIdsUsedUp)) => {
                assert!(self.used_ids.contains(&u32::MAX));
            }
            (Command::ForgetVolume(id), Outcome::Done) => {
                self.volumes.remove(&id.0);
            }
            (Command::Adopt { volumes, max_key }, Outcome::Done) => {
                for (id, class) in volumes {
                    self.used_ids.insert(id.0);
                    assert_eq!(self.volumes.entry(id.0).or_insert_with(|| class.clone()), class);
                }
                if *max_key < KEY_LIMIT {
                    self.used_keys_below = self.used_keys_below.max(max_key.0 + 1);
                }
            }
            (Command::Adopt { volumes, .. }, Outcome::Refused(Refusal::Conflict(conflict))) => {
                assert_ne!(conflict.known, conflict.reported);
                assert!(volumes.contains(&(conflict.id, conflict.reported.clone())));
                let elsewhere = volumes.contains(&(conflict.id, conflict.known.clone()));
                assert!(elsewhere || self.volumes.get(&conflict.id.0) == Some(&conflict.known));
            }
            wrong => panic!("an answer to another question: {wrong:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_is_handed_out_twice(commands in prop::collection::vec(any_command(), 0..60)) {
        let (mut ledger, mut twin, mut model) = (Ledger::default(), Ledger::default(), Model::default());
        for command in commands {
            let before = ledger.clone();
            let outcome = ledger.apply(command.clone());
            model.check(&command, &outcome);
            if let Outcome::Refused(_) = outcome {
                prop_assert_eq!(&before, &ledger, "a refusal changed something");
            }
            prop_assert_eq!(outcome, twin.apply(command), "same commands, same answers");
            let known: BTreeMap<_, _> = ledger.volumes.iter().map(|(id, class)| (id.0, class.clone())).collect();
            prop_assert_eq!(&known, &model.volumes);
        }
        prop_assert_eq!(ledger, twin);
    }
}

#[test]
fn ids_and_keys_start_at_one() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.apply(Command::CreateVolume(class(0))), Outcome::Created(VolumeId(1)));
    let leased = Outcome::Leased { first: NeedleKey(1), count: 10 };
    assert_eq!(ledger.apply(Command::LeaseKeys { count: 10 }), leased);
    assert_eq!(ledger.next_key(), NeedleKey(11));
}

#[test]
fn a_stray_key_burns_little_of_the_key_space() {
    let mut ledger = Ledger::default();
    assert_eq!(ledger.foreign_key_limit(), NeedleKey((1 << 40) + 1));
    let near_the_end = Command::Adopt { volumes: Vec::new(), max_key: NeedleKey(KEY_LIMIT.0 - 5) };
    assert_eq!(ledger.apply(near_the_end), Outcome::Done);
    assert_eq!(ledger.foreign_key_limit(), KEY_LIMIT);
}

#[test]
fn an_adopted_directory_moves_ids_and_keys_on() {
    let mut ledger = Ledger::default();
    let volumes = vec![(VolumeId(7), class(1)), (VolumeId(3), class(1))];
    assert_eq!(ledger.apply(Command::Adopt { volumes, max_key: NeedleKey(500) }), Outcome::Done);
    assert_eq!(ledger.apply(Command::CreateVolume(class(1))), Outcome::Created(VolumeId(8)));
    assert_eq!(ledger.next_key(), NeedleKey(501));
    assert_eq!(ledger.class_of(VolumeId(3)), Some(&class(1)));
    let conflict = ledger.conflict([(VolumeId(3), &class(2))]).expect("a conflict");
    assert_eq!(conflict.known, class(1));
}
