//! The words every room shares: which volume, which needle, how long, how many copies.
//!
//! Start at [`FileId`], the address of one needle. Every type here parses and prints in SeaweedFS's text
//! forms, and no wrong value of it can be built.
//!
//! Deliberately absent: I/O, clocks, anything of S3. Bytes on disk are in the crate `volume`.

mod collection;
mod durability;
mod file_id;
mod placement;
mod timestamp;
mod ttl;

pub use collection::{Collection, InvalidCollection};
pub use durability::{Durability, InvalidDurability};
pub use file_id::{Cookie, FileId, InvalidFileId, NeedleKey, VolumeId};
pub use placement::{InvalidPlacement, Placement};
pub use timestamp::Timestamp;
pub use ttl::{InvalidTtl, Ttl, TtlUnit};
