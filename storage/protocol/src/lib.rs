//! What the roles say to each other: messages, the traits [`Master`] and [`Volumes`], and their HTTP clients.
//!
//! A role implements its trait itself, so that an all-in-one server calls it in process and never talks to
//! itself over loopback; [`Servers`] picks the local role or an HTTP client by address. Over HTTP an answer is
//! the same enum as in process: what is said on the wire, and how, is in [`wire`] alone.
//!
//! Invariants:
//! - An HTTP client never makes an answer up: what it cannot read is `Unavailable`, never "not found".
//! - A needle that crossed the network is checked against its own CRC.
//! - Every request has a deadline, and every answer a size limit.
//!
//! Deliberately absent: who implements the roles, bytes on disk, anything of buckets and keys.

mod body;
#[cfg(feature = "conformance")]
pub mod conformance;
mod http;
mod master;
mod servers;
mod volumes;
pub mod wire;

pub use body::{CollectError, collect_bounded};
pub use http::{HttpClient, HttpMaster, HttpSettings, HttpVolumes};
pub use master::{
    AssignError, AssignRequest, Assignment, Heartbeat, HeartbeatReply, Location, LookupError, Master,
    MasterError, VolumeReport,
};
pub use servers::Servers;
pub use volumes::{
    AllocateError, AllocateVolume, DeleteError, Deleted, NewNeedle, ReadError, StoredNeedle, Volumes,
    WriteError, Written,
};
