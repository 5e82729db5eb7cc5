//! boto3, the S3 client that most programs are written against. Each case is a Python file of its own.

use harness::{Metadata, Options, Server, program};

fn run(script: &str, metadata: Metadata) {
    let server = Server::start(Options { metadata, ..Options::default() });
    let path = format!("{}/tests/boto3/{script}.py", env!("CARGO_MANIFEST_DIR"));
    program("python", &server).args([&path]).run();
}

macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        mod embedded { $(#[test] fn $case() { super::run(stringify!($case), harness::Metadata::Embedded); })* }
        mod postgres { $(#[test] fn $case() { super::run(stringify!($case), harness::Metadata::Postgres); })* }
    };
}

cases![buckets, objects, conditions, checksums, multipart, listings, copies, presigned];
