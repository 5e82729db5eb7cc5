//! Operations that record what reaches them.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use s3::{Caller, RequestId, Trailers, body_error};
use s3s::{
    Body, S3, S3Request, S3Response, S3Result,
    dto::{GetObjectInput, GetObjectOutput, PutObjectInput, PutObjectOutput, StreamingBlob},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What reached PutObject, whole.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Seen {
    pub bucket: String,
    pub key: String,
    pub body: Vec<u8>,
    pub content_encoding: Option<String>,
    pub storage_class: Option<String>,
    pub trailer: Option<String>,
    pub uri: String,
}

#[derive(Clone)]
pub struct Recorder {
    pub seen: Arc<Mutex<Vec<Seen>>>,
    /// Pieces of large objects that may be in memory at once.
    pub budget: Arc<Semaphore>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { seen: Arc::default(), budget: Arc::new(Semaphore::new(PIECES_AT_ONCE)) }
    }
}

pub const PIECES_AT_ONCE: usize = 4;
/// More than the kernel buffers of a connection on one host.
pub const LARGE_BYTES: usize = 32 << 20;
const PIECE_BYTES: usize = 1 << 20;

/// Holds its place in the budget until it is dropped.
struct Piece(Vec<u8>, #[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn large(budget: Arc<Semaphore>) -> impl Stream<Item = Result<Bytes, std::io::Error>> {
    stream::iter(0..LARGE_BYTES / PIECE_BYTES).then(move |_| {
        let budget = budget.clone();
        async move {
            let place = budget.acquire_owned().await.unwrap();
            Ok(Bytes::from_owner(Piece(vec![b'x'; PIECE_BYTES], place)))
        }
    })
}

#[async_trait::async_trait]
impl S3 for Recorder {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        assert!(
            request.extensions.get::<Caller>().is_some() && request.extensions.get::<RequestId>().is_some()
        );
        for name in ["authorization", "x-amz-content-sha256", "x-amz-date", "x-amz-decoded-content-length"] {
            assert!(!request.headers.contains_key(name), "{name}");
        }
        let input = request.input;
        let mut body = Vec::new();
        if let Some(mut stream) = input.body {
            while let Some(piece) = stream.next().await {
                body.extend_from_slice(&piece.map_err(|error| body_error(&*error))?);
            }
        }
        assert_eq!(input.content_length, Some(body.len() as i64));
        let trailer =
            request.extensions.get::<Trailers>().and_then(|trailers| trailers.cell("x-amz-checksum-crc32c"));
        self.seen.lock().unwrap().push(Seen {
            bucket: input.bucket,
            key: input.key,
            body,
            content_encoding: input.content_encoding,
            storage_class: input.storage_class.map(|class| class.as_str().to_owned()),
            trailer: trailer.and_then(|cell| cell.get().cloned()),
            uri: request.uri.to_string(),
        });
        Ok(S3Response::new(PutObjectOutput::default()))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        if request.input.key == "large" {
            return Ok(S3Response::new(GetObjectOutput {
                body: Some(StreamingBlob::wrap(large(self.budget.clone()))),
                content_length: Some(LARGE_BYTES as i64),
                ..GetObjectOutput::default()
            }));
        }
        let body = Bytes::from(format!("{:?}", request.input.range));
        let length = body.len() as i64;
        let body = Some(StreamingBlob::from(Body::from(body)));
        Ok(S3Response::new(GetObjectOutput {
            body,
            content_length: Some(length),
            ..GetObjectOutput::default()
        }))
    }
}
