//! The master role: who holds which volume, and numbers that are never given twice. Start at [`Master::open`].
//!
//! What must never fork is a [`topology::Ledger`] behind Raft: volume ids, needle keys, the class of every volume. It is
//! one voter in this version; several are told apart by their store already, and only lack a way to each other. Where
//! volumes are is soft: heartbeats tell it, a restart forgets it.
//!
//! Invariants:
//! - Needle keys are leased durably in blocks before the first of a block is handed out; so an assign costs no disk write,
//!   and no key is handed out twice, however the process ends.
//! - A volume id is durable before a server is asked to make the volume.
//! - Many assigns for a class without a writable volume make one volume.
//!
//! Deliberately absent: buckets and keys of objects; needles (they pass through `/submit` only); what is decided on
//! (crate `topology`).

mod grower;
mod http;
mod keys;
mod master;
mod raft;
mod role;
mod settings;
#[cfg(test)]
mod tests;

pub use http::router;
pub use master::Master;
pub use settings::{OpenError, Settings};
