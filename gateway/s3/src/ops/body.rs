//! Bodies between s3s and `objects`, without copies.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures::Stream;
use http::header::CONTENT_LENGTH;
use objects::{Body, Content, MAX_BODY_BYTES, ReadFailure};
use parking_lot::Mutex;
use s3s::{
    S3ErrorCode, S3Result, StdError,
    dto::StreamingBlob,
    stream::{ByteStream, DynByteStream, RemainingLength},
};

use super::{errors, headers::Headers};
use crate::error::s3_error;

/// The body of a request, for `objects`.
pub(super) fn of_request(blob: Option<StreamingBlob>) -> Body {
    match blob {
        Some(blob) => DynByteStream::from(blob),
        None => Box::pin(futures::stream::empty()),
    }
}

/// The declared length of the body. The door has made it that of the bytes within aws-chunked framing.
pub(super) fn declared_size(headers: &Headers<'_>) -> S3Result<u64> {
    let declared = headers.text(&CONTENT_LENGTH)?.ok_or_else(|| {
        s3_error(S3ErrorCode::MissingContentLength, "You must provide the Content-Length HTTP header.")
    })?;
    let size_bytes = declared.parse().map_err(|_| {
        s3_error(S3ErrorCode::InvalidArgument, "The declared length of the body is not a number of bytes.")
    })?;
    if size_bytes > MAX_BODY_BYTES { Err(errors::too_large()) } else { Ok(size_bytes) }
}

/// The body of an answer of exactly `size_bytes`: sent with a Content-Length, and broken off rather than ended
/// short.
pub(super) fn of_answer(content: Content, size_bytes: u64) -> StreamingBlob {
    StreamingBlob::new(Answer { content: Mutex::new(content), left_bytes: size_bytes })
}

struct Answer {
    /// A `Mutex` only because s3s asks for `Sync`: it is never locked.
    content: Mutex<Content>,
    left_bytes: u64,
}

impl Stream for Answer {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.content.get_mut().as_mut().poll_next(cx));
        Poll::Ready(match next {
            Some(Ok(bytes)) => Some(self.count(bytes)),
            Some(Err(failure)) => Some(Err(broken(failure))),
            None if self.left_bytes > 0 => {
                let missing = std::mem::take(&mut self.left_bytes);
                Some(Err(broken(ReadFailure::Damaged(format!("the content ended {missing} bytes early")))))
            }
            None => None,
        })
    }
}

impl Answer {
    fn count(&mut self, bytes: Bytes) -> Result<Bytes, StdError> {
        match self.left_bytes.checked_sub(bytes.len() as u64) {
            Some(left) => {
                self.left_bytes = left;
                Ok(bytes)
            }
            None => Err(broken(ReadFailure::Damaged("the content is longer than the object".into()))),
        }
    }
}

impl ByteStream for Answer {
    fn remaining_length(&self) -> RemainingLength {
        usize::try_from(self.left_bytes)
            .map_or_else(|_| RemainingLength::unknown(), RemainingLength::new_exact)
    }
}

/// The status is sent already: all that is left is to break the connection, and to say so in the log.
fn broken(failure: ReadFailure) -> StdError {
    tracing::error!(%failure, "an answer was broken off");
    Box::new(failure)
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt, stream};
    use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn content(pieces: &[&'static str]) -> Content {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        Box::pin(stream::iter(pieces))
    }

    #[tokio::test]
    async fn an_answer_has_exactly_its_length() {
        let blob = of_answer(content(&["ab", "c"]), 3);
        assert_eq!(blob.remaining_length().exact(), Some(3));
        let pieces: Vec<_> = blob.map(|piece| piece.map_err(|error| error.to_string())).collect().await;
        assert_eq!(pieces, [Ok(Bytes::from("ab")), Ok(Bytes::from("c"))]);
    }

    #[tokio::test]
    async fn a_short_or_long_content_breaks_the_answer() {
        for declared in [2, 4] {
            let pieces: Vec<_> = of_answer(content(&["ab", "c"]), declared).collect().await;
            assert!(pieces.last().is_some_and(Result::is_err), "{declared}");
        }
    }

    #[test]
    fn lengths_are_declared() {
        let of = |sent: &[(HeaderName, &'static str)]| {
            let headers: HeaderMap =
                sent.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
            declared_size(&Headers::new(&headers, &Extensions::new()))
                .map_err(|error| error.code().as_str().to_owned())
        };
        assert_eq!(of(&[(CONTENT_LENGTH, "7")]), Ok(7));
        assert_eq!(of(&[]), Err("MissingContentLength".into()));
        assert_eq!(of(&[(CONTENT_LENGTH, "-7")]), Err("InvalidArgument".into()));
        assert_eq!(of(&[(CONTENT_LENGTH, "5368709120")]), Ok(5 << 30));
        assert_eq!(of(&[(CONTENT_LENGTH, "5368709121")]), Err("EntityTooLarge".into()));
    }
}
