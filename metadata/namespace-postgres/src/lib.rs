//! The namespace in PostgreSQL: a [`Store`](namespace::Store) over tables that people query with SQL.
//!
//! Start at [`PostgresStore::connect`], which also brings the schema (`migrations/`) up to date. The statements are in
//! `load`, `list` and `commit`; a commit is one call of the function `holdfast.apply`. Why the tables look as they do:
//! `docs/decisions/0007-postgres-schema.md`.
//!
//! Invariants:
//! - A commit is one statement, hence one round trip and one transaction. It is acknowledged when the server says
//!   that it is ready for the next one, which is after the transaction's end.
//! - An error before the statement's end means that nothing was applied; any failure after it is in doubt.
//! - A timeout, a lost connection or an unreadable row is an error, never a short or empty answer.
//! - No statement scans a table: sessions forbid it, since plans are kept while tables grow.
//!
//! Deliberately absent: rules of S3 (crate `namespace`), TLS to the server, several servers.

mod commit;
mod connect;
mod failure;
mod list;
mod load;
mod lookups;
mod migrations;
mod pool;
mod rows;
mod settings;
mod store;
mod wire;

pub use connect::ConnectError;
pub use settings::Settings;
pub use store::PostgresStore;
