//! A disk in memory that fails on demand, and the same way again for the same seed: the twin of
//! [`RealDisk`](crate::RealDisk) for fault tests.
//!
//! It keeps what was written apart from what was synced. [`FaultyDisk::after_kill`] is the disk that the next
//! process finds: all that was written. [`FaultyDisk::after_power_loss`] is what the next boot finds: what was
//! synced, and of the rest any page or none.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{Disk, DiskFile};

/// What survives or is lost as one: a sector.
const PAGE_BYTES: usize = 512;

/// What goes wrong. The default is nothing.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// The disk dies at this change (write, cut, create, rename, removal or sync, counted from 0): a write is torn
    /// at some byte, anything else does not happen, and every call from then on fails.
    pub crash_at: Option<u64>,
    /// This sync (counted from 0, of files and directories) fails with EIO. As on Linux, what it should have
    /// written is then lost although it can still be read.
    pub fail_sync: Option<u64>,
    /// Bytes that all files together may hold; a write past it is cut short, then refused with ENOSPC.
    pub capacity_bytes: Option<u64>,
    /// One bit of every read is wrong.
    pub flip_reads: bool,
    /// Reads without waiting find nothing in memory, or half of it.
    pub cold: bool,
}

/// A disk in memory with [`Faults`]. Clones are the same disk.
#[derive(Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    faults: Faults,
    random: u64,
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    /// What happened to names since, in order; a power loss keeps the first of it, as a journal does.
    name_changes: Vec<NameChange>,
    files: Vec<Content>,
    changes: u64,
    syncs: u64,
    crashed: bool,
}

#[derive(Clone)]
struct NameChange {
    removed: Option<PathBuf>,
    added: Option<(PathBuf, usize)>,
}

#[derive(Clone, Default)]
struct Content {
    written: Vec<u8>,
    synced: Vec<u8>,
    /// Pages written since the last sync; only these may survive a power loss.
    dirty: BTreeSet<usize>,
}

struct FaultyFile {
    state: Arc<Mutex<State>>,
    file: usize,
}

impl FaultyDisk {
    /// An empty disk.
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self::with(seed, faults, BTreeMap::new(), Vec::new())
    }

    fn with(seed: u64, faults: Faults, names: BTreeMap<PathBuf, usize>, files: Vec<Content>) -> Self {
        let state = State {
            faults,
            random: seed,
            synced_names: names.clone(),
            names,
            name_changes: Vec::new(),
            files,
            changes: 0,
            syncs: 0,
            crashed: false,
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Other faults from now on; the counts start anew.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.state.lock();
        (state.faults, state.changes, state.syncs) = (faults, 0, 0);
    }

    /// Changes so far: what [`Faults::crash_at`] counts.
    pub fn changes(&self) -> u64 {
        self.state.lock().changes
    }

    /// Syncs so far: what [`Faults::fail_sync`] counts.
    pub fn syncs(&self) -> u64 {
        self.state.lock().syncs
    }

    /// What the next process finds after this one was killed: all that was written.
    pub fn after_kill(&self, seed: u64) -> Self {
        let state = self.state.lock();
        Self::with(seed, Faults::default(), state.names.clone(), state.files.clone())
    }

    /// What the next boot finds: what was synced, and of the rest whatever the seed lets survive.
    pub fn after_power_loss(&self, seed: u64) -> Self {
        let state = self.state.lock();
        let mut random = seed ^ 0x5851_f42d_4c95_7f2d;
        let names = surviving_names(&state, &mut random);
        let files = state.files.iter().map(|content| content.surviving(&mut random)).collect();
        Self::with(seed, Faults::default(), names, files)
    }

    /// What a file holds now, as a process would read it.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state.lock();
        state.names.get(path).map(|file| state.files[*file].written.clone())
    }

    /// Puts a file there, durably and past all faults.
    pub fn plant(&self, path: &Path, content: &[u8]) {
        let mut state = self.state.lock();
        let file = state.files.len();
        state.files.push(Content {
            written: content.to_vec(),
            synced: content.to_vec(),
            dirty: BTreeSet::new(),
        });
        state.names.insert(path.to_owned(), file);
        state.synced_names.insert(path.to_owned(), file);
    }
}

fn surviving_names(state: &State, random: &mut u64) -> BTreeMap<PathBuf, usize> {
    let mut names = state.synced_names.clone();
    let most = state.name_changes.len() as u64 + 1;
    let kept = usize::try_from(next(random) % most).unwrap_or(0);
    state.name_changes[..kept].iter().for_each(|change| change.apply(&mut names));
    names
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        if let Some(path) = &self.removed {
            names.remove(path);
        }
        names.extend(self.added.clone());
    }

    fn is_in(&self, dir: &Path) -> bool {
        let added = self.added.as_ref().map(|(path, _)| path);
        self.removed.as_ref().into_iter().chain(added).any(|path| path.parent() == Some(dir))
    }
}

