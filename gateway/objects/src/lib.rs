//! Objects as clients know them, made of namespace rows and needles: put, get, copy, list, multipart.
//!
//! Start at [`Objects`]. A body is streamed: hashed in one pass, cut into chunks, each chunk written as a needle
//! to a leased address, a bounded number in flight; then one namespace intent makes it visible. What a
//! failed request wrote is freed. The reaper carries delete intents to the volumes and strikes them.
//!
//! A GET is two calls: [`Objects::lookup`], then [`Objects::read`]. Between them the object may be replaced and
//! its needles reaped: [`ReadFailure::Changed`] says so, and the caller starts over from the lookup.
//!
//! Invariants:
//! - Nothing is acknowledged before its needles and its row are durable.
//! - A needle is freed only when it is certain that no row refers to it: after a commit in doubt it stays.
//! - A needle missing under a listed object is an error and an alarm, never "no such key".
//! - Needles describe themselves: `pairs` carry bucket, key, part and offset.
//! - Chunk buffers of all requests together stay within one budget; requests wait, none fails for it.
//!
//! Deliberately absent: HTTP, XML, authentication; the rules of what may change (crate `namespace`).

mod background;
mod buckets;
mod budget;
mod chunker;
mod chunks;
mod copy;
mod delete;
mod get;
mod hash;
mod integrity;
mod lease;
mod locations;
mod multipart;
mod objects;
mod origin;
mod put;
mod reader;
mod reaper;
mod settings;
mod writer;

pub use buckets::BucketError;
pub use copy::{Copy, CopyError, Source};
pub use delete::DeleteError;
pub use get::{LookupError, ReadFailure};
pub use integrity::{ExpectedChecksum, ExpectedValue, Integrity, MAX_BODY_BYTES};
pub use multipart::{CompleteError, PartError, UploadError};
pub use objects::{Body, BodyError, Content, Objects};
pub use put::{Put, PutError, Stored};
pub use reaper::ReaperStats;
pub use settings::Settings;
