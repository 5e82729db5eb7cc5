//! Errors as clients see them: AWS's codes, their status, a message that helps.

use std::borrow::Cow;

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

use crate::codes;

/// An error of AWS's `code`, with a message that helps the one who reads it.
pub fn s3_error(code: S3ErrorCode, message: impl Into<Cow<'static, str>>) -> S3Error {
    let mut error = S3Error::with_message(code, message);
    if error.status_code().is_none() {
        let (status, _) = codes::describe(error.code().as_str());
        error.set_status_code(status);
    }
    error
}

/// What was wrong with a body, found while it was read: the error at the end of the stream. An operation
/// that gets it back from `objects` answers [`body_error`] of it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.message)]
pub struct BodyFault(pub(crate) Refusal);

impl BodyFault {
    /// The answer to the request.
    pub fn to_s3_error(&self) -> S3Error {
        s3_error(code_of(self.0.code), self.0.message.clone())
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
    s3_error(S3ErrorCode::IncompleteBody, format!("The request body terminated unexpectedly: {error}"))
}

fn code_of(code: &'static str) -> S3ErrorCode {
    S3ErrorCode::from_bytes(code.as_bytes()).unwrap_or(S3ErrorCode::InternalError)
}

/// The door's own refusal of a request, before or after an operation saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// AWS's code.
    pub(crate) code: &'static str,
    /// Of the answer.
    pub(crate) status: StatusCode,
    /// Never empty.
    pub(crate) message: Cow<'static, str>,
    /// Further elements of the error document, by name.
    pub(crate) details: Vec<(&'static str, String)>,
}

impl Refusal {
    /// With the status and message of the code.
    pub(crate) fn of(code: &'static str) -> Self {
        let (status, message) = codes::describe(code);
        Self { code, status, message: message.into(), details: Vec::new() }
    }

    /// With a message of its own.
    pub(crate) fn new(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), ..Self::of(code) }
    }

    /// With another status than the code's.
    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// With a further element in the error document.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] BodyFault);

    #[test]
    fn a_fault_is_found_in_the_chain() {
        let fault = BodyFault(Refusal::of("XAmzContentSHA256Mismatch"));
        let error = body_error(&Outer(fault));
        assert_eq!(error.code().as_str(), "XAmzContentSHA256Mismatch");
        assert_eq!(error.status_code(), Some(StatusCode::BAD_REQUEST));
        let other = body_error(&std::io::Error::other("reset"));
        assert_eq!(other.code(), &S3ErrorCode::IncompleteBody);
    }
}
