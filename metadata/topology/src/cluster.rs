use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use types::VolumeId;

use crate::Class;
use layout::{Health, Layout};
use server::Member;

mod growth;
mod layout;
mod server;
#[cfg(test)]
mod tests;

pub use growth::{CannotGrow, Need, Plan};
pub use layout::LayoutView;
pub use server::{Held, Server, ServerView};

/// Beats without a word after which a server is dead, and beats that a new volume may go unreported.
const SILENT_BEATS: u32 = 3;

/// Who holds what, as volume servers told it; forgotten at restart.
///
/// Callers ask the ledger first ([`crate::Ledger::conflict`]): a volume reported under another class than its other
/// copies is not counted as a copy.
#[derive(Debug)]
pub struct Cluster {
    volume_size_limit_bytes: u64,
    members: BTreeMap<String, Member>,
    volumes: HashMap<VolumeId, Volume>,
    layouts: HashMap<Class, Layout>,
}

/// A volume that some server holds.
#[derive(Debug)]
struct Volume {
    class: Class,
    copies: Vec<Replica>,
}

#[derive(Debug)]
struct Replica {
    server: Arc<Server>,
    size_bytes: u64,
    read_only: bool,
}

impl Cluster {
    /// A cluster without servers. A volume at or past the limit is not writable.
    pub fn new(volume_size_limit_bytes: u64) -> Self {
        Self {
            volume_size_limit_bytes,
            members: BTreeMap::new(),
            volumes: HashMap::new(),
            layouts: HashMap::new(),
        }
    }

    /// A server told all that it holds and for how many volumes it has room, those included. What it told before is
    /// forgotten, but for volumes that [`Cluster::grown`] put there while the report was on its way.
    pub fn beat(&mut self, server: Server, max_volumes: u32, held: Vec<Held>) {
        let member = self.members.entry(server.url.clone()).or_default();
        let server = member.heard(server, max_volumes);
        let reported: BTreeSet<VolumeId> = held.iter().map(|held| held.id).collect();
        for id in member.settle(reported) {
            self.drop_copy(id, &server.url);
        }
        for held in held {
            self.put_copy(
                held.id,
                &held.class,
                Replica {
                    server: Arc::clone(&server),
                    size_bytes: held.size_bytes,
                    read_only: held.read_only,
                },
            );
        }
    }

    /// A beat has passed. Servers that told nothing for three are dead: they and their copies are gone from here.
    /// Returns the dead.
    pub fn tick(&mut self) -> Vec<Arc<Server>> {
        let mut dead = Vec::new();
        let mut lost = Vec::new();
        self.members.retain(|url, member| {
            let alive = member.tick() <= SILENT_BEATS;
            let ids = if alive { member.drop_unreported() } else { member.volumes() };
            lost.extend(ids.into_iter().map(|id| (id, url.clone())));
            if !alive {
                dead.extend(member.server());
            }
            alive
        });
        for (id, url) in lost {
            self.drop_copy(id, &url);
        }
        dead
    }

    /// The servers that hold `id`; empty: none, now.
    pub fn locate(&self, id: VolumeId) -> Vec<Arc<Server>> {
        self.volumes.get(&id).map(Volume::servers).unwrap_or_default()
    }

    /// A writable volume of `class` and the servers that hold it. The volumes of a class take turns.
    pub fn pick(&mut self, class: &Class) -> Option<(VolumeId, Vec<Arc<Server>>)> {
        let id = self.layouts.get_mut(class)?.next()?;
        Some((id, self.volumes.get(&id)?.servers()))
    }

    /// All live servers, by url.
    pub fn servers(&self) -> impl Iterator<Item = ServerView<'_>> {
        self.members.values().filter_map(Member::view)
    }

    /// All classes that have volumes, in order.
    pub fn layouts(&self) -> Vec<LayoutView<'_>> {
        let mut layouts: Vec<_> = self.layouts.iter().map(|(class, layout)| layout.view(class)).collect();
        layouts.sort_by_key(|layout| layout.class);
        layouts
    }

    fn put_copy(&mut self, id: VolumeId, class: &Class, copy: Replica) {
        let volume =
            self.volumes.entry(id).or_insert_with(|| Volume { class: class.clone(), copies: Vec::new() });
        if volume.class != *class {
            return;
        }
        match volume.copies.iter_mut().find(|known| known.server.url == copy.server.url) {
            Some(known) => *known = copy,
            None => volume.copies.push(copy),
        }
        self.review(id);
    }

    fn drop_copy(&mut self, id: VolumeId, url: &str) {
        if let Some(volume) = self.volumes.get_mut(&id) {
            volume.copies.retain(|copy| copy.server.url != url);
            self.review(id);
        }
    }

    /// Enters in its layout whether the volume may be written now.
    fn review(&mut self, id: VolumeId) {
        let Some(volume) = self.volumes.get(&id) else { return };
        let health = volume.health(self.volume_size_limit_bytes);
        if health == Health::Gone {
            let volume = self.volumes.remove(&id);
            let Some(class) = volume.map(|volume| volume.class) else { return };
            if self.layouts.get_mut(&class).is_some_and(|layout| layout.remove(id)) {
                self.layouts.remove(&class);
            }
        } else {
            match self.layouts.get_mut(&volume.class) {
                Some(layout) => layout.set(id, health),
                None => self.layouts.entry(volume.class.clone()).or_default().set(id, health),
            }
        }
    }
}

impl Volume {
    fn servers(&self) -> Vec<Arc<Server>> {
        self.copies.iter().map(|copy| Arc::clone(&copy.server)).collect()
    }

    fn is_on(&self, url: &str) -> bool {
        self.copies.iter().any(|copy| copy.server.url == url)
    }

    /// Its size where it is largest.
    fn size_bytes(&self) -> u64 {
        self.copies.iter().map(|copy| copy.size_bytes).max().unwrap_or(0)
    }

    /// A copy too many is no health either: somebody is moving the volume.
    fn health(&self, limit_bytes: u64) -> Health {
        let complete = self.copies.len() == self.class.placement.copies();
        let size_bytes = self.size_bytes();
        if self.copies.is_empty() {
            Health::Gone
        } else if !complete || self.copies.iter().any(|copy| copy.read_only) || size_bytes >= limit_bytes {
            Health::Closed
        } else if size_bytes >= limit_bytes / 10 * 9 {
            Health::Crowded
        } else {
            Health::Open
        }
    }
}
