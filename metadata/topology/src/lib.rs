//! Where volumes are, and which must be: pure decisions of the master role.
//!
//! - [`Ledger`]: what must never fork. Changed only by [`Ledger::apply`], so that every master that applies the
//!   same commands holds the same ledger.
//! - [`Cluster`]: what volume servers told lately. Lost at restart, rebuilt from heartbeats: servers in data centers and
//!   racks, who holds what, and from that the writable volumes of each [`Class`] and the place of new ones.
//!
//! Invariants:
//! - A volume id or a needle key is handed out once, whatever is refused, forgotten or adopted in between.
//! - A volume is writable while all its copies are on live servers, none read-only, none full.
//! - A [`Plan`] satisfies its placement exactly, or there is none.
//!
//! Deliberately absent: I/O, clocks (a beat is a call to [`Cluster::tick`]), randomness of its own, Raft, HTTP.

mod class;
mod cluster;
mod ledger;
mod placing;

pub use class::Class;
pub use cluster::{CannotGrow, Cluster, Held, LayoutView, Need, Plan, Server, ServerView};
pub use ledger::{ClusterId, Command, Conflict, KEY_LIMIT, Ledger, Outcome, Refusal};
