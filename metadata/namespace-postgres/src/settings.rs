use std::time::Duration;

use types::Durability;

/// How the store uses its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What a commit survives. `Disk`: anything, since it waits for the server's write-ahead log. `Memory`: the end of
    /// this process, but of the server's only after some 0.6 s, which is how long the server may keep its log to itself.
    pub durability: Durability,
    /// Connections at most, of this process.
    pub connections: u32,
    /// How long an operation waits for a connection, and a connection for the server's first answer.
    pub acquire_timeout: Duration,
    /// How long the server works on one statement before it gives up. A statement that takes longer is an error.
    pub statement_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            durability: Durability::Disk,
            connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
        }
    }
}
