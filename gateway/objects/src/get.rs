use std::{collections::VecDeque, ops::Range, sync::Arc};

use bytes::Bytes;
use futures::stream;
use namespace::{BucketName, Chunk, Object, ObjectKey};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    Content, Objects,
    reader::{NeedleFault, Reader},
};

/// Larger chunks are yielded in pieces, so that a connection sends smoothly.
const PIECE_BYTES: usize = 256 << 10;

/// Why an object was not found.
#[derive(Debug, thiserror::Error)]
pub enum LookupError {
    /// 404
    #[error("no such bucket")]
    NoSuchBucket,
    /// 404
    #[error("no such key")]
    NoSuchKey,
    /// 503
    #[error("{0}")]
    Unavailable(String),
}

/// Why stored bytes could not be read. Never 404: the row listed them.
#[derive(Debug, thiserror::Error)]
pub enum ReadFailure {
    /// The object was replaced or deleted since its row was looked up. From [`Objects::read`]: look it up again
    /// and start over, conditions and range included (a few times at most; then 503). Within a stream: the
    /// connection breaks.
    #[error("the object changed while it was read")]
    Changed,
    /// Every copy of its bytes is missing or wrong: 500. The alarm was raised.
    #[error("{0}")]
    Damaged(String),
    /// No copy can be reached now: 503.
    #[error("{0}")]
    Unavailable(String),
}

/// The bytes of one chunk that a read wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) chunk: Chunk,
    pub(crate) range: Range<usize>,
}

impl Objects {
    /// The current object of a key.
    pub async fn lookup(&self, bucket: &BucketName, key: &ObjectKey) -> Result<Object, LookupError> {
        let unavailable = |error: namespace::StoreError| LookupError::Unavailable(error.to_string());
        if let Some(object) = self.namespace().object(bucket, key).await.map_err(unavailable)? {
            return Ok(object);
        }
        match self.namespace().bucket(bucket).await.map_err(unavailable)? {
            Some(_) => Err(LookupError::NoSuchKey),
            None => Err(LookupError::NoSuchBucket),
        }
    }

    /// Reads `range` of `object`, cut to its size. The first chunk is read and verified before this returns, so
    /// that damage found there is still an answer of its own; later damage ends the stream with an error. On
    /// [`ReadFailure::Changed`] look the object up again and start over.
    ///
    /// The bytes count against the read buffers until they are dropped: pass them on, do not gather them.
    pub async fn read(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        object: &Object,
        range: Range<u64>,
    ) -> Result<Content, ReadFailure> {
        let mut segments = segments(object, range).map_err(|reason| alarm(bucket, key, reason))?;
        let Some(first) = segments.pop_front() else { return Ok(Box::pin(stream::empty())) };
        let data = self.read_segment(bucket, key, &first).await?;
        if segments.is_empty() && data.len() <= PIECE_BYTES {
            return Ok(Box::pin(stream::iter([Ok(data)])));
        }
        let mut sending = Sending {
            objects: self.clone(),
            bucket: bucket.clone(),
            key: key.clone(),
            current: data,
            ahead: None,
            rest: segments,
        };
        sending.read_ahead();
        Ok(Box::pin(stream::unfold(sending, |mut sending| async move {
            let piece = sending.next_piece().await?;
            Some((piece, sending))
        })))
    }

    /// The bytes of a segment, once there is room for its whole needle.
    pub(crate) async fn read_segment(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        segment: &Segment,
    ) -> Result<Bytes, ReadFailure> {
        match self.reader().read(segment.chunk).await {
            Ok(needle) => Ok(needle.slice(segment.range.clone())),
            Err(fault) => Err(self.explain(bucket, key, fault).await),
        }
    }

    /// What an unreadable needle means: it is looked for in the row as it is now.
    async fn explain(&self, bucket: &BucketName, key: &ObjectKey, fault: NeedleFault) -> ReadFailure {
        let missing = match fault {
            NeedleFault::Missing(fid) => fid,
            NeedleFault::Damaged(reason) => return alarm(bucket, key, reason),
            NeedleFault::Unavailable(reason) => return ReadFailure::Unavailable(reason),
        };
        match self.namespace().object(bucket, key).await {
            Ok(Some(now)) if now.needles().any(|needle| needle == missing) => {
                alarm(bucket, key, fault.to_string())
            }
            Ok(_) => ReadFailure::Changed,
            Err(error) => ReadFailure::Unavailable(error.to_string()),
        }
    }
}

/// Bytes that were acknowledged are lost, as far as can be told: an operator must look.
fn alarm(bucket: &BucketName, key: &ObjectKey, reason: String) -> ReadFailure {
    tracing::error!(%bucket, %key, reason, "an object's bytes are missing or damaged");
    ReadFailure::Damaged(reason)
}

