use std::{collections::VecDeque, ops::Range};

use namespace::{
    BucketName, ChecksumAlgorithm, ChecksumKind, CommitFailure, ContentHeaders, ETag, Object, ObjectKey,
    PartNumber, ReadOutcome, ReadPreconditions, StoredPart, UploadId, WritePreconditions,
    intents::{PutObject, ReplaceObject, ReplaceObjectRefusal, RewriteObject, RewriteObjectRefusal},
};
use types::Timestamp;

use crate::{
    LookupError, MAX_BODY_BYTES, Objects, PartError, PutError, ReadFailure, Stored,
    chunks::Needles,
    get::{Segment, segments},
    hash::{Digested, Digests, Hasher},
    integrity::full_checksum,
    multipart::stored_part,
    origin::Origin,
    put::only_part,
};

/// The source of a copy.
#[derive(Debug, Clone)]
pub struct Source {
    /// Where.
    pub bucket: BucketName,
    /// Which object.
    pub key: ObjectKey,
    /// What must hold of it.
    pub preconditions: ReadPreconditions,
}

/// A copy of a whole object.
#[derive(Debug, Clone)]
pub struct Copy {
    /// Of what.
    pub source: Source,
    /// Where to.
    pub bucket: BucketName,
    /// Under which key.
    pub key: ObjectKey,
    /// `x-amz-metadata-directive: REPLACE`; `None`: COPY.
    pub replacement: Option<(ContentHeaders, Vec<(String, String)>)>,
    /// `None`: as the source.
    pub storage_class: Option<String>,
    /// A new algorithm; `None`: as the source.
    pub checksum: Option<ChecksumAlgorithm>,
    /// What must hold of the object before.
    pub preconditions: WritePreconditions,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// 404
    #[error("no such source bucket")]
    NoSuchSourceBucket,
    /// 404
    #[error("no such source key")]
    NoSuchSourceKey,
    /// Of the source: 412.
    #[error("source precondition failed")]
    SourcePreconditionFailed,
    /// Onto itself, changing nothing: 400.
    #[error("a copy onto itself must change metadata, headers or storage class")]
    OntoItself,
    /// 416
    #[expect(missing_docs, reason = "of the object")]
    #[error("source range outside the object of {size_bytes} bytes")]
    InvalidRange { size_bytes: u64 },
    /// Larger than [`MAX_BODY_BYTES`]: 400.
    #[error("the source is larger than 5 GiB")]
    SourceTooLarge,
    /// The source's bytes cannot be read: 500 or 503. Never [`ReadFailure::Changed`].
    #[error(transparent)]
    Source(#[from] ReadFailure),
    /// The upload does not take the part.
    #[error(transparent)]
    Part(#[from] PartError),
    /// The copy could not be stored.
    #[error(transparent)]
    Put(#[from] PutError),
}

/// A source that changes while it is copied is copied anew, so often.
const ATTEMPTS: usize = 5;

/// One attempt at a copy.
enum Attempt<T> {
    Done(T),
    /// The source changed under it: start over.
    Changed,
}

impl Objects {
    /// Copies an object. The copy's ETag is the MD5 of the bytes, and its checksum is of all of them, whatever
    /// the source's were. A copy onto itself that keeps the checksum's algorithm moves no bytes.
    pub async fn copy(&self, copy: Copy) -> Result<Stored, CopyError> {
        for _ in 0..ATTEMPTS {
            let source = self.source(&copy.source).await?;
            if source.size_bytes > MAX_BODY_BYTES {
                return Err(CopyError::SourceTooLarge);
            }
            let attempt = if copy.is_onto_itself() && copy.changes_nothing(&source) {
                return Err(CopyError::OntoItself);
            } else if copy.is_onto_itself() && copy.keeps_checksum(&source) {
                self.rewrite(&copy, source).await?
            } else {
                self.copy_to_new_needles(&copy, source).await?
            };
            if let Attempt::Done(stored) = attempt {
                return Ok(stored);
            }
        }
        Err(keeps_changing())
    }

    /// Copies `range` of the source, or all of it, as a part of an upload.
    pub async fn copy_part(
        &self,
        source: Source,
        range: Option<Range<u64>>,
        bucket: &BucketName,
        key: &ObjectKey,
        upload: &UploadId,
        number: PartNumber,
    ) -> Result<StoredPart, CopyError> {
        for _ in 0..ATTEMPTS {
            let kept = self.kept_checksum(bucket, key, upload).await?;
            let object = self.source(&source).await?;
            let range = range_within(range.clone(), &object)?;
            let origin = Origin {
                bucket: bucket.clone(),
                key: key.clone(),
                upload: Some((*upload, number)),
                content_type: None,
            };
            let digests = Digests::new(kept.algorithm(), None);
            let copied = self.copy_bytes(&source, &object, range, origin, digests).await?;
            if let Attempt::Done((needles, digested)) = copied {
                let checksum = full_checksum(kept.algorithm(), digested.checksum.clone());
                let part = stored_part(number, &needles, &digested, checksum);
                return Ok(self.add_part(bucket, key, upload, part, needles).await?);
            }
        }
        Err(keeps_changing())
    }

    /// The source's row, if it is as its conditions demand.
    async fn source(&self, source: &Source) -> Result<Object, CopyError> {
        let object = self.lookup(&source.bucket, &source.key).await.map_err(|error| match error {
            LookupError::NoSuchBucket => CopyError::NoSuchSourceBucket,
            LookupError::NoSuchKey => CopyError::NoSuchSourceKey,
            LookupError::Unavailable(reason) => CopyError::Source(ReadFailure::Unavailable(reason)),
        })?;
        match source.preconditions.evaluate(&object) {
            ReadOutcome::Proceed => Ok(object),
            ReadOutcome::NotModified | ReadOutcome::Failed => Err(CopyError::SourcePreconditionFailed),
        }
    }

    /// Replaces headers, metadata and class where the object is.
    async fn rewrite(&self, copy: &Copy, source: Object) -> Result<Attempt<Stored>, CopyError> {
        let (headers, metadata) = copy.replacement.clone().unwrap_or((source.headers, source.metadata));
        let intent = RewriteObject {
            bucket: copy.bucket.clone(),
            key: copy.key.clone(),
            etag: source.etag,
            modified: source.modified,
            headers,
            metadata,
            storage_class: copy.storage_class.clone().unwrap_or(source.storage_class),
            preconditions: copy.preconditions.clone(),
        };
        let error = match self.namespace().submit(intent).await {
            Ok(object) => return Ok(Attempt::Done(Stored { object, durability: self.durability() })),
            Err(CommitFailure::Refused(RewriteObjectRefusal::Changed)) => return Ok(Attempt::Changed),
            Err(CommitFailure::Refused(RewriteObjectRefusal::NoSuchBucket)) => PutError::NoSuchBucket,
            Err(CommitFailure::Refused(RewriteObjectRefusal::PreconditionFailed)) => {
                PutError::PreconditionFailed
            }
            Err(CommitFailure::Unavailable(reason)) => PutError::Unavailable(reason),
            Err(CommitFailure::InDoubt(reason)) => PutError::InDoubt(reason),
        };
        Err(error.into())
    }

    async fn copy_to_new_needles(&self, copy: &Copy, source: Object) -> Result<Attempt<Stored>, CopyError> {
        let algorithm = copy.algorithm(&source);
        let (headers, metadata) =
            copy.replacement.clone().unwrap_or_else(|| (source.headers.clone(), source.metadata.clone()));
        let origin = Origin {
            bucket: copy.bucket.clone(),
            key: copy.key.clone(),
            upload: None,
            content_type: headers.content_type.clone(),
        };
        let digests = Digests::new(algorithm, None);
        let copied = self.copy_bytes(&copy.source, &source, 0..source.size_bytes, origin, digests).await?;
        let Attempt::Done((needles, digested)) = copied else { return Ok(Attempt::Changed) };
        verify(&source, algorithm, &digested)?;
        let (etag, modified) = (source.etag, source.modified);
        let object = Object {
            size_bytes: digested.size_bytes,
            etag: ETag { md5: digested.md5, parts: None },
            modified: Timestamp::default(), // set by the commit
            storage_class: copy.storage_class.clone().unwrap_or(source.storage_class),
            checksum: Some(full_checksum(algorithm, digested.checksum)),
            headers,
            metadata,
            parts: only_part(&needles, digested.size_bytes),
            upload: None,
        };
        let put = PutObject {
            bucket: copy.bucket.clone(),
            key: copy.key.clone(),
            object,
            preconditions: copy.preconditions.clone(),
        };
        let (objects, onto_itself) = (self.clone(), copy.is_onto_itself());
        let storing = async move {
            if onto_itself {
                objects.replace(ReplaceObject { put, etag, modified }, needles).await
            } else {
                objects.commit_object(put, needles).await.map(Attempt::Done)
            }
        };
        Ok(self.background().uninterrupted(storing).await?)
    }

    async fn replace(&self, replace: ReplaceObject, needles: Needles) -> Result<Attempt<Stored>, PutError> {
        let durability = needles.durability().min(self.namespace().durability());
        match self.commit(replace, needles).await {
            Ok(object) => Ok(Attempt::Done(Stored { object, durability })),
            Err(CommitFailure::Refused(ReplaceObjectRefusal::Changed)) => Ok(Attempt::Changed),
            Err(CommitFailure::Refused(ReplaceObjectRefusal::Put(refusal))) => Err(refusal.into()),
            Err(CommitFailure::Unavailable(reason)) => Err(PutError::Unavailable(reason)),
            Err(CommitFailure::InDoubt(reason)) => Err(PutError::InDoubt(reason)),
        }
    }

    /// Writes the bytes of `range` to needles of their own, one for each that they are read from.
    ///
    /// They stay in the buffers that they were read into: whoever copies waits for one budget only, and two
    /// copies never wait for each other.
    async fn copy_bytes(
        &self,
        source: &Source,
        object: &Object,
        range: Range<u64>,
        origin: Origin,
        digests: Digests,
    ) -> Result<Attempt<(Needles, Digested)>, CopyError> {
        let mut segments: VecDeque<Segment> = segments(object, range).map_err(ReadFailure::Damaged)?;
        let mut hasher = Hasher::new(digests);
        let mut writes = self.chunk_writes(origin, segments.len() > 1);
        while let Some(segment) = segments.pop_front() {
            let data = match self.read_segment(&source.bucket, &source.key, &segment).await {
                Ok(data) => data,
                Err(ReadFailure::Changed) => return Ok(Attempt::Changed),
                Err(failure) => return Err(failure.into()),
            };
            hasher.feed_now(data.clone()).await.map_err(PutError::from)?;
            writes.write(data, segments.is_empty(), None).await.map_err(PutError::from)?;
        }
        let digested = hasher.finish().await.map_err(PutError::from)?;
        let needles = writes.finish().await.map_err(PutError::from)?;
        Ok(Attempt::Done((needles, digested)))
    }
}

impl Copy {
    fn is_onto_itself(&self) -> bool {
        self.bucket == self.source.bucket && self.key == self.source.key
    }

    fn changes_nothing(&self, source: &Object) -> bool {
        let same_class = self.storage_class.as_ref().is_none_or(|class| *class == source.storage_class);
        self.replacement.is_none() && same_class && self.keeps_checksum(source)
    }

    fn keeps_checksum(&self, source: &Object) -> bool {
        let kept = source.checksum.as_ref().map(|checksum| checksum.algorithm);
        self.checksum.is_none() || self.checksum == kept
    }

    /// Of the copy's checksum.
    fn algorithm(&self, source: &Object) -> ChecksumAlgorithm {
        let of_source = source.checksum.as_ref().map(|checksum| checksum.algorithm);
        self.checksum.or(of_source).unwrap_or(ChecksumAlgorithm::Crc64Nvme)
    }
}

/// The bytes that were read must be those that were once stored.
fn verify(source: &Object, algorithm: ChecksumAlgorithm, copied: &Digested) -> Result<(), ReadFailure> {
    let same_md5 = source.etag.parts.is_some() || source.etag.md5 == copied.md5;
    let same_checksum = match &source.checksum {
        Some(checksum) if checksum.algorithm == algorithm && checksum.kind == ChecksumKind::FullObject => {
            checksum.value == copied.checksum
        }
        _ => true,
    };
    if same_md5 && same_checksum {
        return Ok(());
    }
    tracing::error!(etag = %source.etag, "a copy's source does not have its ETag or checksum");
    Err(ReadFailure::Damaged("the source's bytes do not have its ETag or checksum".into()))
}

/// A range of a part must lie within the source.
fn range_within(range: Option<Range<u64>>, source: &Object) -> Result<Range<u64>, CopyError> {
    let size_bytes = source.size_bytes;
    let range = match range {
        Some(range) if range.is_empty() || range.end > size_bytes => {
            return Err(CopyError::InvalidRange { size_bytes });
        }
        Some(range) => range,
        None => 0..size_bytes,
    };
    if range.end - range.start > MAX_BODY_BYTES { Err(CopyError::SourceTooLarge) } else { Ok(range) }
}

fn keeps_changing() -> CopyError {
    CopyError::Source(ReadFailure::Unavailable("the source keeps changing".into()))
}
