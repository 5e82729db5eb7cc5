use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

/// The number of a file or directory.
pub(crate) type Ino = u64;

pub(crate) const ROOT: Ino = 1;

/// What has which name, by directory.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    dirs: BTreeMap<Ino, BTreeMap<OsString, Ino>>,
}

/// A change of names.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Add { dir: Ino, name: OsString, ino: Ino, is_dir: bool },
    Remove { dir: Ino, name: OsString },
    Rename { from: (Ino, OsString), to: (Ino, OsString) },
}

impl Change {
    /// Whether a sync of this file or directory makes the change durable: it made it, or changed what is in it.
    pub(crate) fn touches(&self, synced: Ino) -> bool {
        match self {
            Self::Add { dir, ino, .. } => synced == *dir || synced == *ino,
            Self::Remove { dir, .. } => synced == *dir,
            Self::Rename { from, to } => synced == from.0 || synced == to.0,
        }
    }
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { dirs: BTreeMap::from([(ROOT, BTreeMap::new())]) }
    }

    pub(crate) fn get(&self, dir: Ino, name: &OsStr) -> Option<Ino> {
        self.dirs.get(&dir)?.get(name).copied()
    }

    /// `None`: not a directory.
    pub(crate) fn list(&self, dir: Ino) -> Option<&BTreeMap<OsString, Ino>> {
        self.dirs.get(&dir)
    }

    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Add { dir, name, ino, is_dir } => {
                self.dirs.entry(*dir).or_default().insert(name.clone(), *ino);
                if *is_dir {
                    self.dirs.insert(*ino, BTreeMap::new());
                }
            }
            Change::Remove { dir, name } => {
                self.take(*dir, name);
            }
            Change::Rename { from: (dir, name), to: (new_dir, new_name) } => {
                if let Some(ino) = self.take(*dir, name) {
                    self.dirs.entry(*new_dir).or_default().insert(new_name.clone(), ino);
                }
            }
        }
    }

    fn take(&mut self, dir: Ino, name: &OsStr) -> Option<Ino> {
        self.dirs.get_mut(&dir)?.remove(name)
    }
}
