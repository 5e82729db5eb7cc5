//! What `objects` reports, in AWS's codes: here and nowhere else.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use namespace::{Object, intents::CompleteUploadRefusal};
use objects::{
    BucketError, CompleteError, CopyError, DeleteError, LookupError, PartError, PutError, ReadFailure,
    UploadError,
};
use s3s::{S3Error, S3ErrorCode};

use super::times;
use crate::error::{body_error, s3_error};

pub(super) fn put(error: PutError) -> S3Error {
    match error {
        PutError::NoSuchBucket => no_such_bucket(),
        PutError::NoSuchKey => no_such_key(),
        PutError::PreconditionFailed => precondition_failed(),
        PutError::BadDigest => {
            s3_error(S3ErrorCode::BadDigest, "The Content-MD5 you specified did not match what we received.")
        }
        PutError::BadChecksum(algorithm) => s3_error(
            S3ErrorCode::BadDigest,
            format!("The {algorithm} you specified did not match the calculated checksum."),
        ),
        PutError::InvalidChecksum(algorithm) => s3_error(
            S3ErrorCode::InvalidRequest,
            format!("Value for x-amz-checksum-{} trailer is invalid.", algorithm.as_str().to_ascii_lowercase()),
        ),
        PutError::MissingTrailer => s3_error(
            S3ErrorCode::Custom("MalformedTrailerError".into()),
            "The request contained trailing data that was not well-formed: the announced checksum is missing.",
        )
        .with_status(StatusCode::BAD_REQUEST),
        PutError::IncompleteBody { declared, actual } => s3_error(
            S3ErrorCode::IncompleteBody,
            format!("You did not provide the {declared} bytes specified by the Content-Length header, but {actual}."),
        ),
        PutError::TooLarge => too_large(),
        PutError::Body(error) => body_error(&*error),
        PutError::Unavailable(cause) => unavailable(&cause),
        PutError::InDoubt(cause) => in_doubt(&cause),
    }
}

pub(super) fn lookup(error: LookupError) -> S3Error {
    match error {
        LookupError::NoSuchBucket => no_such_bucket(),
        LookupError::NoSuchKey => no_such_key(),
        LookupError::Unavailable(cause) => unavailable(&cause),
    }
}

/// Of a read that is not started over. A key that is listed is never "not found" because its bytes are.
pub(super) fn read(failure: ReadFailure) -> S3Error {
    match failure {
        ReadFailure::Changed => s3_error(
            S3ErrorCode::SlowDown,
            "The object was replaced again and again while it was read. Please try again.",
        ),
        ReadFailure::Damaged(cause) => {
            tracing::error!(cause, "stored bytes cannot be read");
            s3_error(
                S3ErrorCode::InternalError,
                "The stored bytes of this object cannot be read. The operator has been alarmed.",
            )
        }
        ReadFailure::Unavailable(cause) => unavailable(&cause),
    }
}

pub(super) fn bucket(error: BucketError) -> S3Error {
    match error {
        BucketError::NoSuchBucket => no_such_bucket(),
        BucketError::NotEmpty => {
            s3_error(S3ErrorCode::BucketNotEmpty, "The bucket you tried to delete is not empty.")
        }
        BucketError::OwnedByYou => s3_error(
            S3ErrorCode::BucketAlreadyOwnedByYou,
            "Your previous request to create the named bucket succeeded and you already own it.",
        ),
        BucketError::Exists => s3_error(
            S3ErrorCode::BucketAlreadyExists,
            "The requested bucket name is not available: another account owns it. Please select another name.",
        ),
        BucketError::Unavailable(cause) => unavailable(&cause),
    }
}

pub(super) fn delete(error: DeleteError) -> S3Error {
    match error {
        DeleteError::NoSuchBucket => no_such_bucket(),
        DeleteError::NoSuchKey => no_such_key(),
        DeleteError::PreconditionFailed => precondition_failed(),
        DeleteError::Unavailable(cause) => unavailable(&cause),
    }
}

pub(super) fn upload(error: UploadError) -> S3Error {
    match error {
        UploadError::NoSuchBucket => no_such_bucket(),
        UploadError::NoSuchUpload => no_such_upload(),
        UploadError::Unavailable(cause) => unavailable(&cause),
    }
}

