//! The S3 door: everything between a socket and [`objects`]. Start at [`S3Door`] and [`serve`].
//!
//! A request passes, in this order: limits, the gate (`auth`), the routes that s3s would take for others, then it is
//! rewritten to what s3s understands, and its body is unframed and verified as it is read. s3s makes
//! it a typed operation (`ops`, one file each), and the answer is dressed.
//!
//! Invariants:
//! - One gate before routing, and denied is the default: nothing reaches an operation unverified. s3s's own
//!   authentication is off, and what it does not refuse is refused before it.
//! - A body that is not what was signed ends with an error before its last bytes: nothing of it becomes visible.
//! - Keys are opaque: their bytes reach `objects` as the client meant them, never normalised.
//! - Secrets are never printed.
//!
//! Deliberately absent: needles and rows (crates below); accounts, policies, CORS configurations and
//! browser forms, whose places are [`Credentials`], the gate, `cors` and `door`; TLS; health and metrics, which
//! have a port of their own.

mod answer;
mod auth;
mod body;
mod chunked;
mod codes;
mod context;
mod cors;
mod credentials;
mod door;
mod encoding;
mod error;
mod ops;
mod patience;
mod query;
mod rewrite;
mod routes;
mod serve;
mod target;

pub use context::{Caller, RequestId, Trailers};
pub use credentials::{Credentials, Identity, RootCredentials, Secret};
pub use door::{DoorSettings, S3Door};
pub use error::{BodyFault, body_error, s3_error};
pub use serve::serve;

/// The log directive that silences s3s: the door logs each failed request itself, once, at the right level.
pub const LOG_DIRECTIVE: &str = "s3s=off";
