//! What changes in a request between its verification and s3s: all that was signed is read by then.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request::Parts};

use crate::{error::Refusal, query::Query, target::Level};

/// Parameters that s3s parses as numbers or flags, and S3 ignores when empty.
const IGNORED_WHEN_EMPTY: &[&str] =
    &["fetch-owner", "max-buckets", "max-keys", "max-parts", "max-uploads", "part-number-marker"];

/// Of the query of a presigned URL, its signature. Such a URL also carries headers, as `x-amz-*` parameters.
const PRESIGNED: &[&str] = &["AWSAccessKeyId", "Expires", "Signature"];

/// Makes a verified request one that s3s understands: path style, without its signature.
pub(crate) fn verified(
    parts: &mut Parts,
    query: &Query<'_>,
    level: Level,
    host_bucket: Option<&str>,
    presigned: bool,
) -> Result<(), Refusal> {
    if presigned {
        hoist_headers(query, &mut parts.headers)?;
    }
    let ignored = |name: &str, value: &str| {
        (value.is_empty() && IGNORED_WHEN_EMPTY.contains(&name)) || (presigned && is_of_signature(name))
    };
    let query = if query.iter().any(|(name, value)| ignored(name, value)) {
        Some(query.encoded_without(|name, value| !ignored(name, value)))
    } else {
        None
    };
    if query.is_some() || host_bucket.is_some() {
        parts.uri = rebuilt(&parts.uri, host_bucket, query.as_deref())?;
    }
    for name in [header::AUTHORIZATION.as_str(), "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"]
    {
        parts.headers.remove(name);
    }
    normalise_range(&parts.method, level, &mut parts.headers);
    strip_aws_chunked(&mut parts.headers);
    Ok(())
}

fn is_of_signature(name: &str) -> bool {
    PRESIGNED.contains(&name) || is_amz(name)
}

fn is_amz(name: &str) -> bool {
    name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"))
}

/// SDKs move `x-amz-*` headers of a presigned request to its query, where they are signed, and with Signature V2 two
/// more. A header that is also there as such wins: it is signed as well.
fn hoist_headers(query: &Query<'_>, headers: &mut HeaderMap) -> Result<(), Refusal> {
    let is_v2 = query.has("AWSAccessKeyId");
    let is_header = |name: &str| is_amz(name) || (is_v2 && ["content-md5", "content-type"].contains(&name));
    for (name, value) in query.iter().filter(|(name, _)| is_header(name)) {
        let invalid =
            || Refusal::new("InvalidArgument", format!("The parameter {name:?} is no valid header."));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
        if !headers.contains_key(&header) {
            headers.insert(header, HeaderValue::from_str(value).map_err(|_| invalid())?);
        }
    }
    Ok(())
}

/// Path style, with another query where one is given.
fn rebuilt(uri: &Uri, host_bucket: Option<&str>, query: Option<&str>) -> Result<Uri, Refusal> {
    let mut text = String::with_capacity(uri.path().len() + 80);
    if let Some(bucket) = host_bucket {
        text.push('/');
        text.push_str(bucket);
    }
    text.push_str(uri.path());
    if let Some(query) = query.or(uri.query()).filter(|query| !query.is_empty()) {
        text.push('?');
        text.push_str(query);
    }
    text.parse().map_err(|_| Refusal::of("InvalidURI"))
}

/// S3 ignores a Range that is not one range of bytes, as HTTP says; s3s refuses it.
fn normalise_range(method: &Method, level: Level, headers: &mut HeaderMap) {
    let Some(value) = headers.get(header::RANGE) else { return };
    let reads = level == Level::Object && (method == Method::GET || method == Method::HEAD);
    let range = value.to_str().ok().filter(|_| reads).and_then(single_range);
    match range.and_then(|range| HeaderValue::from_str(&range).ok()) {
        Some(range) => headers.insert(header::RANGE, range),
        None => headers.remove(header::RANGE),
    };
}

/// The range in the one form s3s takes, `None` when it is to be ignored. Numbers past what s3s holds are past every
/// object as well, and are cut to its largest.
fn single_range(text: &str) -> Option<String> {
    let (unit, set) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = set.trim().split_once('-')?;
    let number = |digits: &str| -> Option<u64> {
        let all_digits = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        all_digits.then(|| digits.parse().unwrap_or(u64::MAX).min(i64::MAX.unsigned_abs()))
    };
    match (first, last) {
        ("", last) => Some(format!("bytes=-{}", number(last)?)),
        (first, "") => Some(format!("bytes={}-", number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| format!("bytes={first}-{last}"))
        }
    }
}

