use std::collections::BTreeMap;

use types::VolumeId;

use crate::Class;

/// Whether a volume takes new needles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    /// Yes.
    Open,
    /// Yes, but it is nearly full: another should be made before it is.
    Crowded,
    /// No: full, read-only, or short of copies.
    Closed,
    /// No server holds it.
    Gone,
}

/// The volumes of one class and which of them are writable.
#[derive(Debug, Default)]
pub(super) struct Layout {
    volumes: BTreeMap<VolumeId, Health>,
    /// In order of id.
    writable: Vec<VolumeId>,
    turn: usize,
    sought: bool,
}

/// A class and its writable volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayoutView<'a> {
    /// The class.
    pub class: &'a Class,
    /// In order of id.
    pub writable: &'a [VolumeId],
}

impl Layout {
    pub(super) fn set(&mut self, id: VolumeId, health: Health) {
        self.volumes.insert(id, health);
        let writable = matches!(health, Health::Open | Health::Crowded);
        match (self.writable.binary_search(&id), writable) {
            (Err(place), true) => self.writable.insert(place, id),
            (Ok(place), false) => {
                self.writable.remove(place);
            }
            _ => {}
        }
    }

    /// Whether nothing is left.
    pub(super) fn remove(&mut self, id: VolumeId) -> bool {
        self.set(id, Health::Gone);
        self.volumes.remove(&id);
        self.volumes.is_empty()
    }

    /// The next writable volume in turn.
    pub(super) fn next(&mut self) -> Option<VolumeId> {
        self.sought = true;
        self.turn = self.turn.wrapping_add(1);
        self.writable.get(self.turn.checked_rem(self.writable.len())?).copied()
    }

    /// Whether a volume was asked for since the last call.
    pub(super) fn was_sought(&mut self) -> bool {
        std::mem::take(&mut self.sought)
    }

    pub(super) fn has_writable(&self) -> bool {
        !self.writable.is_empty()
    }

    /// Volumes with room to spare.
    pub(super) fn open_count(&self) -> usize {
        self.volumes.values().filter(|health| **health == Health::Open).count()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = VolumeId> {
        self.volumes.keys().copied()
    }

    pub(super) fn view<'a>(&'a self, class: &'a Class) -> LayoutView<'a> {
        LayoutView { class, writable: &self.writable }
    }
}