pub(super) fn part(error: PartError) -> S3Error {
    match error {
        PartError::NoSuchUpload => no_such_upload(),
        PartError::WrongAlgorithm(expected) => s3_error(
            S3ErrorCode::InvalidRequest,
            format!(
                "Checksum Type mismatch occurred: the upload was created with {expected}, the part has another."
            ),
        ),
        PartError::Put(error) => put(error),
    }
}

pub(super) fn copy(error: CopyError) -> S3Error {
    match error {
        CopyError::NoSuchSourceBucket => {
            s3_error(S3ErrorCode::NoSuchBucket, "The specified copy source bucket does not exist.")
        }
        CopyError::NoSuchSourceKey => {
            s3_error(S3ErrorCode::NoSuchKey, "The specified copy source key does not exist.")
        }
        CopyError::SourcePreconditionFailed => precondition_failed(),
        CopyError::OntoItself => s3_error(
            S3ErrorCode::InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the \
             object's metadata, storage class, website redirect location or encryption attributes.",
        ),
        CopyError::InvalidRange { size_bytes } => s3_error(
            S3ErrorCode::InvalidRange,
            format!("Range specified is not valid for source object of size: {size_bytes}."),
        ),
        CopyError::SourceTooLarge => s3_error(
            S3ErrorCode::InvalidRequest,
            "The specified copy source is larger than the maximum allowable size for a copy source: 5368709120.",
        ),
        CopyError::Source(failure) => read(failure),
        CopyError::Part(error) => part(error),
        CopyError::Put(error) => put(error),
    }
}

pub(super) fn complete(error: CompleteError) -> S3Error {
    match error {
        CompleteError::Refused(refusal) => complete_refusal(&refusal),
        CompleteError::Unavailable(cause) => unavailable(&cause),
        CompleteError::InDoubt(cause) => in_doubt(&cause),
    }
}

fn complete_refusal(refusal: &CompleteUploadRefusal) -> S3Error {
    match refusal {
        CompleteUploadRefusal::NoSuchBucket => no_such_bucket(),
        CompleteUploadRefusal::NoSuchUpload => no_such_upload(),
        CompleteUploadRefusal::NoSuchKey => no_such_key(),
        CompleteUploadRefusal::PreconditionFailed => precondition_failed(),
        CompleteUploadRefusal::NoParts => {
            s3_error(S3ErrorCode::MalformedXML, "You must specify at least one part.")
        }
        CompleteUploadRefusal::InvalidPart(number) => s3_error(
            S3ErrorCode::InvalidPart,
            format!(
                "One or more of the specified parts could not be found, or its entity tag or checksum did not \
                 match: part {}.",
                number.get()
            ),
        ),
        CompleteUploadRefusal::InvalidPartOrder => s3_error(
            S3ErrorCode::InvalidPartOrder,
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        ),
        CompleteUploadRefusal::TooSmall { part, size_bytes } => s3_error(
            S3ErrorCode::EntityTooSmall,
            format!(
                "Your proposed upload is smaller than the minimum allowed size: part {} has {size_bytes} bytes, \
                 all parts but the last need 5242880.",
                part.get()
            ),
        ),
        CompleteUploadRefusal::TooLarge => s3_error(
            S3ErrorCode::EntityTooLarge,
            "Your proposed upload exceeds the maximum allowed size of 5 TiB.",
        ),
        CompleteUploadRefusal::BadChecksum => s3_error(
            S3ErrorCode::BadDigest,
            "The checksum you specified did not match the calculated checksum of the whole object.",
        ),
        CompleteUploadRefusal::WrongSize { actual_bytes } => s3_error(
            S3ErrorCode::InvalidRequest,
            format!(
                "The provided x-amz-mp-object-size does not match the {actual_bytes} bytes of the parts."
            ),
        ),
    }
}

pub(super) fn no_such_bucket() -> S3Error {
    s3_error(S3ErrorCode::NoSuchBucket, "The specified bucket does not exist.")
}

pub(super) fn no_such_key() -> S3Error {
    s3_error(S3ErrorCode::NoSuchKey, "The specified key does not exist.")
}

pub(super) fn no_such_upload() -> S3Error {
    s3_error(
        S3ErrorCode::NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted \
         or completed.",
    )
}

pub(super) fn precondition_failed() -> S3Error {
    s3_error(
        S3ErrorCode::PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold.",
    )
}

