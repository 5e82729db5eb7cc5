//! `x-amz-copy-source`: `[/]bucket/key[?versionId=null]`, percent-encoded.

use namespace::{BucketName, ObjectKey};
use objects::Source;
use s3s::{S3ErrorCode, S3Result, header::X_AMZ_COPY_SOURCE};

use super::{conditions, headers::Headers, names};
use crate::{encoding, error::s3_error};

/// The source that the request names, and the conditions on it.
pub(super) fn of(headers: &Headers<'_>) -> S3Result<Source> {
    let (bucket, key) = parse(headers.text(&X_AMZ_COPY_SOURCE)?.unwrap_or_default())?;
    Ok(Source { bucket, key, preconditions: conditions::of_copy_source(headers)? })
}

fn parse(header: &str) -> S3Result<(BucketName, ObjectKey)> {
    let (path, version) = match header.split_once("?versionId=") {
        Some((path, version)) => (path, Some(version)),
        None => (header, None),
    };
    names::only_null_version(version)?;
    // AWS reads a bare plus as a space here: clients must write %2B.
    let path = path.replace('+', " ");
    let path = encoding::decode(path.as_bytes()).ok_or_else(|| malformed("it is not percent-encoded"))?;
    let path = std::str::from_utf8(&path).map_err(|_| malformed("it is not UTF-8"))?;
    let path = path.strip_prefix('/').unwrap_or(path);
    if path.starts_with("arn:") {
        return Err(s3_error(
            S3ErrorCode::NotImplemented,
            "Access point ARNs in x-amz-copy-source are not implemented: name the bucket.",
        ));
    }
    let (bucket, key) = path.split_once('/').ok_or_else(|| malformed("it must be bucket/key"))?;
    if key.is_empty() {
        return Err(malformed("the key is empty"));
    }
    Ok((names::bucket(bucket)?, names::key(key)?))
}

fn malformed(why: &str) -> s3s::S3Error {
    s3_error(S3ErrorCode::InvalidArgument, format!("Invalid copy source object key: {why}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, expected: Result<(&str, &str), &str>) {
        let parsed = parse(header).map_err(|error| error.code().as_str().to_owned());
        let parsed = parsed.as_ref().map(|(bucket, key)| (bucket.as_str(), key.as_str()));
        assert_eq!(parsed.map_err(String::as_str), expected, "{header}");
    }

    #[test]
    fn copy_sources() {
        check("source/key", Ok(("source", "key")));
        check("/source/a/b%20c", Ok(("source", "a/b c")));
        check("source%2Fa%2Fb", Ok(("source", "a/b")));
        check("source/a+b", Ok(("source", "a b")));
        check("source/a%2Bb", Ok(("source", "a+b")));
        check("source//a", Ok(("source", "/a")));
        check("source/%C3%BC?versionId=null", Ok(("source", "ü")));
        check("source/what%3Fnow", Ok(("source", "what?now")));
        check("source/k?versionId=3", Err("InvalidArgument"));
        check("source/%FF", Err("InvalidArgument"));
        check("source/100%", Err("InvalidArgument"));
        check("source", Err("InvalidArgument"));
        check("source/", Err("InvalidArgument"));
        check("", Err("InvalidArgument"));
        check("Bad_Name/key", Err("InvalidBucketName"));
        check("arn:aws:s3:us-east-1:123456789012:accesspoint/mine/object/k", Err("NotImplemented"));
    }
}
