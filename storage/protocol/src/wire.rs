//! The words on the wire between roles: paths, JSON shapes, header names, error codes. Both ends use these.
//!
//! Weed's API gives the shapes where it has one (`/dir/assign`, `/dir/lookup`, `/<fid>`); a field more is fine.

mod errors;
mod master;
mod needle;

pub use errors::{Code, ErrorAnswer, Remote};
pub use master::{AssignAnswer, LookupAnswer, assign_path, lookup_path};
pub use needle::{
    BadNeedle, UploadAnswer, check_needle, crc_of, crc_of_etag, etag, needle_from_header, needle_header,
};

/// Paths of the roles' HTTP APIs.
pub mod path {
    /// Master: `GET`, answers [`super::AssignAnswer`].
    pub const ASSIGN: &str = "/dir/assign";
    /// Master: `GET`, answers [`super::LookupAnswer`].
    pub const LOOKUP: &str = "/dir/lookup";
    /// Master: `POST` [`crate::Heartbeat`], answers [`crate::HeartbeatReply`].
    pub const HEARTBEAT: &str = "/cluster/heartbeat";
    /// Volume server: `POST` [`crate::AllocateVolume`], answers `{}`.
    pub const ALLOCATE: &str = "/admin/allocate";
}

/// Header names of our own.
pub mod header {
    use http::HeaderName;

    /// On a request to `/<fid>`: the needle exactly as it is stored, no multipart, gzip or manifest magic.
    /// `PUT` carries what [`super::needle_header`] makes; `GET` and `DELETE` carry [`EXACT`].
    /// On the answer to such a `GET`: what [`super::needle_header`] makes.
    pub const NEEDLE: HeaderName = HeaderName::from_static("x-holdfast-needle");
    /// The value of [`NEEDLE`] where no needle travels.
    pub const EXACT: &str = "exact";
    /// On the answer to a write: what the write survives, `disk` or `memory`.
    pub const DURABILITY: HeaderName = HeaderName::from_static("x-holdfast-durability");
}
