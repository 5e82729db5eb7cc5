use std::convert::Infallible;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode, header};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::{Answer, S3};

const BLOCK_BYTES: usize = 1 << 20;

/// A body of any length that costs next to nothing to make: one random block, with its own number at its front.
struct Noise {
    block: Bytes,
}

impl Noise {
    fn new(seed: u64) -> Self {
        let mut block = vec![0; BLOCK_BYTES];
        SmallRng::seed_from_u64(seed).fill(&mut block[..]);
        Self { block: block.into() }
    }

    /// The `number`-th block of a body of `size_bytes`; empty past its end.
    fn block(&self, number: u64, size_bytes: u64) -> Bytes {
        let left = size_bytes.saturating_sub(number * BLOCK_BYTES as u64);
        let mut block = BytesMut::from(&self.block[..]);
        block[..8].copy_from_slice(&number.to_be_bytes());
        block.truncate(usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK_BYTES));
        block.freeze()
    }
}

impl S3 {
    /// Puts `size_bytes` of noise in one request, unsigned payload, without holding it in memory.
    pub async fn put_noise(&self, bucket: &str, key: &str, size_bytes: u64, seed: u64) -> Answer {
        let request = self
            .object(Method::PUT, bucket, key)
            .header(header::CONTENT_LENGTH.as_str(), &size_bytes.to_string())
            .content_sha256("UNSIGNED-PAYLOAD")
            .signed();
        let noise = Noise::new(seed);
        let blocks = (0..size_bytes.div_ceil(BLOCK_BYTES as u64))
            .map(move |number| Ok::<_, Infallible>(Frame::data(noise.block(number, size_bytes))));
        let body = StreamBody::new(futures::stream::iter(blocks)).boxed_unsync();
        self.exchange(request.map(|_| body)).await.expect("an answer")
    }

    /// Gets noise and compares it as it comes; returns how many bytes were the same before the first that was not.
    pub async fn get_noise(&self, bucket: &str, key: &str, seed: u64) -> u64 {
        let request = self.object(Method::GET, bucket, key).signed();
        let answer = self.http.request(request).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        let size_bytes = answer.headers()[header::CONTENT_LENGTH].to_str().ok().and_then(|n| n.parse().ok());
        let size_bytes: u64 = size_bytes.expect("a length");
        let noise = Noise::new(seed);
        let (mut body, mut seen, mut expected) = (answer.into_body(), 0, Bytes::new());
        while let Some(frame) = body.frame().await {
            let Ok(mut data) = frame.expect("an unbroken body").into_data() else { continue };
            while !data.is_empty() {
                if expected.is_empty() {
                    expected = noise.block(seen / BLOCK_BYTES as u64, size_bytes);
                }
                let now = data.len().min(expected.len());
                if data.split_to(now) != expected.split_to(now) {
                    return seen;
                }
                seen += now as u64;
            }
        }
        seen
    }
}
