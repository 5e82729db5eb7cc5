use std::time::Duration;

use types::Placement;

/// How bodies are cut and how much memory that may take. `Default` suits a small server.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bytes of a needle of a large object; 8 MiB. Taken into 1 byte ..= 256 MiB.
    pub chunk_bytes: usize,
    /// Chunks of one request being written while the next is filled; at least 1.
    pub chunks_in_flight: usize,
    /// Bytes of chunk buffers of all requests together; requests wait for room. Half of it is for bodies
    /// coming in and half for those going out, so that neither starves the other.
    pub buffer_budget_bytes: usize,
    /// Copies of new volumes.
    pub placement: Placement,
    /// How long freed needles stay readable for requests under way.
    pub reap_delay: Duration,
}

const MAX_CHUNK_BYTES: usize = 256 << 20;

impl Default for Settings {
    fn default() -> Self {
        Self {
            chunk_bytes: 8 << 20,
            chunks_in_flight: 2,
            buffer_budget_bytes: 128 << 20,
            placement: Placement::SINGLE,
            reap_delay: Duration::from_secs(300),
        }
    }
}

impl Settings {
    /// The same, every figure within its bounds.
    pub(crate) fn bounded(self) -> Self {
        Self {
            chunk_bytes: self.chunk_bytes.clamp(1, MAX_CHUNK_BYTES),
            chunks_in_flight: self.chunks_in_flight.max(1),
            ..self
        }
    }
}
