use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use rand::Rng;
use rustix::io::Errno;

use crate::{
    file::File,
    names::{Change, Ino, Names, ROOT},
};

/// All that a disk holds, in the page cache and on the platter.
///
/// Changes of names are durable in their order, as in a journal: a sync of a directory makes the last change in it
/// durable and all before it, a sync of a file does so for the making of the file (as ext4 and XFS do). At a power
/// cut the synced ones are left, and any prefix of the others.
#[derive(Debug, Clone)]
pub struct Image {
    files: BTreeMap<Ino, File>,
    modes: BTreeMap<Ino, u16>,
    names: Names,
    platter: Names,
    unsynced: Vec<Change>,
    next: Ino,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) ino: Ino,
    /// Of a file; `None`: a directory.
    pub(crate) len: Option<u64>,
    pub(crate) mode: u16,
}

impl Default for Image {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            modes: BTreeMap::from([(ROOT, 0o755)]),
            names: Names::new(),
            platter: Names::new(),
            unsynced: Vec::new(),
            next: ROOT + 1,
        }
    }
}

impl Image {
    /// What a power cut leaves. One in four leaves nothing that was not synced; the others leave parts of it.
    #[must_use]
    pub fn after_power_cut(mut self, rng: &mut impl Rng) -> Self {
        let is_strict = rng.random_ratio(1, 4);
        let kept = if is_strict { 0 } else { rng.random_range(0..=self.unsynced.len()) };
        self.make_durable(kept);
        let left =
            |file: &File, rng: &mut _| if is_strict { file.synced() } else { file.after_power_cut(rng) };
        self.files = self.files.iter().map(|(ino, file)| (*ino, left(file, rng))).collect();
        self.names = self.platter.clone();
        self.unsynced.clear();
        self
    }

    pub(crate) fn node(&self, ino: Ino) -> Result<Node, Errno> {
        let mode = *self.modes.get(&ino).ok_or(Errno::NOENT)?;
        Ok(Node { ino, len: self.files.get(&ino).map(File::len), mode })
    }

    pub(crate) fn lookup(&self, dir: Ino, name: &OsStr) -> Result<Node, Errno> {
        self.node(self.names.get(dir, name).ok_or(Errno::NOENT)?)
    }

    pub(crate) fn list(&self, dir: Ino) -> Result<Vec<(OsString, Node)>, Errno> {
        let names = self.names.list(dir).ok_or(Errno::NOTDIR)?;
        names.iter().map(|(name, ino)| Ok((name.clone(), self.node(*ino)?))).collect()
    }

    pub(crate) fn read(&self, ino: Ino, offset: u64, size: usize) -> Result<Vec<u8>, Errno> {
        Ok(self.files.get(&ino).ok_or(Errno::ISDIR)?.read(offset, size))
    }

    pub(crate) fn write(&mut self, ino: Ino, offset: u64, data: &[u8]) -> Result<(), Errno> {
        self.file(ino)?.write(offset, data);
        Ok(())
    }

    pub(crate) fn set_len(&mut self, ino: Ino, len: u64) -> Result<(), Errno> {
        self.file(ino)?.set_len(len);
        Ok(())
    }

    pub(crate) fn set_mode(&mut self, ino: Ino, mode: u16) {
        self.modes.insert(ino, mode & 0o7777);
    }

    pub(crate) fn create(&mut self, dir: Ino, name: &OsStr, mode: u16) -> Result<Node, Errno> {
        let ino = self.add(dir, name, mode, false)?;
        self.files.insert(ino, File::default());
        self.node(ino)
    }

    pub(crate) fn make_dir(&mut self, dir: Ino, name: &OsStr, mode: u16) -> Result<Node, Errno> {
        let ino = self.add(dir, name, mode, true)?;
        self.node(ino)
    }

    pub(crate) fn remove(&mut self, dir: Ino, name: &OsStr) -> Result<(), Errno> {
        let ino = self.names.get(dir, name).ok_or(Errno::NOENT)?;
        self.must_be_empty(ino)?;
        self.change(Change::Remove { dir, name: name.to_owned() });
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: (Ino, &OsStr), to: (Ino, &OsStr)) -> Result<(), Errno> {
        self.names.get(from.0, from.1).ok_or(Errno::NOENT)?;
        if let Some(replaced) = self.names.get(to.0, to.1) {
            self.must_be_empty(replaced)?;
        }
        let [from, to] = [from, to].map(|(dir, name)| (dir, name.to_owned()));
        self.change(Change::Rename { from, to });
        Ok(())
    }

    /// Makes a file's content and its making durable, or what is in a directory.
    pub(crate) fn sync(&mut self, ino: Ino) {
        if let Some(file) = self.files.get_mut(&ino) {
            file.sync();
        }
        let last = self.unsynced.iter().rposition(|change| change.touches(ino));
        self.make_durable(last.map_or(0, |last| last + 1));
    }

    fn file(&mut self, ino: Ino) -> Result<&mut File, Errno> {
        self.files.get_mut(&ino).ok_or(Errno::ISDIR)
    }

    fn must_be_empty(&self, ino: Ino) -> Result<(), Errno> {
        match self.names.list(ino) {
            Some(names) if !names.is_empty() => Err(Errno::NOTEMPTY),
            _ => Ok(()),
        }
    }

    fn add(&mut self, dir: Ino, name: &OsStr, mode: u16, is_dir: bool) -> Result<Ino, Errno> {
        if self.names.get(dir, name).is_some() {
            return Err(Errno::EXIST);
        }
        let ino = self.next;
        self.next += 1;
        self.set_mode(ino, mode);
        self.change(Change::Add { dir, name: name.to_owned(), ino, is_dir });
        Ok(ino)
    }

    fn change(&mut self, change: Change) {
        self.names.apply(&change);
        self.unsynced.push(change);
    }

    /// Takes the first `count` changes of names to the platter.
    fn make_durable(&mut self, count: usize) {
        for change in self.unsynced.drain(..count) {
            self.platter.apply(&change);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;

    /// The names in the root after each of many power cuts.
    fn outcomes(image: &Image) -> Vec<Vec<OsString>> {
        let list = |seed| {
            let left = image.clone().after_power_cut(&mut StdRng::seed_from_u64(seed));
            left.list(ROOT).expect("a directory").into_iter().map(|(name, _)| name).collect()
        };
        (0..100).map(list).collect()
    }

    fn with_files(names: &[&str]) -> Image {
        let mut image = Image::default();
        for name in names {
            image.create(ROOT, OsStr::new(name), 0o644).expect("made");
        }
        image
    }

    #[test]
    fn names_are_left_in_their_order() {
        let outcomes = outcomes(&with_files(&["a", "b"]));
        for expected in [&[][..], &["a"], &["a", "b"]] {
            assert!(outcomes.iter().any(|left| left == expected), "{expected:?}");
        }
        assert!(outcomes.iter().all(|left| left != &["b"]));
    }

    #[test]
    fn a_sync_of_a_file_keeps_its_name_and_one_of_the_directory_keeps_all() {
        let mut image = with_files(&["a", "b", "c"]);
        let b = image.lookup(ROOT, OsStr::new("b")).expect("there").ino;
        image.sync(b);
        assert!(outcomes(&image).iter().all(|left| left.starts_with(&["a".into(), "b".into()])));
        image.rename((ROOT, OsStr::new("a")), (ROOT, OsStr::new("d"))).expect("renamed");
        image.sync(ROOT);
        assert!(outcomes(&image).iter().all(|left| left == &["b", "c", "d"]));
    }
}
