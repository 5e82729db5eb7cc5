use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use types::VolumeId;

use super::SILENT_BEATS;
use crate::Class;

/// A volume server: its address is its identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `host:port` for the other roles.
    pub url: String,
    /// `host:port` for clients from outside.
    pub public_url: String,
    /// Never empty.
    pub data_center: String,
    /// Never empty; a rack of another data center may have the same name.
    pub rack: String,
}

/// A volume that a server reports.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Held {
    pub id: VolumeId,
    pub class: Class,
    pub size_bytes: u64,
    pub read_only: bool,
}

/// A live server and its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerView<'a> {
    /// The server.
    pub server: &'a Server,
    /// Volumes it has room for, those it holds included.
    pub max_volumes: u32,
    /// Volumes it holds.
    pub volumes: usize,
    /// Volumes it has room for beside those it holds and those being made.
    pub free: u32,
}

/// What is known of one server.
#[derive(Debug, Default)]
pub(super) struct Member {
    server: Option<Arc<Server>>,
    max_volumes: u32,
    reported: BTreeSet<VolumeId>,
    /// Volumes made here and not yet reported, and for how many beats.
    unreported: BTreeMap<VolumeId, u32>,
    /// Slots kept for volumes that are being made.
    reserved: u32,
    silent_beats: u32,
}

impl Member {
    /// It gave a sign of life.
    pub(super) fn heard(&mut self, server: Server, max_volumes: u32) -> Arc<Server> {
        self.max_volumes = max_volumes;
        self.silent_beats = 0;
        match &self.server {
            Some(known) if **known == server => Arc::clone(known),
            _ => Arc::clone(self.server.insert(Arc::new(server))),
        }
    }

    /// Takes over what it reports now; returns what it no longer holds.
    pub(super) fn settle(&mut self, reported: BTreeSet<VolumeId>) -> Vec<VolumeId> {
        self.unreported.retain(|id, _| !reported.contains(id));
        let before = std::mem::replace(&mut self.reported, reported);
        before.into_iter().filter(|id| !self.reported.contains(id)).collect()
    }

    /// Counts a beat; returns for how many it was silent.
    pub(super) fn tick(&mut self) -> u32 {
        self.unreported.values_mut().for_each(|beats| *beats += 1);
        self.silent_beats += 1;
        self.silent_beats
    }

    /// Gives up volumes that were made here and never showed in a report.
    pub(super) fn drop_unreported(&mut self) -> Vec<VolumeId> {
        self.unreported.extract_if(.., |_, beats| *beats > SILENT_BEATS).map(|(id, _)| id).collect()
    }

    pub(super) fn volumes(&self) -> Vec<VolumeId> {
        self.reported.iter().chain(self.unreported.keys()).copied().collect()
    }

    pub(super) fn server(&self) -> Option<Arc<Server>> {
        self.server.clone()
    }

    pub(super) fn willing(&self, avoid: &BTreeSet<String>) -> bool {
        self.server.as_ref().is_some_and(|server| !avoid.contains(&server.url))
    }

    pub(super) fn reserve(&mut self) {
        self.reserved += 1;
    }

    pub(super) fn release(&mut self) {
        self.reserved = self.reserved.saturating_sub(1);
    }

    /// A volume was made here. One that is reported already stays so.
    pub(super) fn made(&mut self, id: VolumeId) {
        if !self.reported.contains(&id) {
            self.unreported.insert(id, 0);
        }
    }

    pub(super) fn free(&self) -> u32 {
        let used = self.volume_count().saturating_add(self.reserved as usize);
        self.max_volumes.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    }

    fn volume_count(&self) -> usize {
        self.reported.len() + self.unreported.len()
    }

    pub(super) fn view(&self) -> Option<ServerView<'_>> {
        Some(ServerView {
            server: self.server.as_deref()?,
            max_volumes: self.max_volumes,
            volumes: self.volume_count(),
            free: self.free(),
        })
    }
}
