use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use protocol::{
    DeleteError, ReadError, WriteError,
    wire::{Code, ErrorAnswer, Remote},
};
use serde::Serialize;

/// A request that is answered with an error.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    answer: ErrorAnswer,
}

impl Refusal {
    /// The request's own fault.
    pub(super) fn bad(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, answer: ErrorAnswer::bad_request(error) }
    }

    /// One of the protocol's errors. What is not the client's doing is logged: here it is handled.
    pub(super) fn remote(error: &impl Remote) -> Self {
        let answer = error.to_answer();
        let status = answer.code.status();
        if status.is_server_error() {
            tracing::warn!(error = %answer.error, "request failed");
        }
        Self { status, answer }
    }

    /// Not found, as a delete says it.
    pub(super) fn is_not_found(&self) -> bool {
        self.answer.code == Code::NotFound
    }

    pub(super) fn into_response(self, pretty: bool) -> Response {
        json(self.status, &self.answer, pretty)
    }

    /// With weed's `"size":0`, by which a delete says that nothing was there.
    pub(super) fn into_response_with_size(self, pretty: bool) -> Response {
        #[derive(Serialize)]
        struct Nothing {
            size: u32,
            #[serde(flatten)]
            answer: ErrorAnswer,
        }
        json(self.status, &Nothing { size: 0, answer: self.answer }, pretty)
    }
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        Self::remote(&error)
    }
}

impl From<ReadError> for Refusal {
    fn from(error: ReadError) -> Self {
        Self::remote(&error)
    }
}

impl From<DeleteError> for Refusal {
    fn from(error: DeleteError) -> Self {
        Self::remote(&error)
    }
}

/// Whether `pretty=y` is asked: weed's way to have any JSON indented.
pub(super) fn pretty_asked(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|pair| pair == "pretty=y"))
}

/// An answer in JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize, pretty: bool) -> Response {
    let written = match pretty {
        true => serde_json::to_vec_pretty(value),
        false => serde_json::to_vec(value),
    };
    let Ok(mut text) = written else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    text.push(b'\n');
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
