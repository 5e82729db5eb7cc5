use bytes::Bytes;
use namespace::{
    BucketName, ChecksumAlgorithm, CommitFailure, ContentHeaders, ETag, Intent, Object, ObjectKey, Part,
    WritePreconditions,
    intents::{PutObject, PutObjectRefusal},
};
use types::{Durability, Timestamp};

use crate::{
    Body, BodyError, Integrity, Objects,
    budget::Reservation,
    chunker::{Chunker, Filled},
    chunks::{ChunkWrites, Needles},
    hash::{Digested, Digests, HashingLost},
    integrity::full_checksum,
    origin::{Origin, Place},
    writer::WriteFailure,
};

/// What a client wants stored, besides the bytes.
#[derive(Debug)]
pub struct Put {
    /// Where.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// Kept with it.
    pub headers: ContentHeaders,
    /// Kept with it: `x-amz-meta-*` without that prefix.
    pub metadata: Vec<(String, String)>,
    /// Kept with it; bytes are stored the same for all classes.
    pub storage_class: String,
    /// What must hold of the object before.
    pub preconditions: WritePreconditions,
    /// What the bytes must be.
    pub integrity: Integrity,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The row as it was committed.
    pub object: Object,
    /// What it survives: the weakest of its needles and its row.
    pub durability: Durability,
}

/// Why a body was not stored.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// 404
    #[error("no such bucket")]
    NoSuchBucket,
    /// `If-Match` of a key that has no object: 404.
    #[error("no such key")]
    NoSuchKey,
    /// 412
    #[error("precondition failed")]
    PreconditionFailed,
    /// By `Content-MD5`.
    #[error("the Content-MD5 does not match the body")]
    BadDigest,
    /// The body came to another value.
    #[error("the {0} checksum does not match the body")]
    BadChecksum(ChecksumAlgorithm),
    /// The value is none.
    #[error("the {0} checksum is not valid base64 of the right length")]
    InvalidChecksum(ChecksumAlgorithm),
    /// See [`ExpectedValue::Trailer`](crate::ExpectedValue::Trailer).
    #[error("the body ended without the announced checksum trailer")]
    MissingTrailer,
    /// Shorter or longer than declared. Of a longer one, `actual` counts what had come when it was refused.
    #[expect(missing_docs, reason = "bytes")]
    #[error("the body is {actual} bytes, {declared} were declared")]
    IncompleteBody { declared: u64, actual: u64 },
    /// Larger than [`MAX_BODY_BYTES`](crate::MAX_BODY_BYTES).
    #[error("the body is larger than 5 GiB")]
    TooLarge,
    /// The door's own finding.
    #[error("body: {0}")]
    Body(BodyError),
    /// 503: nothing was stored, try again.
    #[error("{0}")]
    Unavailable(String),
    /// 500: it may have been stored.
    #[error("{0}")]
    InDoubt(String),
}

/// A body that came whole and is what it should be.
pub(crate) struct Received {
    origin: Origin,
    stage: Stage,
    pub(crate) digested: Digested,
}

/// Where the bytes of a received body are.
enum Stage {
    Empty,
    /// One chunk: it was verified before anything is written.
    Buffered(Bytes, Option<Reservation>),
    Written(Needles),
}

impl Objects {
    /// Stores an object. A body that is refused leaves nothing behind. When the request goes away (the future
    /// is dropped) before the body has ended, what was written is freed; later, the object is stored all the same.
    pub async fn put(&self, put: Put, body: Body) -> Result<Stored, PutError> {
        let origin = Origin {
            bucket: put.bucket.clone(),
            key: put.key.clone(),
            upload: None,
            content_type: put.headers.content_type.clone(),
        };
        let algorithm = put.integrity.algorithm();
        let received = self.receive(origin, &put.integrity, Digests::new(algorithm, None), body).await?;
        let objects = self.clone();
        let storing = async move { objects.store(put, algorithm, received).await };
        self.background().uninterrupted(storing).await
    }

    /// Takes in a body, hashed and verified. Nothing is written of a body of one chunk.
    pub(crate) async fn receive(
        &self,
        origin: Origin,
        integrity: &Integrity,
        digests: Digests,
        body: Body,
    ) -> Result<Received, PutError> {
        integrity.check_claims()?;
        let chunk_bytes = self.settings().chunk_bytes;
        let mut chunker = Chunker::new(body, self.incoming(), chunk_bytes, integrity.size_bytes, digests);
        let first = chunker.next().await?;
        if first.last {
            let digested = chunker.finish().await?;
            integrity.verify(&digested)?;
            return Ok(Received { origin, stage: Stage::of(first), digested });
        }
        let mut writes = self.chunk_writes(origin.clone(), true);
        let mut filled = first;
        loop {
            let last = filled.last;
            writes.write(filled.data, last, filled.reservation).await?;
            if last {
                break;
            }
            filled = chunker.next().await?;
        }
        let digested = chunker.finish().await?;
        integrity.verify(&digested)?;
        let needles = writes.finish().await?;
        Ok(Received { origin, stage: Stage::Written(needles), digested })
    }

