//! A disk whose power can be cut: a file system in memory, mounted by FUSE, that knows what is only in the page
//! cache and what is on the platter. The server's real binary runs on it; its tests are in `tests/`.
//!
//! Start at [`Mounted`] and [`Image`].
//!
//! Invariants:
//! - What was synced when the power was cut is there afterwards, byte for byte.
//! - Of what was not, any part may be there that a journalling file system could leave: whole and torn pages, the
//!   old length or a newer one, a prefix of the changes to names.
//! - Every choice comes from the caller's random numbers, so that a cut can be repeated on the same image.
//!
//! Deliberately absent: anything of the server's inside; links, devices, permissions.

mod content;
mod file;
mod image;
mod mounted;
mod names;

pub use image::Image;
pub use mounted::Mounted;
