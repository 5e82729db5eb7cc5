use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use types::{Collection, Placement, VolumeId};

use crate::{
    Disk, DiskFile, IndexWidth, OpenError, Options, VolumeSettings,
    disk::{read_file, write_file},
    idx_file::{Row, row_bytes},
    names::Names,
    needle::Header,
    recover::{Files, Recovered, recover},
    superblock::{HEADER_BYTES, SUPERBLOCK_BYTES, Superblock, Version},
    vif::{MAX_VIF_BYTES, Vif},
};

/// A volume whose files have been read.
pub(crate) struct Opened {
    pub(crate) settings: VolumeSettings,
    pub(crate) version: Version,
    pub(crate) first_needle: u64,
    pub(crate) dat: Arc<dyn DiskFile>,
    pub(crate) recovered: Recovered,
}

pub(crate) fn open(
    disk: Arc<dyn Disk>,
    dir: &Path,
    collection: &Collection,
    id: VolumeId,
    options: &Options,
) -> Result<Opened, OpenError> {
    let names = Names::new(dir, collection, id);
    open_files(disk, &names, collection, id, options).map_err(|problem| match problem {
        Problem::Absent => OpenError::NotFound(id),
        Problem::Unreadable(path, reason) => OpenError::Unreadable { path, reason },
        Problem::Disk(source) => OpenError::Disk { volume: id, source },
    })
}

enum Problem {
    Absent,
    Unreadable(PathBuf, String),
    Disk(io::Error),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

fn open_files(
    disk: Arc<dyn Disk>,
    names: &Names,
    collection: &Collection,
    id: VolumeId,
    options: &Options,
) -> Result<Opened, Problem> {
    let dat = open_if_there(&*disk, &names.path("dat"))?.ok_or(Problem::Absent)?;
    let vif = read_vif(&*disk, names)?;
    let superblock = read_superblock(&*dat, names, vif.as_ref())?;
    let (version, first_needle) = (superblock.version, superblock.first_needle());
    let read_only = read_only_reason(version, vif.as_ref());
    let is_writable = read_only.is_none();
    let idx = match open_if_there(&*disk, &names.path("idx"))? {
        Some(idx) => idx,
        None if is_writable => disk.create(&names.path("idx"))?,
        None => Arc::new(NoFile),
    };
    let width = index_width(&*idx, &*dat, vif.as_ref(), options.index_width)?;
    if vif.is_none() && is_writable {
        let vif = Vif::new(width, 0);
        write_file(&*disk, &names.path("vif"), vif.encode().as_bytes())?;
        disk.sync_dir(names.dir())?;
    }
    let files = Files {
        disk,
        names: names.clone(),
        dat: Arc::clone(&dat),
        idx,
        version,
        first_needle,
        width,
        is_writable,
    };
    let mut recovered = recover(&files)?;
    recovered.read_only = recovered.read_only.or(read_only);
    let Superblock { placement, ttl, .. } = superblock;
    let settings = VolumeSettings { id, collection: collection.clone(), placement, ttl };
    Ok(Opened { settings, version, first_needle, dat, recovered })
}

fn open_if_there(disk: &dyn Disk, path: &Path) -> io::Result<Option<Arc<dyn DiskFile>>> {
    match disk.open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn read_vif(disk: &dyn Disk, names: &Names) -> Result<Option<Vif>, Problem> {
    let path = names.path("vif");
    let Some(file) = open_if_there(disk, &path)? else { return Ok(None) };
    let text = match read_file(&*file, MAX_VIF_BYTES) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(Problem::Unreadable(path, error.to_string()));
        }
        text => text?,
    };
    let vif = Vif::decode(&text).map_err(|reason| Problem::Unreadable(path.clone(), reason))?;
    match vif {
        Some(vif) if vif.remote_files > 0 => {
            Err(Problem::Unreadable(path, "its data is on a remote tier".to_owned()))
        }
        vif => Ok(vif),
    }
}

/// What the data file says of itself, overridden by what the `.vif` says.
fn read_superblock(dat: &dyn DiskFile, names: &Names, vif: Option<&Vif>) -> Result<Superblock, Problem> {
    let unreadable = |reason| Problem::Unreadable(names.path("dat"), reason);
    let mut bytes = [0; SUPERBLOCK_BYTES];
    if dat.read_at(&mut bytes, 0)? < SUPERBLOCK_BYTES {
        return Err(unreadable("shorter than a superblock".to_owned()));
    }
    let mut superblock = Superblock::decode(bytes).map_err(unreadable)?;
    if dat.len_bytes()? < superblock.first_needle() {
        return Err(unreadable("ends within the superblock".to_owned()));
    }
    let Some(vif) = vif else { return Ok(superblock) };
    let unreadable = |reason| Problem::Unreadable(names.path("vif"), reason);
    if vif.version != 0 {
        superblock.version = Version::from_number(vif.version)
            .ok_or_else(|| unreadable(format!("unknown format version {}", vif.version)))?;
    }
    if !vif.replication.is_empty() {
        superblock.placement =
            vif.replication.parse::<Placement>().map_err(|error| unreadable(error.to_string()))?;
    }
    Ok(superblock)
}

fn read_only_reason(version: Version, vif: Option<&Vif>) -> Option<String> {
    if version < Version::V3 {
        return Some(format!("format version {} is only read", version as u8));
    }
    vif.filter(|vif| vif.read_only).map(|_| "marked read-only in its .vif file".to_owned())
}

/// The width of the offsets: as the `.vif` says, else the one that makes sense of the first row, else that of new
/// volumes.
fn index_width(
    idx: &dyn DiskFile,
    dat: &dyn DiskFile,
    vif: Option<&Vif>,
    default: IndexWidth,
) -> io::Result<IndexWidth> {
    let widths = [IndexWidth::Four, IndexWidth::Five];
    let said = vif.map_or(0, |vif| vif.bytes_offset);
    if let Some(width) = widths.into_iter().find(|width| width.offset_bytes() as u64 == said) {
        return Ok(width);
    }
    for width in widths {
        let mut bytes = vec![0; row_bytes(width)];
        let mut header = [0; HEADER_BYTES];
        let row_is_there = idx.read_at(&mut bytes, 0)? == bytes.len();
        let row = Row::decode(&bytes, width);
        if row_is_there && dat.read_at(&mut header, row.offset)? == HEADER_BYTES {
            let header = Header::decode(&header);
            if header.key == row.key && header.size == row.size.unwrap_or(0) {
                return Ok(width);
            }
        }
    }
    Ok(default)
}

/// An index file that is not there, of a volume whose files must not change.
struct NoFile;

impl DiskFile for NoFile {
    fn read_at(&self, _buf: &mut [u8], _offset: u64) -> io::Result<usize> {
        Ok(0)
    }

    fn try_read_at(&self, _buf: &mut [u8], _offset: u64) -> io::Result<usize> {
        Ok(0)
    }

    fn write_vectored_at(&self, _bufs: &[io::IoSlice<'_>], _offset: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _bytes: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn len_bytes(&self) -> io::Result<u64> {
        Ok(0)
    }
}
