//! What opening a volume does: index rows where they agree with the data file, records where they do not.
//!
//! Every record has a row, and rows are in the order of the records, so each row must start where the one before
//! ended. Rows are believed as far as that chain holds and agrees with the data file ([`chain`]); from there on
//! the data file is read and its rows are written again. Rows are written after the data is synced, so what a
//! power loss leaves of them is such a chain, and then zeros or nothing.
//!
//! At the end of the data file there may be a batch that was never synced, of which any page may be missing:
//! - The file is cut after the last whole record before the first damage, where a lost batch can explain it; what
//!   is cut goes to `quarantine/`.
//! - Damage further back is damage: its record stays in the index, and reads say so.
//! - Where not even the next record can be found, the volume becomes read-only and absent keys are errors.

mod chain;

use std::{
    collections::HashSet,
    io::{self, IoSlice},
    sync::Arc,
};

use types::NeedleKey;

use crate::{
    IndexWidth, MAX_DATA_BYTES, Recovery,
    disk::{Disk, DiskFile, write_all_at},
    idx_file::{Row, RowWriter, row_bytes},
    index::{Index, Location},
    names::Names,
    needle::{self, Kind},
    quarantine,
    scan::{Record, Scanner},
    superblock::Version,
    writer::BATCH_BYTES,
};

use chain::Chain;

/// Bytes of rows that gather while the data file is read.
const PENDING_ROW_BYTES: usize = 1 << 16;

/// Damaged records in a row before the file is given up as unreadable.
const MOST_SUSPECTS: usize = 4096;

/// How far from its end an un-synced batch can begin: it takes needles until it is full, the last of any size.
const UNSYNCED_BYTES: u64 = BATCH_BYTES + MAX_DATA_BYTES as u64 + (1 << 20);

/// The volume as its files describe it, before its records are looked at.
pub(crate) struct Files {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) names: Names,
    pub(crate) dat: Arc<dyn DiskFile>,
    pub(crate) idx: Arc<dyn DiskFile>,
    pub(crate) version: Version,
    pub(crate) first_needle: u64,
    pub(crate) width: IndexWidth,
    /// Nothing is repaired on disk where this is false.
    pub(crate) is_writable: bool,
}

/// The volume, ready to be used.
pub(crate) struct Recovered {
    pub(crate) index: Index,
    pub(crate) rows: RowWriter,
    /// Where the next record goes.
    pub(crate) end: u64,
    pub(crate) last_append_ns: u64,
    /// From here on the data file makes no sense.
    pub(crate) unreadable_from: Option<u64>,
    /// Why it can take no writes.
    pub(crate) read_only: Option<String>,
    pub(crate) report: Recovery,
}

/// Reads the volume and repairs what a crash left.
pub(crate) fn recover(files: &Files) -> io::Result<Recovered> {
    let mut chain = chain::read(files)?;
    let detached = chain::detached_deletes(files, &chain)?;
    // The old rows then stay until the new ones are complete.
    let rewrites = chain.is_foreign || !detached.is_empty();
    let is_foreign = chain.is_foreign;
    if rewrites {
        chain = Chain::nothing(files);
    }
    let mut run = Run::new(files, chain, rewrites)?;
    run.scan()?;
    run.settle_tail()?;
    run.bury(&detached);
    if files.is_writable {
        run.recovered.rows.flush();
        // What was found may never have been synced, and is served from now on.
        files.dat.sync_data()?;
    }
    if rewrites && files.is_writable {
        run.replace_rows(is_foreign);
    }
    run.tell();
    Ok(run.recovered)
}

struct Run<'a> {
    files: &'a Files,
    dat_bytes: u64,
    recovered: Recovered,
    /// Damaged records after the last whole one.
    suspects: Vec<(NeedleKey, Location)>,
}

impl<'a> Run<'a> {
    fn new(files: &'a Files, chain: Chain, rewrites: bool) -> io::Result<Self> {
        let mut report = Recovery { index_rebuilt: chain.rows == 0, ..Recovery::default() };
        let rows = rows_after(files, &chain, rewrites, &mut report)?;
        let recovered = Recovered {
            index: chain.index,
            rows,
            end: chain.end,
            last_append_ns: chain.last_append_ns,
            unreadable_from: None,
            read_only: None,
            report,
        };
        Ok(Self { files, dat_bytes: files.dat.len_bytes()?, recovered, suspects: Vec::new() })
    }

