//! The canonical request of Signature V4.
//!
//! Source: S3 API reference, "Authenticating Requests: Using the Authorization Header".

use http::{HeaderMap, Method};

use crate::{encoding, query::Query};

/// What of a request is signed, besides the headers' names and the payload.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a Method,
    /// As sent, percent-encoded.
    pub(crate) raw_path: &'a str,
    pub(crate) query: &'a Query<'a>,
    pub(crate) headers: &'a HeaderMap,
}

/// The canonical request. `path` is already canonical; the query parameter `except` is left out.
pub(crate) fn request(
    signed: &Signed<'_>,
    path: &[u8],
    except: Option<&str>,
    names: &str,
    payload: &str,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(signed.method.as_str().as_bytes());
    out.push(b'\n');
    out.extend_from_slice(path);
    out.push(b'\n');
    if !signed.query.is_empty() {
        signed.query.write_canonical(except, &mut out);
    }
    out.push(b'\n');
    for name in names.split(';') {
        write_header(signed.headers, name, &mut out);
    }
    out.push(b'\n');
    out.extend_from_slice(names.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload.as_bytes());
    out
}

/// A header that is signed and not there counts as empty: adding it later breaks the signature.
fn write_header(headers: &HeaderMap, name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    for (at, value) in headers.get_all(name).iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_collapsed(value.as_bytes(), out);
    }
    out.push(b'\n');
}

/// Trimmed, with runs of spaces as one.
pub(crate) fn write_collapsed(value: &[u8], out: &mut Vec<u8>) {
    let mut space_before = false;
    for &b in value.trim_ascii() {
        let space = b == b' ';
        if !(space && space_before) {
            out.push(b);
        }
        space_before = space;
    }
}

/// The path with everything encoded that S3 encodes, and nothing else: what SDKs sign, however they sent it.
/// Nothing is normalised, `.` and `//` stay.
pub(crate) fn path(raw: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len() + 16);
    if raw.bytes().all(|b| encoding::is_unreserved(b) || b == b'/') {
        out.extend_from_slice(raw.as_bytes());
    } else {
        encoding::encode(&encoding::decode(raw.as_bytes())?, true, &mut out);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_encoded_once_and_never_normalised() {
        for (raw, expected) in [
            ("/", "/"),
            ("/b/../a//./c/", "/b/../a//./c/"),
            ("/b/test%24file.text", "/b/test%24file.text"),
            ("/b/test$file.text", "/b/test%24file.text"),
            ("/b/%2f%7e%c3%a9", "/b//~%C3%A9"),
            ("/b/a+b", "/b/a%2Bb"),
            ("/b/%2520", "/b/%2520"),
        ] {
            assert_eq!(path(raw).as_deref(), Some(expected.as_bytes()), "{raw}");
        }
    }

    #[test]
    fn header_values_are_trimmed_collapsed_and_joined() {
        let mut headers = HeaderMap::new();
        headers.append("x-amz-meta-a", "  a   b ".parse().expect("a value"));
        headers.append("x-amz-meta-a", "c".parse().expect("a value"));
        let mut out = Vec::new();
        write_header(&headers, "x-amz-meta-a", &mut out);
        write_header(&headers, "x-amz-meta-b", &mut out);
        assert_eq!(out, b"x-amz-meta-a:a b,c\nx-amz-meta-b:\n");
    }
}
