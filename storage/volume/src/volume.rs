use std::{
    io,
    path::Path,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::{mpsc, oneshot};
use types::{Collection, Cookie, Durability, FileId, NeedleKey, VolumeId};

use crate::{
    AppendError, Clock, CreateError, DeleteError, Disk, DiskFile, Needle, OpenError, Options, ReadError,
    Recovery, VolumeSettings,
    create::create,
    index::{Index, Location},
    needle::{self, Damage, Decoded, Header},
    open::{Opened, open},
    stat::{Appended, Deleted, Stat},
    superblock::{HEADER_BYTES, Version},
    writer::{self, Log, QUEUE_LENGTH, Refusal, Request, Write},
};

/// Records up to this size (a mebibyte of data and what describes it) are read on the calling thread when they are
/// in memory: more would hold it up.
const INLINE_READ_BYTES: usize = (1 << 20) + (1 << 16) + 1024;

/// Data up to this size is copied into memory on the calling thread where that is all an append has to do.
const INLINE_WRITE_BYTES: usize = 1 << 18;

/// One volume. Clones share it; all calls may run at once, inside a tokio runtime.
#[derive(Clone)]
pub struct Volume {
    inner: Arc<Inner>,
}

/// What readers and the writer share.
pub(crate) struct Inner {
    settings: VolumeSettings,
    version: Version,
    pub(crate) durability: Durability,
    pub(crate) clock: Arc<dyn Clock>,
    dat: Arc<dyn DiskFile>,
    pub(crate) index: RwLock<Index>,
    /// Bytes of the data file that hold records.
    pub(crate) end: AtomicU64,
    first_needle: u64,
    /// Why it takes no writes; never taken back.
    pub(crate) read_only: OnceLock<String>,
    unreadable_from: Option<u64>,
    recovery: Recovery,
    pub(crate) log: Mutex<Log>,
    queue: mpsc::Sender<Request>,
    pub(crate) is_draining: AtomicBool,
}

impl Volume {
    /// Makes an empty volume, durable on return. Blocks.
    #[expect(clippy::needless_pass_by_value, reason = "as `open`, which keeps the disk")]
    pub fn create(
        disk: Arc<dyn Disk>,
        dir: &Path,
        settings: VolumeSettings,
        options: &Options,
    ) -> Result<Self, CreateError> {
        let opened = create(&*disk, dir, settings, options)?;
        Ok(Self::start(opened, options))
    }

    /// Opens a volume that is there and repairs what a crash left. Blocks; reads the index file and, of the data
    /// file, only what the index file lacks.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        collection: &Collection,
        id: VolumeId,
        options: &Options,
    ) -> Result<Self, OpenError> {
        let opened = open(disk, dir, collection, id, options)?;
        Ok(Self::start(opened, options))
    }

    fn start(opened: Opened, options: &Options) -> Self {
        let Opened { settings, version, first_needle, dat, recovered } = opened;
        let (queue, requests) = mpsc::channel(QUEUE_LENGTH);
        let end = recovered.end;
        let log = Log::new(Arc::clone(&dat), recovered.rows, requests, end, recovered.last_append_ns);
        let inner = Inner {
            settings,
            version,
            durability: options.durability,
            clock: Arc::clone(&options.clock),
            dat,
            index: RwLock::new(recovered.index),
            end: AtomicU64::new(end),
            first_needle,
            read_only: recovered.read_only.map_or_else(OnceLock::new, OnceLock::from),
            unreadable_from: recovered.unreadable_from,
            recovery: recovered.report,
            log: Mutex::new(log),
            queue,
            is_draining: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Stores a needle; on return it is readable and as durable as the options say.
    ///
    /// The same needle again is acknowledged as `unchanged` and not written, except in a volume with a TTL, where
    /// writing it again begins its life anew. Dropping the future does not undo the append.
    pub async fn append(&self, needle: Needle) -> Result<Appended, AppendError> {
        let fid = self.fid(needle.key, needle.cookie);
        let needle = needle.fit(self.inner.settings.ttl);
        let size = needle::size(&needle).map_err(|reason| AppendError::TooLarge { fid, reason })?;
        let crc = needle::checksum(&needle.data);
        let acknowledgement = |unchanged| Appended { size_bytes: data_bytes(&needle), crc, unchanged };
        let write = Arc::new(Write::Needle { needle: needle.clone(), size, crc });
        loop {
            let current = self.inner.locate(needle.key);
            if let Some(location) = current
                && self.already_has(&needle, location).await?
            {
                return Ok(acknowledgement(true));
            }
            match self.submit(&write, current).await {
                Ok(()) => return Ok(acknowledgement(false)),
                Err(Refusal::Changed) => {}
                Err(refusal) => return Err(self.append_error(refusal)),
            }
        }
    }

    /// Whether the needle at `location` is this one, cookie and all. One with another cookie is an error.
    async fn already_has(&self, needle: &Needle, location: Location) -> Result<bool, AppendError> {
        let fid = self.fid(needle.key, needle.cookie);
        let volume = fid.volume;
        let corrupt = |reason| AppendError::Corrupt { fid, reason };
        let record = self
            .record(location)
            .await
            .map_err(|error| AppendError::Disk { volume, reason: format!("cannot read: {error}") })?;
        let header = check_header(&record, needle.key, location).map_err(corrupt)?;
        if header.cookie != needle.cookie {
            return Err(AppendError::WrongCookie(fid));
        }
        // A damaged needle may be overwritten by who knows its cookie.
        let Ok(old) = needle::decode(&record, self.inner.version) else { return Ok(false) };
        Ok(self.inner.settings.ttl.is_never() && old.needle.is_same(needle))
    }

    /// The needle and the CRC-32C of its stored data, verified. Its parts share one buffer.
    pub async fn read(&self, key: NeedleKey, cookie: Cookie) -> Result<(Needle, u32), ReadError> {
        let fid = self.fid(key, cookie);
        let Some(location) = self.inner.locate(key) else { return Err(self.inner.absent(fid)) };
        let record = self.record(location).await.map_err(|error| ReadError::Disk {
            volume: fid.volume,
            reason: format!("cannot read: {error}"),
        })?;
        let corrupt = |reason| ReadError::Corrupt { fid, reason };
        let header = check_header(&record, key, location).map_err(corrupt)?;
        if header.cookie != cookie {
            return Err(ReadError::WrongCookie(fid));
        }
        let decoded =
            needle::decode(&record, self.inner.version).map_err(|damage| corrupt(damage.to_string()))?;
        if decoded.has_ended(self.inner.clock.now_ns()) {
            return Err(ReadError::NotFound(fid));
        }
        Ok((decoded.needle, decoded.crc))
    }

    /// Deletes a needle; on return it is gone, as durably as the options say.
    pub async fn delete(&self, key: NeedleKey, cookie: Cookie) -> Result<Deleted, DeleteError> {
        let fid = self.fid(key, cookie);
        let write = Arc::new(Write::Tombstone { key, cookie });
        loop {
            let Some(location) = self.inner.locate(key) else { return Err(self.inner.absent(fid).into()) };
            let size_bytes = self.data_bytes_at(fid, location).await?;
            match self.submit(&write, Some(location)).await {
                Ok(()) => return Ok(Deleted { size_bytes }),
                Err(Refusal::Changed) => {}
                Err(refusal) => return Err(self.delete_error(refusal)),
            }
        }
    }

    /// Bytes of data of the needle at `location`, its key and cookie compared.
    async fn data_bytes_at(&self, fid: FileId, location: Location) -> Result<u32, DeleteError> {
        let start = self.bytes(location.offset(), HEADER_BYTES + 4).await.map_err(|error| {
            DeleteError::Disk { volume: fid.volume, reason: format!("cannot read: {error}") }
        })?;
        let header =
            check_header(&start, fid.key, location).map_err(|reason| DeleteError::Corrupt { fid, reason })?;
        if header.cookie != fid.cookie {
            return Err(DeleteError::WrongCookie(fid));
        }
        Ok(match self.inner.version {
            _ if header.size == 0 => 0,
            Version::V1 => header.size,
            Version::V2 | Version::V3 => needle::be32(&start, HEADER_BYTES).min(header.size),
        })
    }

    /// The bytes of the needle at `location`, padding left out; fewer where the file ends.
    async fn record(&self, location: Location) -> io::Result<Bytes> {
        let bytes = HEADER_BYTES + location.size as usize + self.inner.version.trailer_bytes();
        self.bytes(location.offset(), bytes).await
    }

    /// Reads on this thread what is in memory, the rest on the blocking pool.
    async fn bytes(&self, offset: u64, bytes: usize) -> io::Result<Bytes> {
        let mut buf = vec![0; bytes];
        let done = if bytes <= INLINE_READ_BYTES {
            match self.inner.dat.try_read_at(&mut buf, offset) {
                Ok(read) if read == bytes => return Ok(buf.into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                Err(error) => return Err(error),
            }
        } else {
            0
        };
        let dat = Arc::clone(&self.inner.dat);
        let job = tokio::task::spawn_blocking(move || {
            let read = done + dat.read_at(&mut buf[done..], offset + done as u64)?;
            buf.truncate(read);
            Ok(Bytes::from(buf))
        });
        job.await.map_err(io::Error::other)?
    }

    async fn submit(&self, write: &Arc<Write>, expect: Option<Location>) -> Result<(), Refusal> {
        match self.inner.durability {
            Durability::Disk => self.enqueue(write, expect).await,
            Durability::Memory if write.data_bytes() <= INLINE_WRITE_BYTES => {
                self.inner.log.lock().append(&self.inner, write, expect)
            }
            // A large copy would hold up this thread.
            Durability::Memory => {
                let (inner, write) = (Arc::clone(&self.inner), Arc::clone(write));
                let job =
                    tokio::task::spawn_blocking(move || inner.log.lock().append(&inner, &write, expect));
                job.await.unwrap_or(Err(Refusal::Closed))
            }
        }
    }

    /// Cancel-safe in that what is queued is appended, whether or not anyone waits for it.
    async fn enqueue(&self, write: &Arc<Write>, expect: Option<Location>) -> Result<(), Refusal> {
        let (reply, answer) = oneshot::channel();
        let request = Request { write: Arc::clone(write), expect, reply };
        self.inner.queue.send(request).await.map_err(|_| Refusal::Closed)?;
        writer::start(&self.inner);
        answer.await.unwrap_or(Err(Refusal::Closed))
    }

    /// The volume in numbers.
    pub fn stat(&self) -> Stat {
        let inner = &*self.inner;
        let (counts, index_bytes) = {
            let index = inner.index.read();
            (index.counts(), index.bytes())
        };
        let size_bytes = inner.end.load(Ordering::Acquire);
        Stat {
            settings: inner.settings.clone(),
            size_bytes,
            needle_count: counts.live,
            deleted_count: counts.dead,
            deleted_bytes: (size_bytes - inner.first_needle).saturating_sub(counts.live_bytes),
            max_key: NeedleKey(counts.max_key),
            read_only: inner.read_only.get().cloned(),
            index_bytes,
        }
    }

    /// What opening it had to repair.
    pub fn recovery(&self) -> &Recovery {
        &self.inner.recovery
    }

    /// Ends writing: finishes what is queued and syncs, so that the next open has nothing to recover. Later appends
    /// and deletes fail with `Closed`; reads go on.
    pub async fn close(&self) {
        let inner = Arc::clone(&self.inner);
        let job = tokio::task::spawn_blocking(move || inner.log.lock().close(&inner));
        if let Err(error) = job.await {
            self.inner.fail("the volume was not closed", &io::Error::other(error));
        }
    }

    fn fid(&self, key: NeedleKey, cookie: Cookie) -> FileId {
        FileId { volume: self.inner.settings.id, key, cookie }
    }

    fn append_error(&self, refusal: Refusal) -> AppendError {
        let volume = self.inner.settings.id;
        match refusal {
            Refusal::ReadOnly(reason) => AppendError::ReadOnly { volume, reason },
            Refusal::Full => AppendError::Full(volume),
            Refusal::NoSpace => AppendError::NoSpace(volume),
            Refusal::Disk(reason) => AppendError::Disk { volume, reason },
            Refusal::Closed | Refusal::Changed => AppendError::Closed(volume),
        }
    }

    fn delete_error(&self, refusal: Refusal) -> DeleteError {
        let volume = self.inner.settings.id;
        match refusal {
            Refusal::ReadOnly(reason) => DeleteError::ReadOnly { volume, reason },
            Refusal::Full | Refusal::NoSpace => DeleteError::NoSpace(volume),
            Refusal::Disk(reason) => DeleteError::Disk { volume, reason },
            Refusal::Closed | Refusal::Changed => DeleteError::Closed(volume),
        }
    }
}

impl Inner {
    fn locate(&self, key: NeedleKey) -> Option<Location> {
        self.index.read().get(key)
    }

    /// The answer for a key that is not in the index: a key may be in what cannot be read.
    fn absent(&self, fid: FileId) -> ReadError {
        match self.unreadable_from {
            None => ReadError::NotFound(fid),
            Some(from) => ReadError::Corrupt {
                fid,
                reason: format!("not found, but the data file is unreadable from byte {from} on"),
            },
        }
    }

    /// Ends writing for good.
    pub(crate) fn fail(&self, what: &str, error: &io::Error) -> Refusal {
        let reason = format!("{what}: {error}");
        if self.read_only.set(reason.clone()).is_ok() {
            tracing::error!(volume = self.settings.id.0, reason, "volume is read-only");
        }
        Refusal::Disk(reason)
    }
}

impl From<ReadError> for DeleteError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound(fid) => Self::NotFound(fid),
            ReadError::WrongCookie(fid) => Self::WrongCookie(fid),
            ReadError::Corrupt { fid, reason } => Self::Corrupt { fid, reason },
            ReadError::Disk { volume, reason } => Self::Disk { volume, reason },
        }
    }
}

/// The header of a record, if it is the one that the index says is there.
fn check_header(record: &[u8], key: NeedleKey, location: Location) -> Result<Header, String> {
    let header = Header::of(record).map_err(|damage: Damage| damage.to_string())?;
    if header.key != key || header.size != location.size {
        return Err(format!(
            "at byte {} is key {} of size {}, expected size {}",
            location.offset(),
            header.key.0,
            header.size,
            location.size
        ));
    }
    Ok(header)
}

fn data_bytes(needle: &Needle) -> u32 {
    u32::try_from(needle.data.len()).unwrap_or(u32::MAX)
}

impl Decoded {
    /// Whether its own life is over. Without a time of modification a TTL does not count, as in SeaweedFS.
    fn has_ended(&self, now_ns: u64) -> bool {
        let Some(span) = self.needle.ttl.span().filter(|_| self.has_modified) else { return false };
        let span_ns = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        now_ns >= self.append_ns.saturating_add(span_ns)
    }
}
