use std::collections::HashMap;

use parking_lot::Mutex;
use types::{Cookie, Durability, FileId, NeedleKey, Timestamp, VolumeId};

use crate::{
    AllocateError, AllocateVolume, DeleteError, Deleted, NewNeedle, ReadError, StoredNeedle, Volumes,
    WriteError, Written, wire,
};

/// A volume server in memory: what a master under test allocates on, and what the suite itself is tried on.
#[derive(Default)]
pub struct MemoryVolumes {
    volumes: Mutex<HashMap<VolumeId, MemoryVolume>>,
}

struct MemoryVolume {
    settings: AllocateVolume,
    needles: HashMap<NeedleKey, (Cookie, NewNeedle)>,
}

const MAX_TEXT_BYTES: usize = u8::MAX as usize;
const MAX_PAIRS_BYTES: usize = u16::MAX as usize;

impl MemoryVolumes {
    /// The volumes made so far, by number.
    pub fn allocated(&self) -> Vec<AllocateVolume> {
        let mut all: Vec<_> = self.volumes.lock().values().map(|volume| volume.settings.clone()).collect();
        all.sort_by_key(|volume| volume.id);
        all
    }
}

#[async_trait::async_trait]
impl Volumes for MemoryVolumes {
    async fn write(&self, fid: FileId, mut needle: NewNeedle) -> Result<Written, WriteError> {
        let mut volumes = self.volumes.lock();
        let volume = volumes.get_mut(&fid.volume).ok_or(WriteError::NoVolume(fid.volume))?;
        if needle.mime.len() > MAX_TEXT_BYTES || needle.pairs.len() > MAX_PAIRS_BYTES {
            return Err(WriteError::TooLarge { fid, reason: "media type or pairs".into() });
        }
        let size_bytes = u32::try_from(needle.data.len())
            .map_err(|_| WriteError::TooLarge { fid, reason: "data".into() })?;
        needle.name.truncate(needle.name.floor_char_boundary(MAX_TEXT_BYTES));
        if needle.modified_secs == 0 {
            needle.modified_secs = Timestamp::now().as_secs();
        }
        let crc = wire::crc_of(&needle.data);
        let held = volume.needles.get(&fid.key);
        if held.is_some_and(|(cookie, _)| *cookie != fid.cookie) {
            return Err(WriteError::WrongCookie(fid));
        }
        let unchanged = held.is_some_and(|(_, held)| held.data == needle.data);
        if !unchanged {
            volume.needles.insert(fid.key, (fid.cookie, needle));
        }
        Ok(Written { size_bytes, crc, unchanged, durability: Durability::Memory })
    }

    async fn read(&self, fid: FileId) -> Result<StoredNeedle, ReadError> {
        let volumes = self.volumes.lock();
        let volume = volumes.get(&fid.volume).ok_or(ReadError::NoVolume(fid.volume))?;
        match volume.needles.get(&fid.key) {
            Some((cookie, needle)) if *cookie == fid.cookie => {
                Ok(StoredNeedle { needle: needle.clone(), crc: wire::crc_of(&needle.data) })
            }
            _ => Err(ReadError::NotFound(fid)),
        }
    }

    async fn delete(&self, fid: FileId) -> Result<Deleted, DeleteError> {
        let mut volumes = self.volumes.lock();
        let volume = volumes.get_mut(&fid.volume).ok_or(DeleteError::NoVolume(fid.volume))?;
        let (cookie, needle) = volume.needles.get(&fid.key).ok_or(DeleteError::NotFound(fid))?;
        if *cookie != fid.cookie {
            return Err(DeleteError::WrongCookie(fid));
        }
        // It came in through `write`, which checked its size.
        let size_bytes = u32::try_from(needle.data.len()).unwrap_or(u32::MAX);
        volume.needles.remove(&fid.key);
        Ok(Deleted { size_bytes })
    }

    async fn allocate(&self, volume: AllocateVolume) -> Result<(), AllocateError> {
        let mut volumes = self.volumes.lock();
        match volumes.get(&volume.id) {
            Some(held) if held.settings == volume => Ok(()),
            Some(_) => Err(AllocateError::Conflict(volume.id)),
            None => {
                let made = MemoryVolume { settings: volume, needles: HashMap::new() };
                volumes.insert(made.settings.id, made);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn keeps_the_promises_itself() {
        crate::conformance::volumes(Arc::new(MemoryVolumes::default()), VolumeId(1)).await;
    }
}
