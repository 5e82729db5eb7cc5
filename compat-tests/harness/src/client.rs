use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header::CONTENT_LENGTH};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Server;

/// Any body, whole or streamed.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What an exchange broke on.
pub type Broken = Box<dyn std::error::Error + Send + Sync>;

/// A client of one server's S3, signing as the root account. Cheap to clone.
#[derive(Clone)]
pub struct S3 {
    pub(crate) http: Client<HttpConnector, Body>,
    address: String,
    credentials: Credentials,
}

/// A request to be signed and sent. Its path and query are sent exactly as they are.
pub struct Request {
    client: S3,
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
    payload: Payload,
    time: SystemTime,
    presigned: Option<Duration>,
    unsigned: Vec<(HeaderName, HeaderValue)>,
}

/// How the body takes part in the signature.
enum Payload {
    Signed,
    /// The value of `x-amz-content-sha256`, as it stands.
    Marked(String),
    Anonymous,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// What S3 leaves as it is in a path.
const KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// A key as it stands in a path: all but unreserved characters and slashes encoded.
fn encoded(key: &str) -> String {
    utf8_percent_encode(key, KEY).to_string()
}

impl S3 {
    /// For a server, with its root account's keys.
    pub fn new(server: &Server) -> Self {
        Self::with_keys(server.s3_address(), &server.access_key, &server.secret_key)
    }

    /// For any address and keys.
    pub fn with_keys(address: &str, access_key: &str, secret_key: &str) -> Self {
        Self {
            http: Client::builder(TokioExecutor::new()).build_http(),
            address: address.to_owned(),
            credentials: Credentials::new(access_key, secret_key, None, None, "test"),
        }
    }

    /// Any request; `target` is path and query.
    #[expect(clippy::disallowed_methods, reason = "the signer takes a SystemTime")]
    pub fn request(&self, method: Method, target: impl Into<String>) -> Request {
        Request {
            client: self.clone(),
            method,
            target: target.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            payload: Payload::Signed,
            time: SystemTime::now(),
            presigned: None,
            unsigned: Vec::new(),
        }
    }

    /// A request for an object; the key is encoded.
    pub fn object(&self, method: Method, bucket: &str, key: &str) -> Request {
        self.request(method, format!("/{bucket}/{}", encoded(key)))
    }

    /// Sends a request as it is.
    pub async fn exchange(&self, request: http::Request<Body>) -> Result<Answer, Broken> {
        let (head, body) = self.http.request(request).await?.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
    }

    /// Makes a bucket; fails unless it was made.
    pub async fn make_bucket(&self, bucket: &str) {
        let answer = self.request(Method::PUT, format!("/{bucket}")).send().await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Puts an object, whatever comes of it.
    pub async fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>) -> Answer {
        self.object(Method::PUT, bucket, key).body(body).send().await
    }

    /// Gets an object, whatever comes of it.
    pub async fn get(&self, bucket: &str, key: &str) -> Answer {
        self.object(Method::GET, bucket, key).send().await
    }

    /// Deletes an object, whatever comes of it.
    pub async fn delete(&self, bucket: &str, key: &str) -> Answer {
        self.object(Method::DELETE, bucket, key).send().await
    }
}

impl Request {
    /// Adds a signed header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        self.headers.append(name, HeaderValue::from_str(value).expect("a header value"));
        self
    }

    /// Adds a header after signing.
    pub fn unsigned_header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        self.unsigned.push((name, HeaderValue::from_str(value).expect("a header value")));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends `x-amz-content-sha256` with this value instead of the body's hash.
    pub fn content_sha256(mut self, value: &str) -> Self {
        self.payload = Payload::Marked(value.to_owned());
        self
    }

    /// Does not sign.
    pub fn anonymous(mut self) -> Self {
        self.payload = Payload::Anonymous;
        self
    }

    /// Signs as if the time were another.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.time = time;
        self
    }

    /// Signs in the query, for this long.
    pub fn presigned(mut self, expires: Duration) -> Self {
        self.presigned = Some(expires);
        self
    }

    /// Sends it; fails only when no answer came.
    pub async fn send(self) -> Answer {
        self.try_send().await.expect("an answer")
    }

    /// Sends it. An error: the connection broke before the answer was whole.
    pub async fn try_send(self) -> Result<Answer, Broken> {
        let client = self.client.clone();
        client.exchange(self.signed()).await
    }

    /// The request as it goes over the wire.
    pub fn signed(self) -> http::Request<Body> {
        let uri: Uri = format!("http://{}{}", self.client.address, self.target).parse().expect("a URI");
        let mut request = http::Request::new(Full::new(self.body.clone()).boxed_unsync());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        if !matches!(self.payload, Payload::Anonymous) {
            self.sign(&mut request);
        }
        // As every S3 client does, also where the body is empty; hyper would leave it out then.
        if self.method == Method::PUT && !request.headers().contains_key(CONTENT_LENGTH) {
            request.headers_mut().insert(CONTENT_LENGTH, self.body.len().into());
        }
        for (name, value) in self.unsigned {
            request.headers_mut().append(name, value);
        }
        request
    }

    fn sign(&self, request: &mut http::Request<Body>) {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        if let Some(expires) = self.presigned {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.payload_checksum_kind = PayloadChecksumKind::NoHeader;
            settings.expires_in = Some(expires);
        }
        let identity = self.client.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("s3")
            .time(self.time)
            .settings(settings)
            .build()
            .expect("signing parameters")
            .into();
        let body = match &self.payload {
            _ if self.presigned.is_some() => SignableBody::UnsignedPayload,
            Payload::Marked(value) => SignableBody::Precomputed(value.clone()),
            Payload::Signed | Payload::Anonymous => SignableBody::Bytes(&self.body),
        };
        let headers: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().expect("a text header")))
            .collect();
        let uri = request.uri().to_string();
        let signable =
            SignableRequest::new(self.method.as_str(), uri, headers.into_iter(), body).expect("signable");
        let (instructions, _) = sign(signable, &parameters).expect("signed").into_parts();
        instructions.apply_to_request_http1x(request);
    }
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of the first element of this name; empty where there is none.
    pub fn element(&self, name: &str) -> String {
        let text = self.text();
        let inside = || text.split_once(&format!("<{name}>"))?.1.split_once(&format!("</{name}>"));
        inside().map(|(inside, _)| inside.to_owned()).unwrap_or_default()
    }

    /// S3's error code; empty where there is none.
    pub fn code(&self) -> String {
        self.element("Code")
    }

    /// A header as text; empty where there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
