//! What the crate promises, over fakes that fail on demand and over the real roles in process.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    missing_docs,
    unreachable_pub,
    reason = "tests"
)]

mod aborts;
mod copies;
mod fakes;
mod leases;
mod multipart;
mod puts;
mod reads;
mod real;
mod reaping;
mod support;
