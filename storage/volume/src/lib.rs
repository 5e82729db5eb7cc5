//! Append-only volumes: many small needles in one large file. Start at [`Volume`].
//!
//! Invariants:
//! - The data file (`.dat`) is the log and the only truth. The index file (`.idx`) is a cache: caught up from
//!   the data file, or rebuilt from it, whenever a volume is opened.
//! - An acknowledged append or delete is as durable as [`Options::durability`] says, and nothing that is not
//!   acknowledged is readable.
//! - A byte is served only when its needle's checksum, key and cookie match. Damage is an error, never
//!   "not found".
//! - Nothing is deleted when a volume is opened: what cannot be understood moves to `quarantine/`.
//! - After a failed write or sync the volume is read-only and its descriptor is never written again.
//! - Bytes on disk are SeaweedFS's, version 3 ([`Needle`], `superblock`, `idx_file`, `vif` and nowhere else).
//!
//! All disk access goes through the seam [`Disk`]; its twin with faults is the module `faulty` (feature `faulty`).
//!
//! Deliberately absent: HTTP, other volumes, erasure coding, vacuum, remote tiers.

mod clock;
mod create;
mod discover;
mod disk;
mod error;
mod idx_file;
mod index;
mod names;
mod needle;
mod open;
mod quarantine;
mod recover;
mod scan;
mod settings;
mod stat;
mod superblock;
mod vif;
mod volume;
mod writer;

#[cfg(any(test, feature = "faulty"))]
pub use disk::faulty;

pub use clock::{Clock, SystemClock};
pub use discover::{Discovered, discover};
pub use disk::{Disk, DiskFile, RealDisk};
pub use error::{AppendError, CreateError, DeleteError, OpenError, ReadError};
pub use needle::{MAX_DATA_BYTES, Needle};
pub use settings::{IndexWidth, Options, VolumeSettings};
pub use stat::{Appended, Deleted, Recovery, Stat};
pub use volume::Volume;