    async fn store(
        &self,
        put: Put,
        algorithm: ChecksumAlgorithm,
        received: Received,
    ) -> Result<Stored, PutError> {
        let (needles, digested) = self.written(received).await?;
        let object = Object {
            size_bytes: digested.size_bytes,
            etag: ETag { md5: digested.md5, parts: None },
            modified: Timestamp::default(), // set by the commit
            storage_class: put.storage_class,
            checksum: Some(full_checksum(algorithm, digested.checksum)),
            headers: put.headers,
            metadata: put.metadata,
            parts: only_part(&needles, digested.size_bytes),
            upload: None,
        };
        let Put { bucket, key, preconditions, .. } = put;
        self.commit_object(PutObject { bucket, key, object, preconditions }, needles).await
    }

    /// The needles of a received body, all written.
    pub(crate) async fn written(&self, received: Received) -> Result<(Needles, Digested), PutError> {
        let mut needles = Needles::new(self.background().orphans());
        match received.stage {
            Stage::Empty => {}
            Stage::Buffered(data, _reservation) => {
                needles.add(self.writer().write(&received.origin, Place::WHOLE, data).await?);
            }
            Stage::Written(written) => needles = written,
        }
        Ok((needles, received.digested))
    }

    /// Makes an object visible whose needles are written.
    pub(crate) async fn commit_object(&self, put: PutObject, needles: Needles) -> Result<Stored, PutError> {
        let durability = needles.durability().min(self.namespace().durability());
        match self.commit(put, needles).await {
            Ok(object) => Ok(Stored { object, durability }),
            Err(CommitFailure::Refused(refusal)) => Err(refusal.into()),
            Err(CommitFailure::Unavailable(reason)) => Err(PutError::Unavailable(reason)),
            Err(CommitFailure::InDoubt(reason)) => Err(PutError::InDoubt(reason)),
        }
    }

    /// Carries out an intent that makes `needles` a row's. They are freed when it is certain that it was not
    /// carried out, and only then: a row must never point to freed needles.
    pub(crate) async fn commit<I: Intent>(
        &self,
        intent: I,
        needles: Needles,
    ) -> Result<I::Outcome, CommitFailure<I::Refusal>> {
        let fids = needles.into_fids();
        let outcome = self.namespace().submit(intent).await;
        if let Err(CommitFailure::Refused(_) | CommitFailure::Unavailable(_)) = &outcome {
            self.background().orphans().add(fids);
        }
        outcome
    }

    pub(crate) fn chunk_writes(&self, origin: Origin, several: bool) -> ChunkWrites {
        ChunkWrites::new(self.writer(), self.background(), origin, self.settings().chunks_in_flight, several)
    }
}

impl From<PutObjectRefusal> for PutError {
    fn from(refusal: PutObjectRefusal) -> Self {
        match refusal {
            PutObjectRefusal::NoSuchBucket => Self::NoSuchBucket,
            PutObjectRefusal::NoSuchKey => Self::NoSuchKey,
            PutObjectRefusal::PreconditionFailed => Self::PreconditionFailed,
        }
    }
}

/// The parts of an object that was put or copied in one request.
pub(crate) fn only_part(needles: &Needles, size_bytes: u64) -> Vec<Part> {
    match needles.chunks() {
        [] => Vec::new(),
        chunks => vec![Part { number: None, size_bytes, checksum: Vec::new(), chunks: chunks.to_vec() }],
    }
}

impl Stage {
    fn of(chunk: Filled) -> Self {
        if chunk.data.is_empty() { Self::Empty } else { Self::Buffered(chunk.data, chunk.reservation) }
    }
}

impl From<WriteFailure> for PutError {
    fn from(failure: WriteFailure) -> Self {
        match failure {
            WriteFailure::NoSuchBucket => Self::NoSuchBucket,
            WriteFailure::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<HashingLost> for PutError {
    fn from(lost: HashingLost) -> Self {
        Self::Unavailable(lost.to_string())
    }
}