impl Content {
    fn surviving(&self, random: &mut u64) -> Self {
        let mut kept = self.synced.clone();
        if flip(random) {
            kept.resize(self.written.len(), 0); // the length survived, whatever the pages do
        }
        for page in &self.dirty {
            let from = page * PAGE_BYTES;
            let to = (from + PAGE_BYTES).min(self.written.len());
            if from < to && flip(random) {
                kept.resize(kept.len().max(to), 0);
                kept[from..to].copy_from_slice(&self.written[from..to]);
            }
        }
        Self { written: kept.clone(), synced: kept, dirty: BTreeSet::new() }
    }

    fn write(&mut self, bytes: &[u8], offset: usize) {
        let end = offset + bytes.len();
        self.written.resize(self.written.len().max(end), 0);
        self.written[offset..end].copy_from_slice(bytes);
        self.dirty.extend(offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES));
    }
}

impl State {
    /// One more change; false when it is the one at which the disk dies.
    fn change(&mut self) -> io::Result<bool> {
        if self.crashed {
            return Err(io::Error::other("the disk is gone"));
        }
        let goes_on = self.faults.crash_at != Some(self.changes);
        self.changes += 1;
        self.crashed = !goes_on;
        Ok(goes_on)
    }

    fn change_or_die(&mut self) -> io::Result<()> {
        if self.change()? { Ok(()) } else { Err(io::Error::other("the disk died")) }
    }

    fn alive(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
    }

    /// Whether this sync goes through.
    fn sync(&mut self) -> io::Result<bool> {
        self.change_or_die()?;
        let goes_on = self.faults.fail_sync != Some(self.syncs);
        self.syncs += 1;
        Ok(goes_on)
    }

    fn rename(&mut self, removed: Option<PathBuf>, added: Option<(PathBuf, usize)>) {
        let change = NameChange { removed, added };
        change.apply(&mut self.names);
        self.name_changes.push(change);
    }

    fn used_bytes(&self) -> u64 {
        self.files.iter().map(|content| content.written.len() as u64).sum()
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(next(&mut self.random) % (most as u64 + 1)).unwrap_or(most)
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let state = self.state.lock();
        state.alive()?;
        let file = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(FaultyFile { state: Arc::clone(&self.state), file }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock();
        state.change_or_die()?;
        let file = state.files.len();
        state.files.push(Content::default());
        state.rename(None, Some((path.to_owned(), file)));
        Ok(Arc::new(FaultyFile { state: Arc::clone(&self.state), file }))
    }

    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        self.state.lock().alive()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change_or_die()?;
        let file = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.rename(Some(from.to_owned()), Some((to.to_owned(), file)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change_or_die()?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.rename(Some(path.to_owned()), None);
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state.lock();
        state.alive()?;
        let here = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(here.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        if !state.sync()? {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()));
        }
        let State { synced_names, name_changes, .. } = &mut *state;
        name_changes.retain(|change| {
            let here = change.is_in(dir);
            if here {
                change.apply(synced_names);
            }
            !here
        });
        Ok(())
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state.lock();
        state.alive()?;
        let content = &state.files[self.file].written;
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
        let read = buf.len().min(content.len() - from);
        buf[..read].copy_from_slice(&content[from..from + read]);
        if state.faults.flip_reads && read > 0 {
            let bit = state.below(read * 8 - 1);
            buf[bit / 8] ^= 1 << (bit % 8);
        }
        Ok(read)
    }

    fn try_read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let cold = self.state.lock().faults.cold;
        if cold && offset.is_multiple_of(16) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = if cold { buf.len() / 2 } else { buf.len() };
        self.read_at(&mut buf[..most], offset)
    }

    fn write_vectored_at(&self, bufs: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        let bytes: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let mut state = self.state.lock();
        if !state.change()? {
            let torn = state.below(bytes.len());
            state.files[self.file].write(&bytes[..torn], offset);
            return Err(io::Error::other("the disk died"));
        }
        let grows = (offset + bytes.len()).saturating_sub(state.files[self.file].written.len());
        let room =
            state.faults.capacity_bytes.map_or(u64::MAX, |most| most.saturating_sub(state.used_bytes()));
        let over = usize::try_from((grows as u64).saturating_sub(room)).unwrap_or(bytes.len());
        let fits = bytes.len().saturating_sub(over);
        if fits == 0 && !bytes.is_empty() {
            return Err(io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error()));
        }
        state.files[self.file].write(&bytes[..fits], offset);
        Ok(fits)
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        let goes_on = state.sync()?;
        let content = &mut state.files[self.file];
        if goes_on {
            content.synced.clone_from(&content.written);
        }
        // After a failure too: the kernel marks the pages clean and never writes them.
        content.dirty.clear();
        if goes_on { Ok(()) } else { Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error())) }
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        state.change_or_die()?;
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        state.files[self.file].written.resize(bytes, 0);
        Ok(())
    }

    fn len_bytes(&self) -> io::Result<u64> {
        let state = self.state.lock();
        state.alive()?;
        Ok(state.files[self.file].written.len() as u64)
    }
}

fn flip(random: &mut u64) -> bool {
    next(random) & 1 == 1
}

/// SplitMix64: small, and the same for ever.
fn next(random: &mut u64) -> u64 {
    *random = random.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *random;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
