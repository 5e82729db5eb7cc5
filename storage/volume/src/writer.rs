//! The end of a volume that grows: one thread at a time appends, syncs and publishes.
//!
//! With `durability = disk` appends queue, and a job on the blocking pool takes all that is there as one batch: one
//! write, one sync, then every acknowledgement. What arrives meanwhile is the next batch. The job runs only while
//! there is something to do. With `durability = memory` the caller does it all itself, under the lock
//! (`docs/decisions/0001-volume-writer.md`).

use std::{
    io::{self, IoSlice},
    sync::{Arc, atomic::Ordering},
};

use tokio::sync::{mpsc, oneshot};
use types::{Cookie, Durability, NeedleKey};

use crate::{
    Needle,
    disk::{DiskFile, write_all_at},
    idx_file::{Row, RowWriter},
    index::{Index, Location},
    needle,
    superblock::Version,
    volume::Inner,
};

/// Appends that may wait. The next one waits for room.
pub(crate) const QUEUE_LENGTH: usize = 1024;

/// A batch takes no more appends than this: two buffers each stay well under the 1,024 that one write takes.
const BATCH_LENGTH: usize = 256;

/// A batch takes no more appends once it has this many bytes. Recovery counts on it: see `recover`.
pub(crate) const BATCH_BYTES: u64 = 4 << 20;

/// Rows of the index file that gather before they are written, where no batch ends.
const PENDING_ROW_BYTES: usize = 4096;

/// The encoding buffer is given back after a batch that needed more.
const SCRATCH_BYTES: usize = 1 << 16;

/// A record to be appended.
pub(crate) enum Write {
    /// The sizes have been checked.
    Needle { needle: Needle, size: u32, crc: u32 },
    /// Deletes.
    Tombstone { key: NeedleKey, cookie: Cookie },
}

/// Why a record was not appended.
#[derive(Debug, Clone)]
pub(crate) enum Refusal {
    /// The key is not where the caller saw it. Look again.
    Changed,
    ReadOnly(String),
    Full,
    NoSpace,
    Disk(String),
    Closed,
}

pub(crate) struct Request {
    pub(crate) write: Arc<Write>,
    /// Where the caller saw the key: the cookie it compared is that one's.
    pub(crate) expect: Option<Location>,
    pub(crate) reply: oneshot::Sender<Result<(), Refusal>>,
}

/// What only the one writer touches.
pub(crate) struct Log {
    dat: Arc<dyn DiskFile>,
    rows: RowWriter,
    queue: mpsc::Receiver<Request>,
    /// Where the next record goes.
    end: u64,
    last_append_ns: u64,
    is_closed: bool,
    scratch: Vec<u8>,
}

impl Write {
    pub(crate) fn key(&self) -> NeedleKey {
        match self {
            Self::Needle { needle, .. } => needle.key,
            Self::Tombstone { key, .. } => *key,
        }
    }

    pub(crate) fn data_bytes(&self) -> usize {
        match self {
            Self::Needle { needle, .. } => needle.data.len(),
            Self::Tombstone { .. } => 0,
        }
    }

    /// The needle's size field.
    fn size(&self) -> u32 {
        match self {
            Self::Needle { size, .. } => *size,
            Self::Tombstone { .. } => 0,
        }
    }

    fn disk_bytes(&self) -> u64 {
        Version::V3.disk_bytes(self.size())
    }

    fn publish(&self, offset: u64, index: &mut Index) -> Row {
        let size = match self {
            Self::Needle { size, .. } => {
                index.put(self.key(), Location::new(offset, *size));
                Some(*size)
            }
            Self::Tombstone { .. } => {
                index.remove(self.key());
                None
            }
        };
        Row { key: self.key(), offset, size }
    }
}

impl Log {
    pub(crate) fn new(
        dat: Arc<dyn DiskFile>,
        rows: RowWriter,
        queue: mpsc::Receiver<Request>,
        end: u64,
        last_append_ns: u64,
    ) -> Self {
        Self { dat, rows, queue, end, last_append_ns, is_closed: false, scratch: Vec::new() }
    }

    /// Appends one record, here and now.
    pub(crate) fn append(
        &mut self,
        inner: &Inner,
        write: &Write,
        expect: Option<Location>,
    ) -> Result<(), Refusal> {
        self.admit(inner, &inner.index.read(), write, expect, &[], self.end)?;
        self.commit(inner, std::iter::once(write))?;
        if self.rows.pending_bytes() >= PENDING_ROW_BYTES {
            self.rows.flush();
        }
        Ok(())
    }

    /// Appends what is queued, batch by batch, until nothing is.
    fn run(&mut self, inner: &Inner) {
        loop {
            let batch = self.gather();
            if batch.is_empty() {
                return;
            }
            let batch = self.admit_all(inner, batch);
            let outcome = self.commit(inner, batch.iter().map(|request| &*request.write));
            for request in batch {
                let _ = request.reply.send(outcome.clone()); // a caller that went away needs no answer
            }
            self.rows.flush();
        }
    }