/// 304, with what RFC 9110 section 15.4.5 wants repeated.
pub(super) fn not_modified(object: &Object) -> S3Error {
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::ETAG, format!("\"{}\"", object.etag));
    insert(&mut headers, header::LAST_MODIFIED, times::http_date(object.modified));
    s3_error(S3ErrorCode::NotModified, "The object has not been modified.").with_headers(headers)
}

/// 416, with the size that the range missed.
pub(super) fn range_not_satisfiable(size_bytes: u64) -> S3Error {
    let mut headers = HeaderMap::new();
    insert(&mut headers, header::CONTENT_RANGE, format!("bytes */{size_bytes}"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    s3_error(
        S3ErrorCode::InvalidRange,
        format!("The requested range is not satisfiable: the object has {size_bytes} bytes."),
    )
    .with_headers(headers)
}

pub(super) fn too_large() -> S3Error {
    s3_error(
        S3ErrorCode::EntityTooLarge,
        "Your proposed upload exceeds the maximum allowed size of 5 GiB in one request. Use a multipart upload.",
    )
}

fn insert(headers: &mut HeaderMap, name: http::HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

/// 503: nothing was changed, so the client may try again. The cause is for the log, not for the client.
fn unavailable(cause: &str) -> S3Error {
    tracing::warn!(cause, "unavailable");
    s3_error(
        S3ErrorCode::ServiceUnavailable,
        "The storage behind this request cannot be reached now. Nothing was changed. Please try again.",
    )
}

/// 500: the client must look, or repeat the request, before it relies on either outcome.
fn in_doubt(cause: &str) -> S3Error {
    tracing::error!(cause, "a commit is in doubt");
    s3_error(
        S3ErrorCode::InternalError,
        "The storage failed while the change was committed: it may or may not have been made. Please try again.",
    )
}

/// `S3Error` has setters only.
pub(super) trait With {
    fn with_status(self, status: StatusCode) -> Self;
    fn with_headers(self, headers: HeaderMap) -> Self;
}

impl With for S3Error {
    fn with_status(mut self, status: StatusCode) -> Self {
        self.set_status_code(status);
        self
    }

    fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.set_headers(headers);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &S3Error, code: &str, status: u16) {
        assert_eq!(error.code().as_str(), code);
        assert_eq!(error.status_code().map(|status| status.as_u16()), Some(status), "{code}");
        assert!(error.message().is_some_and(|message| message.ends_with('.')), "{error:?}");
    }

    #[test]
    fn every_refusal_has_its_code_status_and_message() {
        check(&put(PutError::BadDigest), "BadDigest", 400);
        check(&put(PutError::MissingTrailer), "MalformedTrailerError", 400);
        check(&put(PutError::IncompleteBody { declared: 2, actual: 1 }), "IncompleteBody", 400);
        check(&put(PutError::TooLarge), "EntityTooLarge", 400);
        check(&put(PutError::Unavailable("down".into())), "ServiceUnavailable", 503);
        check(&put(PutError::InDoubt("torn".into())), "InternalError", 500);
        check(&lookup(LookupError::NoSuchKey), "NoSuchKey", 404);
        check(&read(ReadFailure::Damaged("crc".into())), "InternalError", 500);
        check(&read(ReadFailure::Changed), "SlowDown", 503);
        check(&bucket(BucketError::NotEmpty), "BucketNotEmpty", 409);
        check(&delete(DeleteError::PreconditionFailed), "PreconditionFailed", 412);
        check(&copy(CopyError::InvalidRange { size_bytes: 3 }), "InvalidRange", 416);
        check(&copy(CopyError::OntoItself), "InvalidRequest", 400);
        check(&upload(UploadError::NoSuchUpload), "NoSuchUpload", 404);
        check(&complete_refusal(&CompleteUploadRefusal::InvalidPartOrder), "InvalidPartOrder", 400);
        check(&complete_refusal(&CompleteUploadRefusal::TooLarge), "EntityTooLarge", 400);
        check(&range_not_satisfiable(7), "InvalidRange", 416);
    }

    #[test]
    fn causes_stay_in_the_log() {
        let error = put(PutError::Unavailable("postgres://secret@host".into()));
        assert!(!error.message().unwrap_or_default().contains("secret"));
    }
}
