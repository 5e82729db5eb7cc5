//! Errors as clients see them: AWS's codes, their status, a message that helps.

use std::borrow::Cow;

use s3s::{S3Error, S3ErrorCode};

/// An error of AWS's `code`, with a message that helps the one who reads it.
pub fn s3_error(code: S3ErrorCode, message: impl Into<Cow<'static, str>>) -> S3Error {
    S3Error::with_message(code, message)
}

/// What was wrong with a body, found while it was read: the error at the end of the stream. An operation
/// that gets it back from `objects` answers [`BodyFault::to_s3_error`].
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct BodyFault {
    code: S3ErrorCode,
    message: Cow<'static, str>,
}

impl BodyFault {
    pub(crate) fn new(code: S3ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into() }
    }

    /// The answer to the request.
    pub fn to_s3_error(&self) -> S3Error {
        s3_error(self.code.clone(), self.message.clone())
    }
}

/// The answer to a request whose body failed: the fault itself, wherever it is in the chain of sources, else
/// `IncompleteBody`, since the connection broke.
pub fn body_error(error: &(dyn std::error::Error + 'static)) -> S3Error {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(fault) = error.downcast_ref::<BodyFault>() {
            return fault.to_s3_error();
        }
        link = error.source();
    }
    s3_error(S3ErrorCode::IncompleteBody, format!("The body ended before it was complete: {error}"))
}