    fn gather(&mut self) -> Vec<Request> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH_LENGTH && bytes < BATCH_BYTES {
            let Ok(request) = self.queue.try_recv() else { break };
            bytes += request.write.disk_bytes();
            batch.push(request);
        }
        batch
    }

    /// Answers the requests that cannot be appended; the others, in order.
    fn admit_all(&self, inner: &Inner, batch: Vec<Request>) -> Vec<Request> {
        let index = inner.index.read();
        let mut admitted: Vec<Request> = Vec::with_capacity(batch.len());
        let mut keys = Vec::with_capacity(batch.len());
        let mut end = self.end;
        for request in batch {
            match self.admit(inner, &index, &request.write, request.expect, &keys, end) {
                Ok(()) => {
                    end += request.write.disk_bytes();
                    keys.push(request.write.key());
                    admitted.push(request);
                }
                Err(refusal) => {
                    let _ = request.reply.send(Err(refusal));
                }
            }
        }
        admitted
    }

    /// Whether a record may be appended at `end`. `batch` is the keys that come before it.
    fn admit(
        &self,
        inner: &Inner,
        index: &Index,
        write: &Write,
        expect: Option<Location>,
        batch: &[NeedleKey],
        end: u64,
    ) -> Result<(), Refusal> {
        if self.is_closed {
            return Err(Refusal::Closed);
        }
        if let Some(reason) = inner.read_only.get() {
            return Err(Refusal::ReadOnly(reason.clone()));
        }
        if batch.contains(&write.key()) || index.get(write.key()) != expect {
            return Err(Refusal::Changed);
        }
        if end + write.disk_bytes() > self.rows.width().max_volume_bytes() {
            return Err(Refusal::Full);
        }
        Ok(())
    }

    /// Writes, syncs where that is promised, and only then makes the records readable.
    fn commit<'a>(
        &mut self,
        inner: &Inner,
        writes: impl Iterator<Item = &'a Write> + Clone,
    ) -> Result<(), Refusal> {
        if writes.clone().next().is_none() {
            return Ok(());
        }
        self.write(inner, writes.clone())?;
        if inner.durability == Durability::Disk
            && let Err(error) = self.dat.sync_data()
        {
            return Err(inner.fail("cannot sync the data file", &error));
        }
        let mut index = inner.index.write();
        for write in writes {
            let row = write.publish(self.end, &mut index);
            self.rows.push(&row);
            self.end += write.disk_bytes();
        }
        drop(index);
        inner.end.store(self.end, Ordering::Release);
        Ok(())
    }

    fn write<'a>(&mut self, inner: &Inner, writes: impl Iterator<Item = &'a Write>) -> Result<(), Refusal> {
        let mut scratch = std::mem::take(&mut self.scratch);
        let pieces = self.encode(inner, writes, &mut scratch);
        let mut bufs = slices(&scratch, &pieces);
        let written = write_all_at(&*self.dat, &mut bufs, self.end);
        scratch.clear();
        scratch.shrink_to(SCRATCH_BYTES);
        self.scratch = scratch;
        written.map_err(|error| self.undo(inner, &error))
    }

    /// Encodes all but the data into `scratch`; where each data belongs in it.
    fn encode<'a>(
        &mut self,
        inner: &Inner,
        writes: impl Iterator<Item = &'a Write>,
        scratch: &mut Vec<u8>,
    ) -> Vec<(usize, &'a [u8])> {
        let now = inner.clock.now_ns();
        let mut pieces = Vec::new();
        for write in writes {
            self.last_append_ns = now.max(self.last_append_ns + 1);
            match write {
                Write::Needle { needle, size, crc } => {
                    needle::encode_head(needle, *size, scratch);
                    pieces.push((scratch.len(), &needle.data[..]));
                    needle::encode_tail(needle, *size, *crc, self.last_append_ns, scratch);
                }
                Write::Tombstone { key, cookie } => {
                    needle::encode_tombstone(*key, *cookie, self.last_append_ns, scratch);
                }
            }
        }
        pieces
    }

    /// After a failed write: a full disk leaves the volume as it was, any other failure ends writing.
    fn undo(&self, inner: &Inner, error: &io::Error) -> Refusal {
        if !is_full(error) {
            return inner.fail("cannot write the data file", error);
        }
        match self.dat.set_len(self.end) {
            Ok(()) => Refusal::NoSpace,
            Err(error) => inner.fail("cannot cut an unfinished write", &error),
        }
    }

    /// Finishes what is queued, makes everything durable and takes no more.
    pub(crate) fn close(&mut self, inner: &Inner) {
        self.run(inner);
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        self.queue.close();
        if inner.read_only.get().is_none()
            && let Err(error) = self.dat.sync_data()
        {
            inner.fail("cannot sync the data file", &error);
        }
        self.rows.sync();
    }
}

/// The encoded bytes with the data put in between, none of it copied.
fn slices<'a>(scratch: &'a [u8], pieces: &[(usize, &'a [u8])]) -> Vec<IoSlice<'a>> {
    let mut bufs = Vec::with_capacity(2 * pieces.len() + 1);
    let mut from = 0;
    for (at, data) in pieces {
        bufs.push(IoSlice::new(&scratch[from..*at]));
        bufs.push(IoSlice::new(data));
        from = *at;
    }
    bufs.push(IoSlice::new(&scratch[from..]));
    bufs
}

pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Sees to it that what has just been queued is appended.
pub(crate) fn start(inner: &Arc<Inner>) {
    if !inner.is_draining.swap(true, Ordering::SeqCst) {
        let job = Job(Arc::clone(inner));
        drop(tokio::task::spawn_blocking(move || job.run()));
    }
}

struct Job(Arc<Inner>);

impl Job {
    fn run(self) {
        let inner = &*self.0;
        let mut log = inner.log.lock();
        loop {
            log.run(inner);
            inner.is_draining.store(false, Ordering::SeqCst);
            // A request that came just before saw a running job and started none.
            if log.queue.is_empty() || inner.is_draining.swap(true, Ordering::SeqCst) {
                return;
            }
        }
    }
}

impl Drop for Job {
    /// Also when the runtime stopped before the job began, or the job panicked: nobody shall wait for it.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the writer stopped", &io::Error::other("panicked"));
        }
        self.0.is_draining.store(false, Ordering::SeqCst);
    }
}
