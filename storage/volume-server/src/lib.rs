//! The volume server: one or more directories of volumes, served to the other roles and to HTTP clients.
//!
//! Start at [`VolumeServer::open`]. The server is a [`protocol::Volumes`] in process; [`VolumeServer::router`] is the
//! same over HTTP, in SeaweedFS's data API: what is stored and answered there is in `http`, one file per verb.
//!
//! Invariants:
//! - A directory has one server at a time, held by a lock on a file in it.
//! - A volume that cannot be opened stays out of service and says so; it is never "not here".
//! - A write is acknowledged after the volume did; a refused upload leaves nothing behind.
//! - Uploads under way share one budget of memory; the rest wait.
//!
//! Deliberately absent: bytes on disk (crate `volume`), who else holds a volume (the master), several copies of one
//! (a write here is a write to this server alone), buckets and keys.

mod directory;
mod error;
mod heartbeat;
mod http;
mod server;
mod settings;
mod volumes;

pub use error::OpenError;
pub use server::VolumeServer;
pub use settings::Settings;
