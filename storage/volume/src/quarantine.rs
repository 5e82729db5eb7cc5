//! Where files and bytes go that are not understood: `quarantine/` beside the volumes. Nothing here is read again.

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
};

use crate::{
    disk::{Disk, write_all_at},
    names,
    scan::Scanner,
};

/// Bytes copied at once.
const PIECE_BYTES: u64 = 1 << 20;

/// Moves the file `name` of `dir` away, durably; where it went.
pub(crate) fn set_aside(disk: &dyn Disk, dir: &Path, name: &str) -> io::Result<PathBuf> {
    let target = free_path(disk, dir, name)?;
    disk.rename(&dir.join(name), &target)?;
    disk.sync_dir(&names::quarantine(dir))?;
    disk.sync_dir(dir)?;
    Ok(target)
}

/// Copies the bytes of a file from `from` to `to` away, durably; where they went.
pub(crate) fn save(
    disk: &dyn Disk,
    dir: &Path,
    name: &str,
    source: &mut Scanner<'_>,
    from: u64,
    to: u64,
) -> io::Result<PathBuf> {
    let target = free_path(disk, dir, name)?;
    let file = disk.create(&target)?;
    let mut at = from;
    while at < to {
        let bytes = usize::try_from((to - at).min(PIECE_BYTES)).map_err(io::Error::other)?;
        let piece = source.bytes(at, bytes)?;
        write_all_at(&*file, &mut [IoSlice::new(piece)], at - from)?;
        at += bytes as u64;
    }
    file.sync_data()?;
    disk.sync_dir(&names::quarantine(dir))?;
    Ok(target)
}

/// A path in the quarantine that nothing has yet.
fn free_path(disk: &dyn Disk, dir: &Path, name: &str) -> io::Result<PathBuf> {
    let quarantine = names::quarantine(dir);
    disk.create_dir(&quarantine)?;
    disk.sync_dir(dir)?;
    let taken = disk.list(&quarantine)?;
    let numbered = (1..).map(|number| format!("{name}.{number}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken.contains(name));
    Ok(quarantine.join(free.unwrap_or_default()))
}
