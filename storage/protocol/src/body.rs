use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;

/// Why a body was not collected.
#[derive(Debug, thiserror::Error)]
pub enum CollectError<E> {
    /// It is, or says it is, longer than the limit. The rest was not read.
    #[error("body larger than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The connection failed, or the sender broke the framing.
    #[error("body: {0}")]
    Broken(E),
}

/// The whole of `body`, at most `limit_bytes`. A body of one frame is not copied.
pub async fn collect_bounded<B>(body: B, limit_bytes: usize) -> Result<Bytes, CollectError<B::Error>>
where
    B: Body<Data = Bytes>,
{
    let mut body = pin!(body);
    if body.size_hint().lower() > limit_bytes as u64 {
        return Err(CollectError::TooLarge { limit_bytes });
    }
    let Some(first) = next_data(body.as_mut()).await? else { return Ok(Bytes::new()) };
    if first.len() > limit_bytes {
        return Err(CollectError::TooLarge { limit_bytes });
    }
    if body.is_end_stream() {
        return Ok(first);
    }
    let rest = usize::try_from(body.size_hint().lower()).unwrap_or(0).min(limit_bytes);
    let mut whole = BytesMut::with_capacity(first.len() + rest);
    whole.extend_from_slice(&first);
    while let Some(data) = next_data(body.as_mut()).await? {
        if data.len() > limit_bytes - whole.len() {
            return Err(CollectError::TooLarge { limit_bytes });
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole.freeze())
}

/// The next data frame; trailers are skipped.
async fn next_data<B>(mut body: std::pin::Pin<&mut B>) -> Result<Option<Bytes>, CollectError<B::Error>>
where
    B: Body<Data = Bytes>,
{
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(CollectError::Broken)?.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}
