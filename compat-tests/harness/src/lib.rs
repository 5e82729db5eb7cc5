//! What the tests from outside share: a real `holdfast` process, a signed HTTP client, the programs of others.
//!
//! Start at [`Server`]. The signer is the AWS SDK's own, so that ours is never checked against itself.
//!
//! Deliberately absent: anything of the server's inside.

mod client;
mod files;
mod model;
mod noise;
mod programs;
mod server;

pub use client::{Answer, Broken, Request, S3};
pub use files::{content_md5, sha256_of_file, url_decoded, write_random_file};
pub use model::{Model, State};
pub use programs::{Program, program};
pub use server::{Metadata, Options, Server, binary, start_bare};
