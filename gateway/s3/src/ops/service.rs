use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use s3s::{
    Body, HttpError, HttpRequest, HttpResponse, S3Response,
    config::{S3Config, StaticConfigProvider},
    host::S3Host,
    service::{S3Service, S3ServiceBuilder},
};

use super::{Operations, documents, headers};

/// The operations as one service: the last step of the door. s3s routes, parses and serialises in the middle.
///
/// Requests must be authenticated, freed of their signature and of aws-chunked framing, and carry a
/// [`Caller`](crate::Caller). Cheap to clone.
#[derive(Clone)]
pub struct Service {
    s3s: S3Service,
}

/// Extension of an answer: what s3s cannot say.
#[derive(Clone, Default)]
pub(super) struct Finish {
    /// In place of the body that s3s wrote.
    pub(super) body: Option<Bytes>,
    /// In place of 200.
    pub(super) status: Option<StatusCode>,
}

impl Service {
    /// Over the operations; `host` finds the bucket in a `Host` header.
    pub fn new(operations: Operations, host: impl S3Host) -> Self {
        let mut config = S3Config::default();
        config.xml_max_body_size = documents::DOCUMENT_MAX_BYTES;
        let mut builder = S3ServiceBuilder::new(operations);
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        builder.set_host(host);
        Self { s3s: builder.build() }
    }

    /// Answers a request. An error is one of serialisation: the connection is to be closed.
    pub async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (mut parts, body) = request.into_parts();
        headers::set_aside(&mut parts.headers, &mut parts.extensions);
        let body = match documents::gather(&parts, body).await {
            Ok(body) => body,
            Err(error) => return error.to_http_response().map_err(|error| HttpError::new(Box::new(error))),
        };
        let mut response = self.s3s.call(HttpRequest::from_parts(parts, body)).await?;
        if let Some(finish) = response.extensions_mut().remove::<Finish>() {
            finish.apply(&mut response);
        }
        Ok(response)
    }
}

impl Finish {
    fn apply(self, response: &mut HttpResponse) {
        if let Some(body) = self.body {
            *response.body_mut() = Body::from(body);
        }
        if let Some(status) = self.status {
            *response.status_mut() = status;
        }
    }
}

/// An answer whose XML we wrote: s3s writes only an empty `Output`.
pub(super) fn document<Output: Default>(body: Bytes) -> S3Response<Output> {
    let mut response = S3Response::new(Output::default());
    response.extensions.insert(Finish { body: Some(body), status: None });
    response
}

/// An answer of another status than s3s would give it.
pub(super) fn status<Output>(response: &mut S3Response<Output>, status: StatusCode) {
    response.extensions.insert(Finish { body: None, status: Some(status) });
}
