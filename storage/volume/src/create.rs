use std::{io, path::Path};

use crate::{
    Clock, CreateError, Disk, Options, Recovery, VolumeSettings,
    disk::write_file,
    idx_file::RowWriter,
    index::Index,
    names::{self, Names},
    open::Opened,
    recover::Recovered,
    superblock::Superblock,
    vif::Vif,
    writer::is_full,
};

/// Extension of a data file in the making: a volume is there once its data file has its name.
const NEW_DATA: &str = "dat.new";

/// Makes the files of an empty volume, durable on return.
pub(crate) fn create(
    disk: &dyn Disk,
    dir: &Path,
    settings: VolumeSettings,
    options: &Options,
) -> Result<Opened, CreateError> {
    let id = settings.id;
    create_files(disk, dir, settings, options).map_err(|error| match error {
        error if error.kind() == io::ErrorKind::AlreadyExists => CreateError::Exists(id),
        error if is_full(&error) => CreateError::NoSpace(id),
        source => CreateError::Disk { volume: id, source },
    })
}

fn create_files(
    disk: &dyn Disk,
    dir: &Path,
    settings: VolumeSettings,
    options: &Options,
) -> io::Result<Opened> {
    let names = Names::new(dir, &settings.collection, settings.id);
    if is_taken(disk, dir, &settings)? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let superblock = Superblock::new(settings.placement, settings.ttl);
    let width = options.index_width;
    let vif = Vif::new(width, expire_at_secs(&settings, &*options.clock));
    write_file(disk, &names.path("vif"), vif.encode().as_bytes())?;
    write_file(disk, &names.path("idx"), &[])?;
    write_file(disk, &names.path(NEW_DATA), &superblock.encode())?;
    disk.rename(&names.path(NEW_DATA), &names.path("dat"))?;
    disk.sync_dir(dir)?;
    let idx = disk.open(&names.path("idx"))?;
    let recovered = Recovered {
        index: Index::new(superblock.version),
        rows: RowWriter::new(idx, width, 0),
        end: superblock.first_needle(),
        last_append_ns: 0,
        unreadable_from: None,
        read_only: None,
        report: Recovery::default(),
    };
    Ok(Opened {
        settings,
        version: superblock.version,
        first_needle: superblock.first_needle(),
        dat: disk.open(&names.path("dat"))?,
        recovered,
    })
}

/// Whether files of this id and collection hold data: a volume's, or an erasure-coded one's.
fn is_taken(disk: &dyn Disk, dir: &Path, settings: &VolumeSettings) -> io::Result<bool> {
    let is_data = |extension: &str| extension == "dat" || extension.starts_with("ec");
    let names = disk.list(dir)?;
    let mut parsed = names.iter().filter_map(|name| names::parse(name));
    Ok(parsed.any(|(collection, id, extension)| {
        id == settings.id && collection == settings.collection && is_data(extension)
    }))
}

/// As SeaweedFS plans it: one life from now. 0 for a volume without a TTL.
fn expire_at_secs(settings: &VolumeSettings, clock: &dyn Clock) -> u64 {
    settings.ttl.span().map_or(0, |span| clock.now_ns() / 1_000_000_000 + span.as_secs())
}
