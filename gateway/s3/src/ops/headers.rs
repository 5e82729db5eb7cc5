//! A request's headers, those included that s3s must not see.
//!
//! s3s 0.14 refuses what AWS ignores (a `Range` of several ranges, dates in the old forms) and misreads lists of
//! ETags. [`set_aside`] takes such headers out of its sight, and [`Headers`] brings both halves together again.

use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue,
    header::{EXPIRES, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE, RANGE},
};
use s3s::{
    S3ErrorCode, S3Request, S3Result,
    header::{
        X_AMZ_COPY_SOURCE_IF_MATCH, X_AMZ_COPY_SOURCE_IF_MODIFIED_SINCE, X_AMZ_COPY_SOURCE_IF_NONE_MATCH,
        X_AMZ_COPY_SOURCE_IF_UNMODIFIED_SINCE,
    },
};

use crate::error::s3_error;

const SET_ASIDE: [HeaderName; 10] = [
    RANGE,
    EXPIRES,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    X_AMZ_COPY_SOURCE_IF_MATCH,
    X_AMZ_COPY_SOURCE_IF_NONE_MATCH,
    X_AMZ_COPY_SOURCE_IF_MODIFIED_SINCE,
    X_AMZ_COPY_SOURCE_IF_UNMODIFIED_SINCE,
];

/// Extension of a request: its headers that were set aside.
#[derive(Clone)]
struct SetAside(HeaderMap);

/// Takes the headers that s3s would refuse or misread out of its sight. After authentication: they may be signed.
pub(super) fn set_aside(headers: &mut HeaderMap, extensions: &mut Extensions) {
    let mut aside = HeaderMap::new();
    for name in &SET_ASIDE {
        if !headers.contains_key(name) {
            continue;
        }
        aside.extend(headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        headers.remove(name);
    }
    if !aside.is_empty() {
        extensions.insert(SetAside(aside));
    }
}

/// All headers of a request.
#[derive(Clone, Copy)]
pub(super) struct Headers<'a> {
    seen: &'a HeaderMap,
    aside: Option<&'a HeaderMap>,
}

impl<'a> Headers<'a> {
    pub(super) fn of<T>(request: &'a S3Request<T>) -> Self {
        Self::new(&request.headers, &request.extensions)
    }

    pub(super) fn new(headers: &'a HeaderMap, extensions: &'a Extensions) -> Self {
        Self { seen: headers, aside: extensions.get::<SetAside>().map(|aside| &aside.0) }
    }

    /// The values of all headers of this name, as they were sent.
    pub(super) fn all(&self, name: &HeaderName) -> impl Iterator<Item = &'a HeaderValue> + use<'a> {
        let aside = self.aside.map(|aside| aside.get_all(name).into_iter());
        self.seen.get_all(name).into_iter().chain(aside.into_iter().flatten())
    }

    /// The header's text. An empty one counts as absent, as AWS has it.
    pub(super) fn text(&self, name: &HeaderName) -> S3Result<Option<&'a str>> {
        let Some(value) = self.all(name).next() else { return Ok(None) };
        let text = std::str::from_utf8(value.as_bytes()).map_err(|_| {
            s3_error(S3ErrorCode::InvalidArgument, format!("The header {name} is not UTF-8."))
        })?;
        Ok(Some(text.trim()).filter(|text| !text.is_empty()))
    }

    /// As [`Headers::text`], owned.
    pub(super) fn string(&self, name: &HeaderName) -> S3Result<Option<String>> {
        Ok(self.text(name)?.map(str::to_owned))
    }

    /// Whether the header was sent at all.
    pub(super) fn contains(&self, name: &HeaderName) -> bool {
        self.all(name).next().is_some()
    }

    /// Those whose name starts with `x-amz-`, as (rest of the name, value).
    pub(super) fn amz(&self) -> impl Iterator<Item = (&'a str, &'a HeaderValue)> + use<'a> {
        self.seen.iter().filter_map(|(name, value)| Some((name.as_str().strip_prefix("x-amz-")?, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_aside_headers_are_gone_for_s3s_and_there_for_us() -> S3Result<()> {
        let mut headers = HeaderMap::new();
        headers.append(RANGE, HeaderValue::from_static("bytes=0-1,3-4"));
        headers.append(IF_MATCH, HeaderValue::from_static("\"a\""));
        headers.append(IF_MATCH, HeaderValue::from_static("\"b\""));
        headers.append("x-amz-acl", HeaderValue::from_static("private"));
        let mut extensions = Extensions::new();
        set_aside(&mut headers, &mut extensions);
        assert_eq!(headers.len(), 1);
        let all = Headers::new(&headers, &extensions);
        assert_eq!(all.text(&RANGE)?, Some("bytes=0-1,3-4"));
        assert_eq!(all.all(&IF_MATCH).count(), 2);
        assert_eq!(all.amz().map(|(name, _)| name).collect::<Vec<_>>(), ["acl"]);
        assert!(!all.contains(&EXPIRES));
        Ok(())
    }
}