    /// Reads the records that have no row, up to the first damage that ends the file or makes it unreadable.
    fn scan(&mut self) -> io::Result<()> {
        let mut scanner = self.scanner();
        let mut at = self.recovered.end;
        while at < self.dat_bytes {
            let location = match scanner.record(at)? {
                Record::Unreadable => break,
                Record::Whole { key, location, kind, append_ns } => {
                    self.take_suspects();
                    self.take(key, location, kind);
                    self.recovered.last_append_ns = self.recovered.last_append_ns.max(append_ns);
                    self.recovered.report.records_recovered += 1;
                    location
                }
                Record::Damaged { key, location } => {
                    let rest = self.dat_bytes - self.after(location);
                    if rest <= BATCH_BYTES || self.suspects.len() >= MOST_SUSPECTS {
                        break;
                    }
                    self.suspects.push((key, location));
                    at = self.after(location);
                    continue;
                }
            };
            at = self.after(location);
            self.recovered.end = at;
        }
        self.recovered.report.index_rebuilt &= self.recovered.report.records_recovered > 0;
        Ok(())
    }

    fn scanner(&self) -> Scanner<'a> {
        Scanner::new(&*self.files.dat, self.files.version, self.dat_bytes)
    }

    fn after(&self, location: Location) -> u64 {
        location.offset() + self.files.version.disk_bytes(location.size)
    }

    fn take(&mut self, key: NeedleKey, location: Location, kind: Kind) {
        let index = &mut self.recovered.index;
        let deletes = match kind {
            Kind::Needle | Kind::Empty => false,
            Kind::Tombstone => true,
            Kind::EmptyOrTombstone => index.get(key).is_some(),
        };
        let size = if deletes {
            index.remove(key);
            None
        } else {
            index.put(key, location);
            Some(location.size)
        };
        self.recovered.rows.push(&Row { key, offset: location.offset(), size });
        if self.recovered.rows.pending_bytes() >= PENDING_ROW_BYTES {
            self.recovered.rows.flush();
        }
    }

    /// Damaged records that are followed by whole ones, or by more than a lost batch: reads shall find the damage.
    fn take_suspects(&mut self) {
        for (key, location) in std::mem::take(&mut self.suspects) {
            tracing::error!(
                volume = self.files.names.stem(),
                key = key.0,
                offset = location.offset(),
                "needle is damaged"
            );
            self.take(key, location, Kind::Needle);
        }
    }

    /// Decides on what follows the last whole record.
    fn settle_tail(&mut self) -> io::Result<()> {
        let from = self.recovered.end;
        let bytes = self.dat_bytes - from;
        if bytes == 0 {
            return Ok(());
        }
        if bytes > UNSYNCED_BYTES {
            self.take_suspects();
            self.recovered.unreadable_from = Some(from);
            self.recovered.read_only = Some(format!("the data file is unreadable from byte {from} on"));
        } else if self.files.is_writable
            && let Err(error) = self.cut(from)
        {
            self.recovered.read_only = Some(format!("cannot cut the data file at byte {from}: {error}"));
        }
        Ok(())
    }

    fn cut(&mut self, from: u64) -> io::Result<()> {
        let Files { disk, names, dat, .. } = self.files;
        let mut scanner = self.scanner();
        if !scanner.is_blank(from, self.dat_bytes)? {
            let name = format!("{}.dat.from-{from}", names.stem());
            let saved = quarantine::save(&**disk, names.dir(), &name, &mut scanner, from, self.dat_bytes)?;
            self.recovered.report.set_aside.push(saved);
        }
        dat.set_len(from)?;
        self.recovered.report.cut_bytes = self.dat_bytes - from;
        Ok(())
    }

    /// Deletes that the index file alone knew get a tombstone each, so that the data file tells all.
    fn bury(&mut self, detached: &HashSet<NeedleKey>) {
        let live = |key: &&NeedleKey| self.recovered.index.get(**key).is_some();
        let buried: Vec<_> = detached.iter().filter(live).copied().collect();
        let is_writable = self.files.is_writable && self.recovered.read_only.is_none();
        for key in buried {
            if is_writable && let Err(error) = self.append_tombstone(key) {
                self.recovered.read_only.get_or_insert(format!("cannot write a tombstone: {error}"));
            }
            self.recovered.index.remove(key);
        }
    }

    fn append_tombstone(&mut self, key: NeedleKey) -> io::Result<()> {
        let Some(location) = self.recovered.index.get(key) else { return Ok(()) };
        let Some(header) = self.scanner().header(location.offset())? else { return Ok(()) };
        let mut record = Vec::new();
        self.recovered.last_append_ns += 1;
        needle::encode_tombstone(key, header.cookie, self.recovered.last_append_ns, &mut record);
        let offset = self.recovered.end;
        write_all_at(&*self.files.dat, &mut [IoSlice::new(&record)], offset)?;
        self.recovered.end += record.len() as u64;
        self.recovered.rows.push(&Row { key, offset, size: None });
        Ok(())
    }

    /// The new index file takes the place of the old one. Where that fails, the next open does all of this again.
    fn replace_rows(&mut self, is_foreign: bool) {
        self.recovered.rows.sync();
        if self.recovered.rows.has_failed() || self.recovered.read_only.is_some() {
            return;
        }
        if let Err(error) = self.rename_rows(is_foreign) {
            tracing::warn!(volume = self.files.names.stem(), %error, "cannot replace the index file");
        }
    }

    fn rename_rows(&mut self, is_foreign: bool) -> io::Result<()> {
        let Files { disk, names, .. } = self.files;
        if is_foreign {
            let name = format!("{}.idx", names.stem());
            self.recovered.report.set_aside.push(quarantine::set_aside(&**disk, names.dir(), &name)?);
        }
        disk.rename(&names.path(NEW_ROWS), &names.path("idx"))?;
        disk.sync_dir(names.dir())
    }

    fn tell(&self) {
        let volume = self.files.names.stem();
        let report = &self.recovered.report;
        if let Some(reason) = &self.recovered.read_only {
            tracing::error!(volume, reason, "volume is read-only");
        }
        if report.cut_bytes > 0 || !report.set_aside.is_empty() {
            let Recovery { cut_bytes, set_aside, .. } = report;
            tracing::warn!(volume, cut_bytes, ?set_aside, "volume was repaired");
        }
        if report.records_recovered > 0 {
            let Recovery { records_recovered, index_rebuilt, .. } = report;
            tracing::info!(volume, records_recovered, index_rebuilt, "index file caught up");
        }
    }
}

