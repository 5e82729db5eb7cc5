use bytes::Bytes;
use types::{Cookie, NeedleKey, Ttl};

/// Bytes of data that one needle may hold when it is appended: SeaweedFS's own default limit.
pub const MAX_DATA_BYTES: usize = 256 << 20;

/// One stored thing: data and what a volume server needs to serve it. Absent texts are empty.
///
/// An empty needle (no data) keeps its key and cookie only: the format stores nothing else of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needle {
    /// Its number.
    pub key: NeedleKey,
    /// Must be shown to read, overwrite or delete it.
    pub cookie: Cookie,
    /// The body as it is stored: compressed where `gzipped`. At most [`MAX_DATA_BYTES`].
    pub data: Bytes,
    /// File name; the first 255 bytes are kept.
    pub name: Bytes,
    /// MIME type, at most 255 bytes.
    pub mime: Bytes,
    /// JSON object of header names and values, under 64 KiB.
    pub pairs: Bytes,
    /// Last modified: seconds since the epoch, of which 40 bits are kept.
    pub modified_secs: u64,
    /// Its own life, counted from the append. In a volume with a TTL, never means that of the volume.
    pub ttl: Ttl,
    /// `data` is gzip.
    pub gzipped: bool,
    /// `data` is a chunk manifest.
    pub chunk_manifest: bool,
}
