//! Answers as they leave: the headers of every one, and the errors, s3s's own among them, in one form.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use s3s::Body;
use types::Durability;

use crate::{codes, context::RequestId, error::Refusal};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
const DURABILITY: HeaderName = HeaderName::from_static("x-holdfast-durability");

/// Dresses answers.
pub(crate) struct Answerer {
    host_id: String,
    host_id_header: HeaderValue,
    durability: HeaderValue,
}

/// Of the request that is answered.
pub(crate) struct Asked<'a> {
    pub(crate) id: RequestId,
    pub(crate) method: &'a Method,
    /// The raw path, path style or not.
    pub(crate) path: &'a str,
}

/// Of an error that was answered, for the log.
pub(crate) struct Told {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Answerer {
    /// `host_id`: of this process, sent as `x-amz-id-2`; ASCII.
    pub(crate) fn new(host_id: String, durability: Durability) -> Self {
        let header = |text: &str| HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"));
        Self { host_id_header: header(&host_id), durability: header(&durability.to_string()), host_id }
    }

    /// The answer to a request that the door refused.
    pub(crate) fn refuse(&self, asked: &Asked<'_>, refusal: &Refusal) -> (Response<Body>, Told) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = refusal.status;
        let told = Told { code: refusal.code.to_owned(), message: refusal.message.clone().into_owned() };
        self.set_error_body(asked, &mut response, &told, &refusal.details);
        self.dress(asked, response.headers_mut());
        (response, told)
    }

    /// The answer of an operation. Errors, which s3s writes bare, are written anew.
    pub(crate) fn pass(
        &self,
        asked: &Asked<'_>,
        mut response: Response<Body>,
    ) -> (Response<Body>, Option<Told>) {
        let status = response.status();
        let mut told = None;
        if status.is_client_error() || status.is_server_error() {
            let error = self.rewrite_error(asked, &mut response);
            told = Some(error);
        } else if status == StatusCode::NOT_MODIFIED {
            strip_body(&mut response);
        } else if status.is_success() && writes(asked.method) {
            response.headers_mut().entry(DURABILITY).or_insert_with(|| self.durability.clone());
        }
        self.dress(asked, response.headers_mut());
        (response, told)
    }

    fn rewrite_error(&self, asked: &Asked<'_>, response: &mut Response<Body>) -> Told {
        let bytes = response.body().bytes().unwrap_or_default();
        let mut refusal = None;
        let mut told = parse_error(&bytes)
            .unwrap_or_else(|| Told { code: "InternalError".to_owned(), message: String::new() });
        if told.code == "NotImplemented" && told.message == "Unknown operation" {
            let level = if asked.path == "/" { "SERVICE" } else { "OBJECT" };
            refusal = Some(
                Refusal::of("MethodNotAllowed")
                    .with("Method", asked.method.as_str())
                    .with("ResourceType", level),
            );
        } else if told.message.is_empty() {
            told.message = codes::describe(&told.code).1.to_owned();
        }
        let details = refusal.map_or(Vec::new(), |refusal| {
            *response.status_mut() = refusal.status;
            told = Told { code: refusal.code.to_owned(), message: refusal.message.into_owned() };
            refusal.details
        });
        self.set_error_body(asked, response, &told, &details);
        told
    }

    /// A HEAD has no room for a document, and says nothing of one.
    fn set_error_body(
        &self,
        asked: &Asked<'_>,
        response: &mut Response<Body>,
        told: &Told,
        details: &[(&str, String)],
    ) {
        strip_body(response);
        if asked.method == Method::HEAD || response.status() == StatusCode::NOT_MODIFIED {
            return;
        }
        *response.body_mut() = Body::from(self.document(asked, told, details));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    }

    fn document(&self, asked: &Asked<'_>, told: &Told, details: &[(&str, String)]) -> String {
        let mut xml = String::with_capacity(512);
        xml.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>");
        push_element(&mut xml, "Code", &told.code);
        push_element(&mut xml, "Message", &told.message);
        for (name, value) in details {
            push_element(&mut xml, name, value);
        }
        push_element(&mut xml, "Resource", asked.path);
        push_element(&mut xml, "RequestId", &asked.id.to_string());
        push_element(&mut xml, "HostId", &self.host_id);
        xml.push_str("</Error>");
        xml
    }

    fn dress(&self, asked: &Asked<'_>, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, asked.id.to_header());
        headers.insert(HOST_ID, self.host_id_header.clone());
        headers.insert(header::SERVER, HeaderValue::from_static("Holdfast"));
    }
}

fn writes(method: &Method) -> bool {
    matches!(*method, Method::PUT | Method::POST | Method::DELETE)
}

fn strip_body(response: &mut Response<Body>) {
    *response.body_mut() = Body::empty();
    response.headers_mut().remove(header::CONTENT_TYPE);
    response.headers_mut().remove(header::CONTENT_LENGTH);
}

fn push_element(xml: &mut String, name: &str, value: &str) {
    for part in ["<", name, ">"] {
        xml.push_str(part);
    }
    push_escaped(xml, value);
    for part in ["</", name, ">"] {
        xml.push_str(part);
    }
}

/// What XML 1.0 cannot say, control characters, becomes U+FFFD.
fn push_escaped(xml: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '&' => xml.push_str("&amp;"),
            '"' => xml.push_str("&quot;"),
            '\n' | '\t' => xml.push(c),
            '\r' => xml.push_str("&#xD;"),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => xml.push('\u{fffd}'),
            _ => xml.push(c),
        }
    }
}

