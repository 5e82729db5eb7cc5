use std::{collections::BTreeSet, sync::Arc};

use rand::Rng;
use types::VolumeId;

use super::{Cluster, Replica, Server};
use crate::{
    Class,
    placing::{Place, choose},
};

/// Volumes of one class that are written at the same time, at most. Each costs its server a file and a writer, and a
/// group commit fills better on few.
const MAX_OPEN_VOLUMES: usize = 7;

/// A volume's superblock: what a new volume weighs.
const EMPTY_VOLUME_BYTES: u64 = 8;

/// Where the copies of a new volume go. Its slots are kept until [`Cluster::grown`] or [`Cluster::abandon`] takes it.
#[derive(Debug)]
#[must_use = "the slots stay reserved until the plan is given back"]
pub struct Plan {
    class: Class,
    servers: Vec<Arc<Server>>,
}

/// Whether a class wants another volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// No volume is writable.
    Now,
    /// The writable ones are nearly full, or few for what the class holds.
    Soon,
    /// There are enough.
    No,
}

/// Why no volume can be made, in weed's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotGrow {
    /// The placement asks for more servers, racks or data centers than are there.
    #[error("Cannot grow volume group! Not enough data node found!")]
    NotEnoughServers,
    /// The servers would do, but have no slots left.
    #[error("No writable volumes and no free volumes left for {0}")]
    NoFreeSlots(Class),
}

impl Plan {
    /// The servers, the main rack's first. As many as the placement has copies.
    pub fn servers(&self) -> &[Arc<Server>] {
        &self.servers
    }

    /// What the new volume is to be.
    pub fn class(&self) -> &Class {
        &self.class
    }
}

impl Cluster {
    /// Places for one new volume of `class`: in the data center `main`, where one is given, and not on servers whose url
    /// is in `avoid`. Reserves their slots.
    pub fn plan(
        &mut self,
        class: &Class,
        main: Option<&str>,
        avoid: &BTreeSet<String>,
        rng: &mut impl Rng,
    ) -> Result<Plan, CannotGrow> {
        let servers = self.choose(class, main, avoid, rng)?;
        for server in &servers {
            if let Some(member) = self.members.get_mut(&server.url) {
                member.reserve();
            }
        }
        Ok(Plan { class: class.clone(), servers })
    }

    fn choose(
        &self,
        class: &Class,
        main: Option<&str>,
        avoid: &BTreeSet<String>,
        rng: &mut impl Rng,
    ) -> Result<Vec<Arc<Server>>, CannotGrow> {
        let candidates: Vec<_> = self.members.values().filter(|member| member.willing(avoid)).collect();
        let servers: Vec<_> = candidates.iter().filter_map(|member| member.server()).collect();
        let mut places: Vec<_> =
            servers.iter().zip(&candidates).map(|(server, member)| place(server, member.free())).collect();
        if let Some(chosen) = choose(&places, class.placement, main, rng) {
            return Ok(chosen.into_iter().filter_map(|index| servers.get(index).cloned()).collect());
        }
        places.iter_mut().for_each(|place| place.free = 1);
        Err(match choose(&places, class.placement, main, rng) {
            Some(_) => CannotGrow::NoFreeSlots(class.clone()),
            None => CannotGrow::NotEnoughServers,
        })
    }

    /// The planned volume was made on all its servers as `id`: it is writable from now on, reported or not.
    pub fn grown(&mut self, plan: Plan, id: VolumeId) {
        let Plan { class, servers } = plan;
        for server in servers {
            let Some(member) = self.members.get_mut(&server.url) else { continue };
            member.release();
            member.made(id);
            if !self.volumes.get(&id).is_some_and(|volume| volume.is_on(&server.url)) {
                self.put_copy(
                    id,
                    &class,
                    Replica { server, size_bytes: EMPTY_VOLUME_BYTES, read_only: false },
                );
            }
        }
    }

    /// The planned volume was not made.
    pub fn abandon(&mut self, plan: Plan) {
        for server in plan.servers {
            if let Some(member) = self.members.get_mut(&server.url) {
                member.release();
            }
        }
    }

    /// Whether `class` wants another volume. A small class is content with one; one that filled volumes before gets a
    /// few, so that its writes spread over servers.
    pub fn need(&self, class: &Class) -> Need {
        match self.layouts.get(class) {
            Some(layout) if layout.has_writable() => {
                let held = layout.ids().filter_map(|id| self.volumes.get(&id));
                let size_bytes = held.fold(0_u64, |sum, volume| sum.saturating_add(volume.size_bytes()));
                if layout.open_count() < self.wanted(class, size_bytes) { Need::Soon } else { Need::No }
            }
            _ => Need::Now,
        }
    }

    fn wanted(&self, class: &Class, size_bytes: u64) -> usize {
        let filled = size_bytes / self.volume_size_limit_bytes.max(1);
        let filled = usize::try_from(filled).unwrap_or(usize::MAX);
        let spread = (self.members.len() / class.placement.copies()).clamp(1, MAX_OPEN_VOLUMES);
        filled.saturating_add(1).min(spread)
    }

    /// The classes that were asked for since the last call and want another volume.
    pub fn thin_classes(&mut self) -> Vec<Class> {
        let sought = self.layouts.iter_mut();
        let sought = sought.filter_map(|(class, layout)| layout.was_sought().then(|| class.clone()));
        let sought: Vec<Class> = sought.collect();
        sought.into_iter().filter(|class| self.need(class) != Need::No).collect()
    }
}

fn place(server: &Server, free: u32) -> Place<'_> {
    Place { data_center: &server.data_center, rack: &server.rack, free }
}
