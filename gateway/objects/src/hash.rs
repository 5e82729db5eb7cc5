use bytes::Bytes;
use md5::{Digest, Md5};
use namespace::ChecksumAlgorithm;
use sha1::Sha1;
use sha2::Sha256;
use tokio::task::JoinHandle;

/// Bodies from this size on are hashed on the blocking pool, in batches of at least this size: a batch takes
/// half a millisecond, a hand-over some microseconds.
pub(crate) const OFFLOAD_BYTES: usize = 256 << 10;

/// MD5 and the wanted checksums of a body, in one pass.
pub(crate) struct Digests {
    md5: Md5,
    checksum: Running,
    also: Option<Running>,
    size_bytes: u64,
}

/// What a body came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digested {
    pub(crate) md5: [u8; 16],
    pub(crate) checksum: Vec<u8>,
    /// The second checksum, where one was wanted.
    pub(crate) also: Option<Vec<u8>>,
    pub(crate) size_bytes: u64,
}

enum Running {
    Crc(ChecksumAlgorithm, crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Digests {
    /// `also`: a second checksum, for the part of an upload that keeps another one than it is sent with.
    pub(crate) fn new(checksum: ChecksumAlgorithm, also: Option<ChecksumAlgorithm>) -> Self {
        Self {
            md5: Md5::new(),
            checksum: Running::new(checksum),
            also: also.map(Running::new),
            size_bytes: 0,
        }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        self.md5.update(data);
        self.checksum.update(data);
        if let Some(also) = &mut self.also {
            also.update(data);
        }
        self.size_bytes += data.len() as u64;
    }

    fn update_all(&mut self, batch: &[Bytes]) {
        for data in batch {
            self.update(data);
        }
    }

    pub(crate) fn finish(self) -> Digested {
        Digested {
            md5: self.md5.finalize().into(),
            checksum: self.checksum.finish(),
            also: self.also.map(Running::finish),
            size_bytes: self.size_bytes,
        }
    }
}

impl Running {
    fn new(algorithm: ChecksumAlgorithm) -> Self {
        let crc = |kind| Self::Crc(algorithm, crc_fast::Digest::new(kind));
        match algorithm {
            ChecksumAlgorithm::Crc32 => crc(crc_fast::CrcAlgorithm::Crc32IsoHdlc),
            ChecksumAlgorithm::Crc32c => crc(crc_fast::CrcAlgorithm::Crc32Iscsi),
            ChecksumAlgorithm::Crc64Nvme => crc(crc_fast::CrcAlgorithm::Crc64Nvme),
            ChecksumAlgorithm::Sha1 => Self::Sha1(Sha1::new()),
            ChecksumAlgorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc(_, crc) => crc.update(data),
            Self::Sha1(sha) => sha.update(data),
            Self::Sha256(sha) => sha.update(data),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            // A CRC of n bytes stands in the low n bytes.
            Self::Crc(algorithm, crc) => crc.finalize().to_be_bytes()[8 - algorithm.size_bytes()..].to_vec(),
            Self::Sha1(sha) => sha.finalize().to_vec(),
            Self::Sha256(sha) => sha.finalize().to_vec(),
        }
    }
}

/// Hashes a body as it comes: batches of [`OFFLOAD_BYTES`] on the blocking pool while the next bytes are received,
/// and whatever is less at the end, where it is. One batch is hashed and one gathered at most.
pub(crate) struct Hasher {
    state: State,
    batch: Vec<Bytes>,
    batch_bytes: usize,
}

enum State {
    Idle(Box<Digests>),
    Busy(JoinHandle<Box<Digests>>),
    /// A job died, and the digests with it.
    Lost,
}

/// A hashing job died with a panic, or the runtime is shutting down.
#[derive(Debug, thiserror::Error)]
#[error("hashing of the body was interrupted")]
pub(crate) struct HashingLost;

impl Hasher {
    pub(crate) fn new(digests: Digests) -> Self {
        Self { state: State::Idle(Box::new(digests)), batch: Vec::new(), batch_bytes: 0 }
    }

    /// Takes the next bytes.
    pub(crate) async fn feed(&mut self, data: Bytes) -> Result<(), HashingLost> {
        self.batch_bytes += data.len();
        self.batch.push(data);
        if self.batch_bytes >= OFFLOAD_BYTES { self.hand_over().await } else { Ok(()) }
    }

    /// Takes the next bytes, and holds on to them no longer than it takes to hash them.
    pub(crate) async fn feed_now(&mut self, data: Bytes) -> Result<(), HashingLost> {
        self.batch.push(data);
        self.hand_over().await
    }

    pub(crate) async fn finish(mut self) -> Result<Digested, HashingLost> {
        let mut digests = self.digests().await?;
        digests.update_all(&self.batch);
        Ok(digests.finish())
    }

    async fn hand_over(&mut self) -> Result<(), HashingLost> {
        let mut digests = self.digests().await?;
        let batch = std::mem::take(&mut self.batch);
        self.batch_bytes = 0;
        self.state = State::Busy(tokio::task::spawn_blocking(move || {
            digests.update_all(&batch);
            digests
        }));
        Ok(())
    }

    /// The digests, when the batch under way is done; theirs to put back who go on.
    async fn digests(&mut self) -> Result<Box<Digests>, HashingLost> {
        match std::mem::replace(&mut self.state, State::Lost) {
            State::Idle(digests) => Ok(digests),
            State::Busy(job) => job.await.map_err(|_| HashingLost),
            State::Lost => Err(HashingLost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(algorithm: ChecksumAlgorithm, expected: &str) {
        let mut digests = Digests::new(algorithm, None);
        digests.update(b"123456789");
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let digested = digests.finish();
        assert_eq!(hex(&digested.checksum), expected, "{algorithm}");
        assert_eq!(digested.checksum.len(), algorithm.size_bytes(), "{algorithm}");
        assert_eq!(hex(&digested.md5), "25f9e794323b453885f5181f1b624d0b");
        assert_eq!(digested.size_bytes, 9);
    }

    #[test] // The check values of the CRC catalogue, and of sha1sum and sha256sum.
    fn known_values() {
        check(ChecksumAlgorithm::Crc32, "cbf43926");
        check(ChecksumAlgorithm::Crc32c, "e3069283");
        check(ChecksumAlgorithm::Crc64Nvme, "ae8b14860a799888");
        check(ChecksumAlgorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441");
        check(ChecksumAlgorithm::Sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
    }

    #[tokio::test]
    async fn batches_on_the_pool_give_the_same_digests() {
        let data: Vec<u8> =
            (0..OFFLOAD_BYTES * 3 + 17).map(|i| i.to_le_bytes()[0] ^ i.to_le_bytes()[1]).collect();
        let mut whole = Digests::new(ChecksumAlgorithm::Sha1, Some(ChecksumAlgorithm::Crc64Nvme));
        whole.update(&data);
        let mut hasher =
            Hasher::new(Digests::new(ChecksumAlgorithm::Sha1, Some(ChecksumAlgorithm::Crc64Nvme)));
        for frame in data.chunks(100_003) {
            hasher.feed(Bytes::copy_from_slice(frame)).await.expect("hashes");
        }
        assert_eq!(hasher.finish().await.expect("hashes"), whole.finish());
    }
}
