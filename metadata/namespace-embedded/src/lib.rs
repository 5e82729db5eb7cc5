//! The namespace of one machine: rows in an embedded ordered store (fjall), in one directory, by one process.
//! Start at [`EmbeddedStore`].
//!
//! Invariants:
//! - A commit is one atomic batch of the journal, synced before it is acknowledged and before it can be read.
//! - Every row begins with the version of its form, so that a later release can read this one's.
//! - Row versions and intent ids come from one counter each, kept in the same batches: never used twice.
//! - After a failed write or sync nothing is written any more until the store is opened again.
//!
//! Deliberately absent: any rule of S3; everything about needles but their addresses.

mod commit;
mod directory;
mod gaps;
mod journal;
mod keys;
mod list;
mod load;
mod open;
mod rows;
mod spaces;
mod staged;
mod store;
mod walk;

pub use open::{OpenError, Settings};
pub use store::EmbeddedStore;
