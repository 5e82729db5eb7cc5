use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use protocol::wire::{Code, ErrorAnswer, Remote};
use serde::Serialize;

/// JSON, indented where the client asked for it.
pub(super) fn json(status: StatusCode, value: &impl Serialize, pretty: bool) -> Response {
    let encoded = if pretty { serde_json::to_vec_pretty(value) } else { serde_json::to_vec(value) };
    match encoded {
        Ok(body) => (status, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// A request that was not done: `{"error": ...}`.
#[derive(Debug)]
pub(super) struct Failure {
    status: StatusCode,
    answer: ErrorAnswer,
}

impl Failure {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, answer: ErrorAnswer::bad_request(error) }
    }

    /// The request makes no sense.
    pub(super) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// Not now: the client may try again.
    pub(super) fn unavailable(reason: impl Into<String>) -> Self {
        let answer = ErrorAnswer { code: Code::Unavailable, ..ErrorAnswer::bad_request(reason) };
        Self { status: answer.code.status(), answer }
    }

    /// An error of a role, as its clients read it.
    pub(super) fn of(error: &impl Remote) -> Self {
        let answer = error.to_answer();
        Self { status: answer.code.status(), answer }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = json(self.status, &self.answer, false);
        if self.answer.code == Code::Unavailable {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
