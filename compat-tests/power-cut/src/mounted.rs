use std::{
    ffi::OsStr,
    io,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, SystemTime},
};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno as FuseErrno, FileAttr, FileHandle, FileType, Filesystem,
    FopenFlags, Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request,
    TimeOrNow, WriteFlags,
};
use parking_lot::Mutex;
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use tempfile::TempDir;

use crate::{Image, image::Node, names::Ino};

/// The kernel may keep what it was told: nobody but it changes a mounted image.
const FOREVER: Duration = Duration::from_secs(86_400);
const BLOCK_BYTES: u32 = 4096;
/// The size of the disk, as told.
const BLOCKS: u64 = (64 << 30) / BLOCK_BYTES as u64;

/// An image under a directory of its own. When its power is cut, whoever was about to change it is killed, as
/// `kill -9` does, and nothing of it changes any more. Unmounted when dropped.
pub struct Mounted {
    session: Option<BackgroundSession>,
    disk: Arc<Mutex<Disk>>,
    dir: TempDir,
}

struct Disk {
    image: Image,
    /// Changes and syncs so far.
    operations: u64,
    cut_at: Option<u64>,
    is_cut: bool,
}

impl Mounted {
    /// Mounts it; the power is cut at the operation of this number (change or sync, counted from 0), before it is
    /// done. Needs `/dev/fuse`, and root or `fusermount3`.
    #[track_caller]
    pub fn new(image: Image, cut_at: Option<u64>) -> Self {
        let dir = TempDir::with_prefix("holdfast-power-cut-").expect("a temporary directory");
        let disk = Arc::new(Mutex::new(Disk { image, operations: 0, cut_at, is_cut: false }));
        let mut config = Config::default();
        config.mount_options =
            vec![MountOption::FSName("holdfast-power-cut".to_owned()), MountOption::NoAtime];
        let session = fuser::spawn_mount(Fuse(Arc::clone(&disk)), dir.path(), &config)
            .expect("a FUSE file system can be mounted: it takes /dev/fuse, and root or fusermount3");
        Self { session: Some(session), disk, dir }
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// How many changes and syncs it has seen.
    pub fn operations(&self) -> u64 {
        self.disk.lock().operations
    }

    /// Whether the power is cut.
    pub fn is_cut(&self) -> bool {
        self.disk.lock().is_cut
    }

    /// Unmounts it, when no process uses it any more. What it held, page cache and platter.
    #[track_caller]
    pub fn into_image(mut self) -> Image {
        self.unmount().expect("unmounted");
        std::mem::take(&mut self.disk.lock().image)
    }

    fn unmount(&mut self) -> io::Result<()> {
        match self.session.take().map_or(Ok(()), BackgroundSession::umount_and_join) {
            // How the kernel may tell the session of its end.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => Ok(()),
            outcome => outcome,
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        // Lazily: this must work also while a process that a failed test left has files open.
        let _ = Command::new("umount").arg("-l").arg(self.dir.path()).status();
        drop(session);
    }
}

impl Disk {
    /// To be called before each change or sync.
    fn power(&mut self, request: &Request) -> Result<&mut Image, Errno> {
        if self.cut_at == Some(self.operations) && !self.is_cut {
            self.is_cut = true;
        }
        if self.is_cut {
            kill(request.pid());
            return Err(Errno::IO);
        }
        self.operations += 1;
        Ok(&mut self.image)
    }
}

/// Kills a process before it learns that its power was cut. `thread`: any of its threads; 0 is the kernel.
fn kill(thread: u32) {
    let is_own = Path::new(&format!("/proc/self/task/{thread}")).exists();
    let pid = i32::try_from(thread).ok().and_then(Pid::from_raw);
    if let (Some(pid), false) = (pid, is_own) {
        // It may be dead already.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// The image as the kernel asks for it: one request after the other, so that their order is known. There is no
/// write-back in the kernel, so each write comes here when it is made.
struct Fuse(Arc<Mutex<Disk>>);

fn errno(error: Errno) -> FuseErrno {
    FuseErrno::from_i32(error.raw_os_error())
}

fn attributes(node: Node) -> FileAttr {
    let size = node.len.unwrap_or_default();
    FileAttr {
        ino: INodeNo(node.ino),
        size,
        blocks: size.div_ceil(512),
        atime: SystemTime::UNIX_EPOCH,
        mtime: SystemTime::UNIX_EPOCH,
        ctime: SystemTime::UNIX_EPOCH,
        crtime: SystemTime::UNIX_EPOCH,
        kind: kind(node),
        perm: node.mode,
        nlink: 1,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        rdev: 0,
        blksize: BLOCK_BYTES,
        flags: 0,
    }
}

fn kind(node: Node) -> FileType {
    if node.len.is_some() { FileType::RegularFile } else { FileType::Directory }
}

fn permissions(mode: u32, umask: u32) -> u16 {
    u16::try_from(mode & !umask & 0o7777).expect("twelve bits")
}

fn entry(reply: ReplyEntry, outcome: Result<Node, Errno>) {
    match outcome {
        Ok(node) => reply.entry(&FOREVER, &attributes(node), Generation(0)),
        Err(error) => reply.error(errno(error)),
    }
}

fn empty(reply: ReplyEmpty, outcome: Result<(), Errno>) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(errno(error)),
    }
}

impl Fuse {
    fn sync(&self, request: &Request, ino: Ino, reply: ReplyEmpty) {
        empty(reply, self.0.lock().power(request).map(|image| image.sync(ino)));
    }

    fn remove(&self, request: &Request, dir: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        empty(reply, self.0.lock().power(request).and_then(|image| image.remove(dir.0, name)));
    }

    fn set(&self, request: &Request, ino: Ino, mode: Option<u32>, len: Option<u64>) -> Result<Node, Errno> {
        let mut disk = self.0.lock();
        if let Some(len) = len {
            disk.power(request)?.set_len(ino, len)?;
        }
        if let Some(mode) = mode {
            disk.image.set_mode(ino, permissions(mode, 0));
        }
        disk.image.node(ino)
    }
}

impl Filesystem for Fuse {
    fn lookup(&self, _: &Request, dir: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(reply, self.0.lock().image.lookup(dir.0, name));
    }

    fn getattr(&self, _: &Request, ino: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.0.lock().image.node(ino.0) {
            Ok(node) => reply.attr(&FOREVER, &attributes(node)),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn setattr(
        &self,
        request: &Request,
        ino: INodeNo,
        mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        match self.set(request, ino.0, mode, size) {
            Ok(node) => reply.attr(&FOREVER, &attributes(node)),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn mkdir(&self, request: &Request, dir: INodeNo, name: &OsStr, mode: u32, umask: u32, reply: ReplyEntry) {
        let mode = permissions(mode, umask);
        entry(reply, self.0.lock().power(request).and_then(|image| image.make_dir(dir.0, name, mode)));
    }

    fn unlink(&self, request: &Request, dir: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.remove(request, dir, name, reply);
    }

    fn rmdir(&self, request: &Request, dir: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.remove(request, dir, name, reply);
    }

    fn rename(
        &self,
        request: &Request,
        dir: INodeNo,
        name: &OsStr,
        new_dir: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if !flags.is_empty() {
            return reply.error(FuseErrno::EINVAL);
        }
        let (from, to) = ((dir.0, name), (new_dir.0, new_name));
        empty(reply, self.0.lock().power(request).and_then(|image| image.rename(from, to)));
    }

    fn create(
        &self,
        request: &Request,
        dir: INodeNo,
        name: &OsStr,
        mode: u32,
        umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let mode = permissions(mode, umask);
        match self.0.lock().power(request).and_then(|image| image.create(dir.0, name, mode)) {
            Ok(node) => {
                reply.created(&FOREVER, &attributes(node), Generation(0), FileHandle(0), FopenFlags::empty());
            }
            Err(error) => reply.error(errno(error)),
        }
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
    }

    fn read(
        &self,
        _: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let size = usize::try_from(size).expect("fits in memory");
        match self.0.lock().image.read(ino.0, offset, size) {
            Ok(data) => reply.data(&data),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn write(
        &self,
        request: &Request,
        ino: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        match self.0.lock().power(request).and_then(|image| image.write(ino.0, offset, data)) {
            Ok(()) => reply.written(u32::try_from(data.len()).expect("one request")),
            Err(error) => reply.error(errno(error)),
        }
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn fsync(&self, request: &Request, ino: INodeNo, _: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        self.sync(request, ino.0, reply);
    }

    fn fsyncdir(&self, request: &Request, ino: INodeNo, _: FileHandle, _datasync: bool, reply: ReplyEmpty) {
        self.sync(request, ino.0, reply);
    }

    fn readdir(&self, _: &Request, ino: INodeNo, _: FileHandle, offset: u64, mut reply: ReplyDirectory) {
        let listed = match self.0.lock().image.list(ino.0) {
            Ok(listed) => listed,
            Err(error) => return reply.error(errno(error)),
        };
        let skipped = usize::try_from(offset).expect("as many as were listed");
        for (index, (name, node)) in listed.into_iter().enumerate().skip(skipped) {
            if reply.add(INodeNo(node.ino), index as u64 + 1, kind(node), name) {
                break;
            }
        }
        reply.ok();
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCK_BYTES, 255, BLOCK_BYTES);
    }
}