/// Which chunks hold `range`, cut to the object's size. Fails when the row does not add up.
pub(crate) fn segments(object: &Object, range: Range<u64>) -> Result<VecDeque<Segment>, String> {
    let range = range.start..range.end.min(object.size_bytes);
    let mut segments = VecDeque::new();
    if range.is_empty() {
        return Ok(segments);
    }
    let mut start = 0;
    for part in &object.parts {
        if start + part.size_bytes <= range.start || start >= range.end {
            start += part.size_bytes;
            continue;
        }
        for chunk in &part.chunks {
            let end = start + u64::from(chunk.size_bytes);
            let wanted = range.start.max(start)..range.end.min(end);
            if !wanted.is_empty() {
                let within = |offset: u64| usize::try_from(offset - start).unwrap_or(usize::MAX);
                segments
                    .push_back(Segment { chunk: *chunk, range: within(wanted.start)..within(wanted.end) });
            }
            start = end;
        }
    }
    let found: u64 = segments.iter().map(|segment| segment.range.len() as u64).sum();
    if found == range.end - range.start {
        Ok(segments)
    } else {
        Err(format!("the row's chunks hold {found} of the {} bytes asked for", range.end - range.start))
    }
}

/// An object on its way out: the chunk being sent, and perhaps the next one being read.
struct Sending {
    objects: Objects,
    bucket: BucketName,
    key: ObjectKey,
    current: Bytes,
    ahead: Option<AbortOnDropHandle<Result<Bytes, NeedleFault>>>,
    rest: VecDeque<Segment>,
}

impl Sending {
    /// The next bytes; after an error, nothing.
    async fn next_piece(&mut self) -> Option<Result<Bytes, ReadFailure>> {
        if self.current.is_empty() {
            let next = self.rest.pop_front()?;
            match self.chunk(&next).await {
                Ok(data) => self.current = data,
                Err(failure) => {
                    self.rest.clear();
                    return Some(Err(failure));
                }
            }
            self.read_ahead();
        }
        let piece = self.current.len().min(PIECE_BYTES);
        let piece = self.current.split_to(piece);
        if self.current.is_empty() {
            self.current = Bytes::new(); // gives the buffer back with the last piece
        }
        Some(Ok(piece))
    }

    async fn chunk(&mut self, segment: &Segment) -> Result<Bytes, ReadFailure> {
        let read = match self.ahead.take() {
            Some(ahead) => match ahead.await {
                Ok(read) => read,
                Err(_) => Err(NeedleFault::Unavailable("the read was interrupted".into())),
            },
            None => self.objects.reader().read(segment.chunk).await,
        };
        match read {
            Ok(needle) => Ok(needle.slice(segment.range.clone())),
            Err(fault) => Err(self.objects.explain(&self.bucket, &self.key, fault).await),
        }
    }

    /// Starts to read the next chunk if there is room to spare: a slow client must not hold two where others wait.
    fn read_ahead(&mut self) {
        let Some(next) = self.rest.front() else { return };
        let reader: Arc<Reader> = Arc::clone(self.objects.reader());
        let chunk = next.chunk;
        if let Some(room) = reader.budget().spare(chunk.size_bytes as usize) {
            let read = tokio::spawn(async move { reader.read_into(chunk, room).await });
            self.ahead = Some(AbortOnDropHandle::new(read));
        }
    }
}

#[cfg(test)]
mod tests {
    use namespace::{ContentHeaders, ETag, Part};
    use proptest::prelude::*;
    use types::{Cookie, FileId, NeedleKey, Timestamp, VolumeId};

    use super::*;

    /// An object whose parts have chunks of these sizes.
    fn object(parts: &[Vec<u32>]) -> Object {
        let mut key = 0;
        let mut chunk = |size: &u32| {
            key += 1;
            let needle = FileId { volume: VolumeId(1), key: NeedleKey(key), cookie: Cookie(0) };
            Chunk { needle, size_bytes: *size }
        };
        let total = |chunks: &[u32]| chunks.iter().copied().map(u64::from).sum::<u64>();
        Object {
            size_bytes: parts.iter().map(|chunks| total(chunks)).sum(),
            etag: ETag { md5: [0; 16], parts: None },
            modified: Timestamp::default(),
            storage_class: "STANDARD".into(),
            checksum: None,
            headers: ContentHeaders::default(),
            metadata: Vec::new(),
            parts: parts
                .iter()
                .map(|chunks| Part {
                    number: None,
                    size_bytes: total(chunks),
                    checksum: Vec::new(),
                    chunks: chunks.iter().map(&mut chunk).collect(),
                })
                .collect(),
            upload: None,
        }
    }

    proptest! {
        #[test] // Against bytes that name their chunk and their place in it.
        fn segments_are_the_range(
            parts in prop::collection::vec(prop::collection::vec(1u32..9, 0..4), 0..4),
            start in 0u64..60,
            len in 0u64..60,
        ) {
            let object = object(&parts);
            let chunks = object.parts.iter().flat_map(|part| part.chunks.iter());
            let bytes: Vec<(u64, usize)> = chunks
                .flat_map(|chunk| (0..chunk.size_bytes as usize).map(move |place| (chunk.needle.key.0, place)))
                .collect();
            let from = usize::try_from(start)?.min(bytes.len());
            let to = usize::try_from(start + len)?.min(bytes.len());
            let found = segments(&object, start..start + len).map_err(TestCaseError::fail)?;
            let found: Vec<_> = found
                .iter()
                .flat_map(|segment| segment.range.clone().map(|place| (segment.chunk.needle.key.0, place)))
                .collect();
            prop_assert_eq!(found, &bytes[from..to]);
        }
    }

    #[test]
    fn a_row_that_does_not_add_up_is_an_error() {
        let mut object = object(&[vec![4, 4]]);
        object.size_bytes = 9;
        assert!(segments(&object, 0..8).is_ok());
        assert!(segments(&object, 0..9).is_err());
    }
}