/// Code and message of an error document as s3s writes it.
fn parse_error(document: &Bytes) -> Option<Told> {
    let text = std::str::from_utf8(document).ok()?;
    let error = text.split_once("<Error>")?.1;
    let element = |open: &str, close: &str| {
        let value = error.split_once(open)?.1.split_once(close)?.0;
        quick_xml::escape::unescape(value).ok().map(std::borrow::Cow::into_owned)
    };
    let code = element("<Code>", "</Code>")?;
    Some(Told { code, message: element("<Message>", "</Message>").unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use s3s::{S3Error, S3ErrorCode};

    use super::*;

    fn answerer() -> Answerer {
        Answerer::new("host".into(), Durability::Disk)
    }

    fn body(response: &Response<Body>) -> String {
        String::from_utf8(response.body().bytes().expect("a body").to_vec()).expect("UTF-8")
    }

    fn asked<'a>(method: &'a Method, path: &'a str) -> Asked<'a> {
        Asked { id: RequestId::random(), method, path }
    }

    fn error(code: S3ErrorCode, message: &'static str) -> Response<Body> {
        S3Error::with_message(code, message).to_http_response().expect("an answer")
    }

    #[test]
    fn errors_of_operations_get_their_missing_elements() {
        let asked = asked(&Method::GET, "/b/%3Ck&");
        let (response, told) = answerer().pass(&asked, error(S3ErrorCode::NoSuchKey, "no <such> & \"key\""));
        let xml = body(&response);
        assert!(
            xml.contains("<Code>NoSuchKey</Code><Message>no &lt;such&gt; &amp; &quot;key&quot;</Message>"),
            "{xml}"
        );
        assert!(xml.contains("<Resource>/b/%3Ck&amp;</Resource>"), "{xml}");
        assert!(
            xml.contains(&format!("<RequestId>{}</RequestId><HostId>host</HostId></Error>", asked.id)),
            "{xml}"
        );
        assert_eq!(told.expect("an error").message, "no <such> & \"key\"");
        assert_eq!(response.headers()["x-amz-request-id"], asked.id.to_string().as_str());
        assert!(response.headers().get("x-holdfast-durability").is_none());
    }

    #[test]
    fn messages_are_never_empty() {
        let bare = S3Error::new(S3ErrorCode::NoSuchBucket).to_http_response().expect("an answer");
        let (response, _) = answerer().pass(&asked(&Method::PUT, "/b"), bare);
        assert!(body(&response).contains("<Message>The specified bucket does not exist</Message>"));
    }

    #[test]
    fn unknown_operations_are_methods_not_allowed() {
        let (response, told) = answerer()
            .pass(&asked(&Method::POST, "/"), error(S3ErrorCode::NotImplemented, "Unknown operation"));
        assert_eq!(response.status(), 405);
        assert_eq!(told.expect("an error").code, "MethodNotAllowed");
    }

    #[test]
    fn heads_have_no_body() {
        let (response, told) =
            answerer().pass(&asked(&Method::HEAD, "/b/k"), error(S3ErrorCode::NoSuchKey, "gone"));
        assert_eq!((response.status().as_u16(), body(&response).as_str()), (404, ""));
        assert!(response.headers().get(header::CONTENT_TYPE).is_none());
        assert_eq!(told.expect("an error").code, "NoSuchKey");
    }

    #[test]
    fn unmodified_objects_have_no_body_and_keep_their_tag() {
        let mut error = S3Error::new(S3ErrorCode::NotModified);
        error.set_headers(HeaderMap::from_iter([(header::ETAG, HeaderValue::from_static("\"1\""))]));
        let (response, _) =
            answerer().pass(&asked(&Method::GET, "/b/k"), error.to_http_response().expect("an answer"));
        assert_eq!((response.status().as_u16(), body(&response).as_str()), (304, ""));
        assert_eq!(response.headers()[header::ETAG], "\"1\"");
    }

    #[test]
    fn writes_tell_their_durability() {
        for (method, told) in
            [(Method::PUT, true), (Method::POST, true), (Method::DELETE, true), (Method::GET, false)]
        {
            let (response, _) = answerer().pass(&asked(&method, "/b/k"), Response::new(Body::empty()));
            assert_eq!(response.headers().get("x-holdfast-durability").is_some(), told, "{method}");
        }
    }

    #[test]
    fn what_xml_cannot_say_is_replaced() {
        let mut xml = String::new();
        push_escaped(&mut xml, "a\0b\u{1}\r<\u{ffff}>");
        assert_eq!(xml, "a\u{fffd}b\u{fffd}&#xD;&lt;\u{fffd}&gt;");
    }
}