/// The framing is not part of the object: its other encodings are.
fn strip_aws_chunked(headers: &mut HeaderMap) {
    let is_framing = |coding: &&str| coding.trim().eq_ignore_ascii_case("aws-chunked");
    let values: Vec<&str> =
        headers.get_all(header::CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok()).collect();
    if !values.iter().flat_map(|value| value.split(',')).any(|coding| is_framing(&coding)) {
        return;
    }
    let codings =
        values.iter().flat_map(|value| value.split(',')).filter(|coding| !is_framing(coding)).map(str::trim);
    let rest = codings.filter(|coding| !coding.is_empty()).collect::<Vec<_>>().join(",");
    headers.remove(header::CONTENT_ENCODING);
    if let Some(value) = HeaderValue::from_str(&rest).ok().filter(|value| !value.is_empty()) {
        headers.insert(header::CONTENT_ENCODING, value);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rewritten(uri: &str, bucket: Option<&str>, presigned: bool) -> Parts {
        let request = http::Request::get(uri).body(()).expect("a request");
        let (mut parts, ()) = request.into_parts();
        let uri = parts.uri.clone();
        let query = Query::parse(uri.query()).expect("a query");
        verified(&mut parts, &query, Level::Object, bucket, presigned).expect("a good request");
        parts
    }

    #[test]
    fn signatures_and_empty_numbers_are_taken_out() {
        let parts = rewritten("/b?max-keys=&prefix=a%20b&acl", None, false);
        assert_eq!(parts.uri, "/b?prefix=a%20b&acl=");
        let parts = rewritten("/b/k?X-Amz-Signature=1&x-amz-meta-a=1&response-expires=x", None, true);
        assert_eq!(parts.uri, "/b/k?response-expires=x");
        assert_eq!(parts.headers["x-amz-meta-a"], "1");
        let parts =
            rewritten("/b/k?AWSAccessKeyId=a&Expires=1&Signature=c&content-type=text/plain", None, true);
        assert_eq!(
            (parts.uri.path(), &parts.headers[header::CONTENT_TYPE]),
            ("/b/k", &HeaderValue::from_static("text/plain"))
        );
        assert_eq!(parts.uri.query(), Some("content-type=text%2Fplain"));
        let parts = rewritten("/b/k?Expires=1", None, false);
        assert_eq!(parts.uri, "/b/k?Expires=1");
    }

    #[test]
    fn virtual_hosts_become_paths() {
        assert_eq!(rewritten("/k//%2E%2e/?a=%20", Some("b.c"), false).uri, "/b.c/k//%2E%2e/?a=%20");
        assert_eq!(rewritten("//", Some("b"), false).uri, "/b//");
    }

    #[test]
    fn ranges_are_one_range_or_none() {
        for (text, expected) in [
            ("bytes=0-4", Some("bytes=0-4")),
            ("BYTES=5-", Some("bytes=5-")),
            ("bytes=-3", Some("bytes=-3")),
            ("bytes=-0", Some("bytes=-0")),
            ("bytes=0-1,3-4", None),
            ("bytes=4-1", None),
            ("bytes=a-", None),
            ("bytes=-", None),
            ("items=0-1", None),
            ("bytes=0-99999999999999999999999", Some("bytes=0-9223372036854775807")),
            ("bytes=+1-2", None),
        ] {
            assert_eq!(single_range(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn only_the_framing_leaves_the_content_encoding() {
        for (values, expected) in [
            (&["aws-chunked"][..], None),
            (&["aws-chunked,gzip"], Some("gzip")),
            (&["gzip, AWS-Chunked , br"], Some("gzip,br")),
            (&["gzip", "aws-chunked"], Some("gzip")),
            (&["gzip , br"], Some("gzip , br")),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CONTENT_ENCODING, value.parse().expect("a value"));
            }
            strip_aws_chunked(&mut headers);
            assert_eq!(
                headers.get(header::CONTENT_ENCODING).map(|value| value.to_str().expect("text")),
                expected
            );
        }
    }

    proptest! {
        #[test]
        fn any_range_is_one_that_s3s_takes_or_none(text in "(bytes=)?[0-9,-]{0,24}|.{0,30}") {
            if let Some(range) = single_range(&text) {
                prop_assert!(s3s::dto::Range::parse(&range).is_ok(), "{}", range);
            }
        }
    }
}
