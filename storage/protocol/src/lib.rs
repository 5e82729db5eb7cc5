//! What the roles say to each other: messages, the traits [`Master`] and [`Volumes`], and their HTTP clients.
//!
//! A role implements its trait itself, so that an all-in-one server calls it in process and never talks to
//! itself over loopback; [`Servers`] picks the local role or an HTTP client by address.
//!
//! Deliberately absent: who implements the roles, bytes on disk, anything of buckets and keys.

mod master;
mod servers;
mod volumes;

pub use master::{
    AssignError, AssignRequest, Assignment, Heartbeat, HeartbeatReply, Location, LookupError, Master,
    MasterError, VolumeReport,
};
pub use servers::Servers;
pub use volumes::{
    AllocateError, AllocateVolume, DeleteError, Deleted, NewNeedle, ReadError, StoredNeedle, Volumes,
    WriteError, Written,
};
