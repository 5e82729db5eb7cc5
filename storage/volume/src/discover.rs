use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use types::{Collection, VolumeId};

use crate::{Disk, names, quarantine, superblock::SUPERBLOCK_BYTES};

/// What is in a directory of volumes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Discovered {
    /// Volumes to open.
    pub volumes: Vec<(Collection, VolumeId)>,
    /// Erasure-coded volumes, left alone.
    pub erasure_coded: Vec<(Collection, VolumeId)>,
    /// Files that were moved to `quarantine/`, by their new names.
    pub set_aside: Vec<PathBuf>,
}

/// Caches of other servers, rebuilt by whoever wants them.
const IGNORED: [&str; 3] = ["sdx", "ldb", "rdb"];

/// Finds the volumes in `dir`. Leftovers that would be misread (incomplete copies, unfinished compactions, an
/// index without data, a data file without a superblock) move to `dir/quarantine/`; nothing is deleted. Blocks.
///
/// Not to be called while volumes of `dir` are being made.
pub fn discover(disk: &dyn Disk, dir: &Path) -> io::Result<Discovered> {
    let mut found = Discovered::default();
    let names = disk.list(dir)?;
    for ((collection, id), extensions) in by_volume(&names) {
        let plan = plan(&extensions, || has_superblock(disk, &dir.join(name(&collection, id, "dat"))))?;
        for extension in plan.set_aside {
            let moved = quarantine::set_aside(disk, dir, &name(&collection, id, extension))?;
            tracing::warn!(volume = id.0, to = %moved.display(), reason = plan.reason, "file set aside");
            found.set_aside.push(moved);
        }
        if plan.is_volume {
            found.volumes.push((collection.clone(), id));
        }
        if extensions.contains(&"ecx") {
            found.erasure_coded.push((collection, id));
        }
    }
    Ok(found)
}

fn name(collection: &Collection, id: VolumeId, extension: &str) -> String {
    names::file_name(collection, id, extension)
}

fn by_volume(names: &[String]) -> BTreeMap<(Collection, VolumeId), Vec<&str>> {
    let mut volumes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (collection, id, extension) in names.iter().filter_map(|name| names::parse(name)) {
        volumes.entry((collection, id)).or_default().push(extension);
    }
    volumes
}

#[derive(Default)]
struct Plan<'a> {
    is_volume: bool,
    set_aside: Vec<&'a str>,
    reason: &'static str,
}

/// What to do with the files of one id. `has_superblock` is asked only where a data file is to be opened.
fn plan<'a>(
    extensions: &[&'a str],
    has_superblock: impl FnOnce() -> io::Result<bool>,
) -> io::Result<Plan<'a>> {
    let has = |extension| extensions.contains(&extension);
    let these = |unwanted: &dyn Fn(&str) -> bool| -> Vec<&'a str> {
        extensions.iter().copied().filter(|extension| unwanted(extension)).collect()
    };
    let is_coded = |extension: &str| extension.starts_with("ec");
    let is_own = |extension: &str| !is_coded(extension) && !IGNORED.contains(&extension);
    if has("note") {
        return Ok(Plan { set_aside: these(&is_own), reason: "incomplete copy", ..Plan::default() });
    }
    if !has("dat") {
        // The `.vif` of an erasure-coded volume is its own.
        let is_orphan = |extension: &str| matches!(extension, "idx" | "cpd" | "cpx" | "cpc");
        let is_coded_volume = extensions.iter().any(|extension| is_coded(extension));
        let is_orphan = |extension: &str| is_orphan(extension) || extension == "vif" && !is_coded_volume;
        return Ok(Plan { set_aside: these(&is_orphan), reason: "no data file", ..Plan::default() });
    }
    if !has_superblock()? {
        return Ok(Plan { set_aside: these(&is_own), reason: "no superblock", ..Plan::default() });
    }
    // Old data and compacted data are both complete, but the index may belong to either: it is made anew.
    let is_committed = has("cpc");
    let is_leftover =
        |extension: &str| matches!(extension, "cpd" | "cpx" | "cpc") || is_committed && extension == "idx";
    Ok(Plan { is_volume: true, set_aside: these(&is_leftover), reason: "unfinished compaction" })
}

fn has_superblock(disk: &dyn Disk, path: &Path) -> io::Result<bool> {
    Ok(disk.open(path)?.len_bytes()? >= SUPERBLOCK_BYTES as u64)
}
