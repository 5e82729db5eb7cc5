//! `If-*` headers.

use http::{
    HeaderName,
    header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE},
};
use namespace::{EtagCondition, Object, ReadOutcome, ReadPreconditions, WritePreconditions};
use s3s::{
    S3ErrorCode, S3Result,
    header::{
        X_AMZ_COPY_SOURCE_IF_MATCH, X_AMZ_COPY_SOURCE_IF_MODIFIED_SINCE, X_AMZ_COPY_SOURCE_IF_NONE_MATCH,
        X_AMZ_COPY_SOURCE_IF_UNMODIFIED_SINCE,
    },
};
use types::Timestamp;

use super::{errors, headers::Headers, times};
use crate::error::s3_error;

/// The conditions of a GET or HEAD.
pub(super) fn of_read(headers: &Headers<'_>) -> S3Result<ReadPreconditions> {
    Ok(ReadPreconditions {
        if_match: etags(headers, &IF_MATCH)?,
        if_none_match: etags(headers, &IF_NONE_MATCH)?,
        if_modified_since: date(headers, &IF_MODIFIED_SINCE),
        if_unmodified_since: date(headers, &IF_UNMODIFIED_SINCE),
    })
}

/// The conditions on the source of a copy.
pub(super) fn of_copy_source(headers: &Headers<'_>) -> S3Result<ReadPreconditions> {
    Ok(ReadPreconditions {
        if_match: etags(headers, &X_AMZ_COPY_SOURCE_IF_MATCH)?,
        if_none_match: etags(headers, &X_AMZ_COPY_SOURCE_IF_NONE_MATCH)?,
        if_modified_since: date(headers, &X_AMZ_COPY_SOURCE_IF_MODIFIED_SINCE),
        if_unmodified_since: date(headers, &X_AMZ_COPY_SOURCE_IF_UNMODIFIED_SINCE),
    })
}

/// The conditions of a PUT, a copy or a Complete: `If-None-Match: *` or `If-Match`, not both, as AWS has it.
pub(super) fn of_write(headers: &Headers<'_>) -> S3Result<WritePreconditions> {
    let if_match = etags(headers, &IF_MATCH)?;
    let if_none_match = etags(headers, &IF_NONE_MATCH)?;
    match (&if_match, &if_none_match) {
        (_, None) | (None, Some(EtagCondition::Any)) => Ok(WritePreconditions { if_match, if_none_match }),
        (Some(_), Some(_)) => Err(not_built("If-Match and If-None-Match together")),
        (None, Some(EtagCondition::OneOf(_))) => Err(not_built("a write with If-None-Match other than *")),
    }
}

/// The condition of a DELETE.
pub(super) fn of_delete(headers: &Headers<'_>) -> S3Result<WritePreconditions> {
    if headers.contains(&IF_NONE_MATCH) {
        return Err(not_built("If-None-Match of a delete"));
    }
    Ok(WritePreconditions { if_match: etags(headers, &IF_MATCH)?, if_none_match: None })
}

fn not_built(what: &str) -> s3s::S3Error {
    s3_error(
        S3ErrorCode::NotImplemented,
        format!("A header you provided implies functionality that is not implemented: {what}."),
    )
}

/// Lets the request go on, or answers 304 or 412.
pub(super) fn check(conditions: &ReadPreconditions, object: &Object) -> S3Result<()> {
    match conditions.evaluate(object) {
        ReadOutcome::Proceed => Ok(()),
        ReadOutcome::NotModified => Err(errors::not_modified(object)),
        ReadOutcome::Failed => Err(errors::precondition_failed()),
    }
}

/// A header that is there is a condition, also when no ETag in it can be meant: that one matches nothing.
fn etags(headers: &Headers<'_>, name: &HeaderName) -> S3Result<Option<EtagCondition>> {
    let mut listed = Vec::new();
    let mut is_there = false;
    for value in headers.all(name) {
        let text = value.to_str().map_err(|_| {
            s3_error(S3ErrorCode::InvalidArgument, format!("The header {name} is not a list of ETags."))
        })?;
        is_there = true;
        match condition(text) {
            EtagCondition::Any => return Ok(Some(EtagCondition::Any)),
            EtagCondition::OneOf(etags) => listed.extend(etags),
        }
    }
    Ok(is_there.then_some(EtagCondition::OneOf(listed)))
}

/// `*`, or ETags with or without quotes and weak marks, parted by commas. Ours have no commas in them.
pub(super) fn condition(text: &str) -> EtagCondition {
    if text.trim() == "*" {
        return EtagCondition::Any;
    }
    let etags = text.split(',').map(|etag| bare(etag).to_owned()).filter(|etag| !etag.is_empty());
    EtagCondition::OneOf(etags.collect())
}

/// An ETag without weak mark and quotes.
pub(super) fn bare(etag: &str) -> &str {
    let etag = etag.trim();
    let etag = etag.strip_prefix("W/").unwrap_or(etag);
    etag.strip_prefix('"').and_then(|etag| etag.strip_suffix('"')).unwrap_or(etag)
}

fn date(headers: &Headers<'_>, name: &HeaderName) -> Option<Timestamp> {
    headers.all(name).next().and_then(|value| times::parse_http_date(value.to_str().ok()?))
}

#[cfg(test)]
mod tests {
    use http::{Extensions, HeaderMap, HeaderValue};

    use super::*;

    fn one_of(etags: &[&str]) -> EtagCondition {
        EtagCondition::OneOf(etags.iter().map(|etag| (*etag).to_owned()).collect())
    }

    #[test]
    fn lists_of_etags() {
        assert_eq!(condition("*"), EtagCondition::Any);
        assert_eq!(condition(" \"a\" "), one_of(&["a"]));
        assert_eq!(condition("a-2"), one_of(&["a-2"]));
        assert_eq!(condition("W/\"a\", \"b\",c"), one_of(&["a", "b", "c"]));
        assert_eq!(condition(" , "), one_of(&[]));
        assert_eq!(condition("\""), one_of(&["\""]));
    }

    #[track_caller]
    fn check_write(sent: &[(HeaderName, &'static str)], expected: Result<WritePreconditions, &str>) {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(name, HeaderValue::from_static(value));
        }
        let outcome = of_write(&Headers::new(&headers, &Extensions::new()));
        assert_eq!(
            outcome.map_err(|error| error.code().as_str().to_owned()),
            expected.map_err(str::to_owned)
        );
    }

    #[test]
    fn conditional_writes() {
        check_write(&[], Ok(WritePreconditions::default()));
        check_write(
            &[(IF_NONE_MATCH, "*")],
            Ok(WritePreconditions { if_match: None, if_none_match: Some(EtagCondition::Any) }),
        );
        check_write(
            &[(IF_MATCH, "\"a\"")],
            Ok(WritePreconditions { if_match: Some(one_of(&["a"])), if_none_match: None }),
        );
        check_write(&[(IF_NONE_MATCH, "\"a\"")], Err("NotImplemented"));
        check_write(&[(IF_NONE_MATCH, "*"), (IF_MATCH, "\"a\"")], Err("NotImplemented"));
    }

    #[test]
    fn unreadable_dates_are_ignored() -> S3Result<()> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MODIFIED_SINCE, HeaderValue::from_static("last week"));
        headers.insert(IF_UNMODIFIED_SINCE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        let conditions = of_read(&Headers::new(&headers, &Extensions::new()))?;
        assert_eq!(conditions.if_modified_since, None);
        assert_eq!(conditions.if_unmodified_since, Some(Timestamp::from_millis(784_111_777_000)));
        Ok(())
    }
}
