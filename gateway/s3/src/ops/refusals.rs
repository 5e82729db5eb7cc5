//! Requests for what is not built are refused by name: nothing that a client relies on is silently ignored.

use s3s::{S3Error, S3ErrorCode, S3Result};

use super::headers::Headers;
use crate::error::s3_error;

/// Of a request that stores an object.
pub(super) fn of_write(headers: &Headers<'_>) -> S3Result<()> {
    for (name, value) in headers.amz().filter(|(_, value)| !value.is_empty()) {
        match name {
            "acl" => canned_acl(value.as_bytes())?,
            "tagging" => return Err(not_built("object tagging (x-amz-tagging)")),
            "write-offset-bytes" => return Err(not_built("appending (x-amz-write-offset-bytes)")),
            _ if name.starts_with("server-side-encryption") => return Err(encryption(name)),
            _ if name.starts_with("copy-source-server-side-encryption") => return Err(encryption(name)),
            _ if name.starts_with("object-lock-") => {
                return Err(not_built(&format!("object lock (x-amz-{name})")));
            }
            _ if name.starts_with("grant-") => return Err(no_acls()),
            _ => {}
        }
    }
    Ok(())
}

/// Of a request that reads an object: a key for one that is not encrypted.
pub(super) fn of_read(headers: &Headers<'_>) -> S3Result<()> {
    match headers.amz().find(|(name, _)| name.starts_with("server-side-encryption-customer-")) {
        None => Ok(()),
        Some(_) => Err(s3_error(
            S3ErrorCode::InvalidRequest,
            "The encryption parameters are not applicable to this object: it is not encrypted with a key of yours.",
        )),
    }
}

/// Of a request that makes a bucket.
pub(super) fn of_bucket(headers: &Headers<'_>) -> S3Result<()> {
    for (name, value) in headers.amz().filter(|(_, value)| !value.is_empty()) {
        match (name, value.as_bytes()) {
            ("acl", acl) => canned_acl(acl)?,
            ("bucket-object-lock-enabled", enabled) if !enabled.eq_ignore_ascii_case(b"false") => {
                return Err(not_built("object lock (x-amz-bucket-object-lock-enabled)"));
            }
            ("object-ownership", ownership) if ownership != b"BucketOwnerEnforced" => {
                return Err(not_built("object ownership other than BucketOwnerEnforced"));
            }
            _ if name.starts_with("grant-") => return Err(no_acls()),
            _ => {}
        }
    }
    Ok(())
}

/// All is owned by the bucket's owner, who alone has access: the two canned ACLs that say so change nothing.
fn canned_acl(acl: &[u8]) -> S3Result<()> {
    match acl {
        b"private" | b"bucket-owner-full-control" => Ok(()),
        _ => Err(no_acls()),
    }
}

fn no_acls() -> S3Error {
    s3_error(
        S3ErrorCode::AccessControlListNotSupported,
        "The bucket does not allow ACLs: the owner has full control, nobody else has any.",
    )
}

fn encryption(header: &str) -> S3Error {
    not_built(&format!("server-side encryption (x-amz-{header})"))
}

pub(super) fn not_built(what: &str) -> S3Error {
    s3_error(
        S3ErrorCode::NotImplemented,
        format!("A header or query you provided implies functionality that is not implemented: {what}."),
    )
}

#[cfg(test)]
mod tests {
    use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

    use super::*;

    #[track_caller]
    fn check(
        refusal: fn(&Headers<'_>) -> S3Result<()>,
        name: &'static str,
        value: &'static str,
        expected: Result<(), &str>,
    ) {
        let headers =
            HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
        let outcome = refusal(&Headers::new(&headers, &Extensions::new()));
        let outcome = outcome.map_err(|error| error.code().as_str().to_owned());
        assert_eq!(outcome, expected.map_err(str::to_owned), "{name}: {value}");
    }

    #[test]
    fn what_is_not_built_is_refused_by_name() {
        check(of_write, "x-amz-acl", "private", Ok(()));
        check(of_write, "x-amz-acl", "bucket-owner-full-control", Ok(()));
        check(of_write, "x-amz-acl", "public-read", Err("AccessControlListNotSupported"));
        check(of_write, "x-amz-grant-read", "id=1", Err("AccessControlListNotSupported"));
        check(of_write, "x-amz-server-side-encryption", "AES256", Err("NotImplemented"));
        check(of_write, "x-amz-server-side-encryption-customer-key", "k", Err("NotImplemented"));
        check(of_write, "x-amz-copy-source-server-side-encryption-customer-key", "k", Err("NotImplemented"));
        check(of_write, "x-amz-object-lock-mode", "GOVERNANCE", Err("NotImplemented"));
        check(of_write, "x-amz-tagging", "a=b", Err("NotImplemented"));
        check(of_write, "x-amz-tagging", "", Ok(()));
        check(of_write, "x-amz-meta-acl", "public-read", Ok(()));
        check(of_read, "x-amz-server-side-encryption-customer-key", "k", Err("InvalidRequest"));
        check(of_bucket, "x-amz-bucket-object-lock-enabled", "true", Err("NotImplemented"));
        check(of_bucket, "x-amz-bucket-object-lock-enabled", "false", Ok(()));
        check(of_bucket, "x-amz-object-ownership", "BucketOwnerEnforced", Ok(()));
        check(of_bucket, "x-amz-object-ownership", "ObjectWriter", Err("NotImplemented"));
        check(of_bucket, "x-amz-acl", "public-read-write", Err("AccessControlListNotSupported"));
    }
}
