//! Operations that record what reaches them.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::StreamExt;
use s3::{Caller, RequestId, Trailers, body_error};
use s3s::{
    Body, S3, S3Request, S3Response, S3Result,
    dto::{GetObjectInput, GetObjectOutput, PutObjectInput, PutObjectOutput, StreamingBlob},
};

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

#[derive(Clone, Default)]
pub struct Recorder {
    pub seen: Arc<Mutex<Vec<Seen>>>,
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
