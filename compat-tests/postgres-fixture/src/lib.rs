//! A temporary PostgreSQL cluster for tests. Start at [`Cluster::shared`] and [`Cluster::fresh_database`].
//!
//! Invariants:
//! - Nothing outlives the test process: a watchdog ends the server and removes its files when the pipe that
//!   the process holds is closed, be it by the end of the last test, a panic or `kill -9`.
//! - Only processes whose working directory is the cluster's own data directory are ever signalled.
//! - A missing server is a panic that says what to install: a test never skips silently.
//!
//! Deliberately absent: an SQL driver (statements run through the server's own `psql`), and any use outside tests.

mod binaries;
mod cluster;
mod guard;

pub use cluster::{Cluster, Options};
