use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use types::{NeedleKey, VolumeId};

use crate::Class;

#[cfg(test)]
mod tests;

/// What must never fork: which volume ids and needle keys were handed out, and of which class each volume is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    cluster: Option<ClusterId>,
    max_volume: VolumeId,
    /// At most [`KEY_LIMIT`].
    next_key: NeedleKey,
    volumes: BTreeMap<VolumeId, Class>,
}

/// Keys from here on are never handed out: enough are left, and weed's time-based ids lie above, as does most of what a
/// stray client makes up. A volume that holds such a key must get no others, since its highest key hides them.
pub const KEY_LIMIT: NeedleKey = NeedleKey(1 << 56);

/// So far may keys that others used lie ahead of our own and still be adopted: no master gets there in years, and a
/// stray key takes but a little of the key space with it.
const KEYS_AHEAD: u64 = 1 << 40;

/// The random name of a cluster, given once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterId(pub u128);

/// A change of the ledger. It is written to Raft logs by the order of its variants: add new ones at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Names the cluster; a cluster that has a name keeps it.
    NameCluster(ClusterId),
    /// Hands out the next `count` needle keys.
    LeaseKeys {
        /// Keys wanted.
        count: u64,
    },
    /// Hands out the next volume id.
    CreateVolume(Class),
    /// Strikes a volume that no server holds. Its id is not used again.
    ForgetVolume(VolumeId),
    /// Enters volumes that were made elsewhere; all of them or, on a conflict, none. Ids up to theirs, and keys up to a
    /// `max_key` below [`KEY_LIMIT`], are not handed out any more.
    Adopt {
        /// The volumes, known ones allowed.
        volumes: Vec<(VolumeId, Class)>,
        /// The highest needle key in use.
        max_key: NeedleKey,
    },
}

/// The answer to a [`Command`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The cluster's name, be it the proposed one or an older one.
    Named(ClusterId),
    /// The keys `first..first + count` are the caller's alone.
    Leased {
        /// The first of them.
        first: NeedleKey,
        /// How many.
        count: u64,
    },
    /// The id is the caller's alone.
    Created(VolumeId),
    /// Nothing to tell.
    Done,
    /// Nothing was changed.
    Refused(Refusal),
}

/// Why a [`Command`] changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Refusal {
    /// Fewer keys are left than asked for.
    #[error("needle keys are used up: {left} left")]
    KeysUsedUp {
        /// Keys left.
        left: u64,
    },
    /// All 2^32 - 1 ids are used.
    #[error("volume ids are used up")]
    VolumeIdsUsedUp,
    /// A volume to be adopted is known as another.
    #[error(transparent)]
    Conflict(Conflict),
}

/// A volume id that stands for two volumes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("volume {id} is reported as {reported} but known as {known}")]
#[expect(missing_docs, reason = "the message says it")]
pub struct Conflict {
    pub id: VolumeId,
    pub reported: Class,
    pub known: Class,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { cluster: None, max_volume: VolumeId(0), next_key: NeedleKey(1), volumes: BTreeMap::new() }
    }
}

impl Ledger {
    /// The only way to change a ledger.
    pub fn apply(&mut self, command: Command) -> Outcome {
        match command {
            Command::NameCluster(id) => Outcome::Named(*self.cluster.get_or_insert(id)),
            Command::LeaseKeys { count } => self.lease_keys(count),
            Command::CreateVolume(class) => self.create_volume(class),
            Command::ForgetVolume(id) => {
                self.volumes.remove(&id);
                Outcome::Done
            }
            Command::Adopt { volumes, max_key } => self.adopt(volumes, max_key),
        }
    }

    /// The name of the cluster, once given.
    pub fn cluster(&self) -> Option<ClusterId> {
        self.cluster
    }

    /// The highest volume id that was handed out or adopted; 0: none.
    pub fn max_volume(&self) -> VolumeId {
        self.max_volume
    }

    /// The lowest needle key that was never handed out.
    pub fn next_key(&self) -> NeedleKey {
        self.next_key
    }

    /// Keys from here on that somebody else used are none to go on from: they are not proposed for adoption, and a
    /// volume that holds one gets no others, as one that holds a key from [`KEY_LIMIT`] on.
    pub fn foreign_key_limit(&self) -> NeedleKey {
        NeedleKey(self.next_key.0 + KEYS_AHEAD).min(KEY_LIMIT)
    }

    /// The class of a volume that exists.
    pub fn class_of(&self, id: VolumeId) -> Option<&Class> {
        self.volumes.get(&id)
    }

    /// How many volumes exist.
    pub fn volume_count(&self) -> usize {
        self.volumes.len()
    }

    /// The volumes of `class`. Looks at all volumes.
    pub fn volumes_of(&self, class: &Class) -> Vec<VolumeId> {
        self.volumes.iter().filter(|(_, known)| *known == class).map(|(id, _)| *id).collect()
    }

    /// The first volume of `reported` that is known as another.
    pub fn conflict<'a>(
        &self,
        reported: impl IntoIterator<Item = (VolumeId, &'a Class)>,
    ) -> Option<Conflict> {
        reported.into_iter().find_map(|(id, class)| {
            let known = self.volumes.get(&id).filter(|known| *known != class)?;
            Some(Conflict { id, reported: class.clone(), known: known.clone() })
        })
    }

    fn lease_keys(&mut self, count: u64) -> Outcome {
        let first = self.next_key;
        let left = KEY_LIMIT.0 - first.0;
        if count > left {
            return Outcome::Refused(Refusal::KeysUsedUp { left });
        }
        self.next_key = NeedleKey(first.0 + count);
        Outcome::Leased { first, count }
    }

    fn create_volume(&mut self, class: Class) -> Outcome {
        let Some(id) = self.max_volume.0.checked_add(1).map(VolumeId) else {
            return Outcome::Refused(Refusal::VolumeIdsUsedUp);
        };
        self.max_volume = id;
        self.volumes.insert(id, class);
        Outcome::Created(id)
    }

    fn adopt(&mut self, volumes: Vec<(VolumeId, Class)>, max_key: NeedleKey) -> Outcome {
        let mut adopted = BTreeMap::new();
        for (id, class) in volumes {
            let known = self.volumes.get(&id).or_else(|| adopted.get(&id)).unwrap_or(&class);
            if *known != class {
                let known = known.clone();
                return Outcome::Refused(Refusal::Conflict(Conflict { id, reported: class, known }));
            }
            adopted.insert(id, class);
        }
        if let Some((&highest, _)) = adopted.last_key_value() {
            self.max_volume = self.max_volume.max(highest);
        }
        self.volumes.append(&mut adopted);
        if max_key < KEY_LIMIT {
            self.next_key = self.next_key.max(NeedleKey(max_key.0 + 1));
        }
        Outcome::Done
    }
}

/// 32 hex digits.
impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}
