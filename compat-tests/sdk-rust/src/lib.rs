//! The AWS SDK for Rust against a real server. Apart from the other clients, since it takes minutes to build.