/// Extension of an index file in the making.
const NEW_ROWS: &str = "idx.new";

/// Where rows go from now on: after the believed ones, or to a new file.
fn rows_after(files: &Files, chain: &Chain, rewrites: bool, report: &mut Recovery) -> io::Result<RowWriter> {
    if !files.is_writable {
        return Ok(RowWriter::off(files.width));
    }
    if rewrites {
        let file = files.disk.create(&files.names.path(NEW_ROWS))?;
        return Ok(RowWriter::new(file, files.width, 0));
    }
    let at = chain.rows * row_bytes(files.width) as u64;
    if let Err(error) = drop_rows(files, at, report) {
        tracing::warn!(volume = files.names.stem(), %error, "cannot cut the index file; it is left as it is");
        return Ok(RowWriter::off(files.width));
    }
    Ok(RowWriter::new(Arc::clone(&files.idx), files.width, at))
}

/// Cuts the rows that are not believed. They may be all that is known of needles that the data file has lost.
fn drop_rows(files: &Files, at: u64, report: &mut Recovery) -> io::Result<()> {
    let Files { disk, names, idx, .. } = files;
    let idx_bytes = idx.len_bytes()?;
    let mut scanner = Scanner::new(&**idx, files.version, idx_bytes);
    if idx_bytes >= at + row_bytes(files.width) as u64 && !scanner.is_blank(at, idx_bytes)? {
        let name = format!("{}.idx.from-{at}", names.stem());
        report.set_aside.push(quarantine::save(&**disk, names.dir(), &name, &mut scanner, at, idx_bytes)?);
    }
    if idx_bytes > at { idx.set_len(at) } else { Ok(()) }
}
