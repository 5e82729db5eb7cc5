//! The volume server from outside: over a real listener, and as the other roles call it.

mod conformance;
mod deletes;
mod downloads;
mod faults;
mod heartbeats;
mod lifecycle;
mod manifests;
mod ranges;
mod refusals;
mod support;
mod uploads;
mod weed;
