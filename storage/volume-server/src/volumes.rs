//! The role itself: what a volume says, in the words of the protocol.

use bytes::Bytes;
use protocol::{
    AllocateError, AllocateVolume, DeleteError, Deleted, NewNeedle, ReadError, StoredNeedle, Volumes,
    WriteError, Written,
};
use types::{FileId, Timestamp, VolumeId};
use volume::{Needle, Volume};

use crate::VolumeServer;

/// A name is cut to this many bytes, at a character.
const MAX_NAME_BYTES: usize = 255;

#[async_trait::async_trait]
impl Volumes for VolumeServer {
    async fn write(&self, fid: FileId, needle: NewNeedle) -> Result<Written, WriteError> {
        let volume = self.find(fid.volume)?;
        match volume.append(to_stored(fid, needle)).await {
            Ok(appended) => Ok(Written {
                size_bytes: appended.size_bytes,
                crc: appended.crc,
                unchanged: appended.unchanged,
                durability: self.settings.durability,
            }),
            Err(error) => {
                self.tell_if_read_only(fid.volume, &volume);
                Err(write_error(fid, error))
            }
        }
    }

    async fn read(&self, fid: FileId) -> Result<StoredNeedle, ReadError> {
        let volume = self.find(fid.volume)?;
        let (needle, crc) = volume.read(fid.key, fid.cookie).await.map_err(|error| read_error(fid, error))?;
        Ok(StoredNeedle { needle: from_stored(needle), crc })
    }

    async fn delete(&self, fid: FileId) -> Result<Deleted, DeleteError> {
        let volume = self.find(fid.volume)?;
        match volume.delete(fid.key, fid.cookie).await {
            Ok(deleted) => Ok(Deleted { size_bytes: deleted.size_bytes }),
            Err(error) => {
                self.tell_if_read_only(fid.volume, &volume);
                Err(delete_error(fid, error))
            }
        }
    }

    async fn allocate(&self, volume: AllocateVolume) -> Result<(), AllocateError> {
        self.make(volume).await
    }
}

/// Why a volume cannot be asked: it is not here, or it is here and out of service.
pub(crate) enum Absent {
    NoVolume(VolumeId),
    OutOfService { volume: VolumeId, reason: String },
}

impl VolumeServer {
    pub(crate) fn find(&self, id: VolumeId) -> Result<Volume, Absent> {
        self.volume(id).ok_or_else(|| match self.broken.get(&id) {
            Some(reason) => Absent::OutOfService { volume: id, reason: reason.clone() },
            None => Absent::NoVolume(id),
        })
    }

    /// The master should hear at once of a volume that takes no more writes; once, however many writes meet it.
    fn tell_if_read_only(&self, id: VolumeId, volume: &Volume) {
        if volume.stat().read_only.is_some() && !self.told_read_only.read().contains(&id) {
            self.changed.notify_one();
        }
    }
}

impl From<Absent> for WriteError {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::NoVolume(volume) => Self::NoVolume(volume),
            Absent::OutOfService { volume, reason } => Self::Unavailable { volume, reason },
        }
    }
}

impl From<Absent> for ReadError {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::NoVolume(volume) => Self::NoVolume(volume),
            Absent::OutOfService { volume, reason } => Self::Unavailable { volume, reason },
        }
    }
}

impl From<Absent> for DeleteError {
    fn from(absent: Absent) -> Self {
        match absent {
            Absent::NoVolume(volume) => Self::NoVolume(volume),
            Absent::OutOfService { volume, reason } => Self::Unavailable { volume, reason },
        }
    }
}

fn to_stored(fid: FileId, needle: NewNeedle) -> Needle {
    let NewNeedle { data, mut name, mime, pairs, modified_secs, ttl, gzipped, chunk_manifest } = needle;
    name.truncate(name.floor_char_boundary(MAX_NAME_BYTES));
    let modified_secs = match modified_secs {
        0 => Timestamp::now().as_secs(),
        given => given,
    };
    Needle {
        key: fid.key,
        cookie: fid.cookie,
        data,
        name: Bytes::from(name),
        mime: Bytes::from(mime),
        pairs,
        modified_secs,
        ttl,
        gzipped,
        chunk_manifest,
    }
}

fn from_stored(needle: Needle) -> NewNeedle {
    NewNeedle {
        data: needle.data,
        name: text(&needle.name),
        mime: text(&needle.mime),
        pairs: needle.pairs,
        modified_secs: needle.modified_secs,
        ttl: needle.ttl,
        gzipped: needle.gzipped,
        chunk_manifest: needle.chunk_manifest,
    }
}

/// Other servers stored any bytes as a name.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn write_error(fid: FileId, error: volume::AppendError) -> WriteError {
    use volume::AppendError as From;
    let volume = fid.volume;
    match error {
        From::ReadOnly { reason, .. } => WriteError::ReadOnly { volume, reason },
        From::Full(_) | From::NoSpace(_) => WriteError::ReadOnly { volume, reason: error.to_string() },
        From::WrongCookie(_) => WriteError::WrongCookie(fid),
        From::TooLarge { reason, .. } => WriteError::TooLarge { fid, reason },
        From::Disk { reason, .. } => WriteError::Unavailable { volume, reason },
        From::Corrupt { .. } | From::Closed(_) => {
            WriteError::Unavailable { volume, reason: error.to_string() }
        }
    }
}

fn read_error(fid: FileId, error: volume::ReadError) -> ReadError {
    use volume::ReadError as From;
    match error {
        From::NotFound(_) | From::WrongCookie(_) => ReadError::NotFound(fid),
        From::Corrupt { reason, .. } => ReadError::Corrupt { fid, reason },
        From::Disk { reason, .. } => ReadError::Unavailable { volume: fid.volume, reason },
    }
}

fn delete_error(fid: FileId, error: volume::DeleteError) -> DeleteError {
    use volume::DeleteError as From;
    let volume = fid.volume;
    match error {
        From::NotFound(_) => DeleteError::NotFound(fid),
        From::WrongCookie(_) => DeleteError::WrongCookie(fid),
        From::ReadOnly { reason, .. } => DeleteError::ReadOnly { volume, reason },
        From::NoSpace(_) => DeleteError::ReadOnly { volume, reason: error.to_string() },
        From::Disk { reason, .. } => DeleteError::Unavailable { volume, reason },
        From::Corrupt { .. } | From::Closed(_) => {
            DeleteError::Unavailable { volume, reason: error.to_string() }
        }
    }
}
