//! The S3 door: everything between a socket and [`objects`].

mod context;
mod error;

pub use context::{Caller, RequestId, Trailers};
pub use error::{BodyFault, body_error, s3_error};
