//! Buckets, keys, uploads and part numbers as requests name them.

use namespace::{BucketName, ObjectKey, PartNumber, UploadId};
use s3s::{S3ErrorCode, S3Result};

use crate::error::s3_error;

pub(super) fn bucket(name: &str) -> S3Result<BucketName> {
    name.parse().map_err(|error| {
        s3_error(S3ErrorCode::InvalidBucketName, format!("The specified bucket is not valid: {error}."))
    })
}

pub(super) fn key(key: &str) -> S3Result<ObjectKey> {
    key.parse().map_err(|error| match error {
        namespace::InvalidKey::Empty => {
            s3_error(S3ErrorCode::UserKeyMustBeSpecified, "The request must name a key of at least one byte.")
        }
        namespace::InvalidKey::TooLong(_) => {
            s3_error(S3ErrorCode::KeyTooLongError, format!("Your key is too long: {error}."))
        }
    })
}

pub(super) fn upload(id: &str) -> S3Result<UploadId> {
    id.parse().map_err(|_| super::errors::no_such_upload())
}

pub(super) fn part_number(number: i32) -> S3Result<PartNumber> {
    u16::try_from(number).ok().and_then(PartNumber::new).ok_or_else(|| {
        s3_error(
            S3ErrorCode::InvalidArgument,
            "Part number must be an integer between 1 and 10000, inclusive.",
        )
    })
}

/// The bucket is not versioned: the only version of an object is `null`.
pub(super) fn only_null_version(version: Option<&str>) -> S3Result<()> {
    match version {
        None | Some("null") => Ok(()),
        Some(_) => Err(s3_error(
            S3ErrorCode::InvalidArgument,
            "Invalid version id specified: this bucket is not versioned, its only version id is null.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_rules_have_aws_codes() {
        let code = |error: s3s::S3Error| error.code().as_str().to_owned();
        assert_eq!(bucket("Upper").map_err(code), Err("InvalidBucketName".into()));
        assert_eq!(key("").map_err(code), Err("UserKeyMustBeSpecified".into()));
        assert_eq!(key(&"k".repeat(1025)).map_err(code), Err("KeyTooLongError".into()));
        assert_eq!(upload("nonsense").map_err(code), Err("NoSuchUpload".into()));
        for outside in [i32::MIN, -1, 0, 10_001, 65_537, i32::MAX] {
            assert_eq!(part_number(outside).map_err(code), Err("InvalidArgument".into()), "{outside}");
        }
        assert_eq!(part_number(10_000).map(PartNumber::get).map_err(code), Ok(10_000));
        assert!(only_null_version(None).is_ok() && only_null_version(Some("null")).is_ok());
        assert_eq!(only_null_version(Some("3")).map_err(code), Err("InvalidArgument".into()));
    }
}
