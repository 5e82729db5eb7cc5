//! OPTIONS. No bucket has a CORS configuration in this release, so every preflight is refused as S3 refuses it.
//!
//! Here is where a configuration will be asked, for preflights and for the headers of other answers.

use http::{HeaderMap, header};

use crate::error::Refusal;

/// The answer to OPTIONS.
pub(crate) fn preflight(headers: &HeaderMap) -> Refusal {
    if !headers.contains_key(header::ORIGIN) {
        return Refusal::new("BadRequest", "Insufficient information. Origin request header needed.");
    }
    let Some(method) = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD) else {
        return Refusal::new("BadRequest", "Invalid Access-Control-Request-Method: null");
    };
    Refusal::new("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.")
        .with("Method", String::from_utf8_lossy(method.as_bytes()))
        .with("ResourceType", "BUCKET")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preflights_are_refused_as_s3_does() {
        let mut headers = HeaderMap::new();
        assert_eq!(preflight(&headers).status, 400);
        headers.insert(header::ORIGIN, "http://a.example".parse().expect("a value"));
        assert_eq!(preflight(&headers).status, 400);
        headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, "PUT".parse().expect("a value"));
        assert_eq!((preflight(&headers).status.as_u16(), preflight(&headers).code), (403, "AccessForbidden"));
    }
}
