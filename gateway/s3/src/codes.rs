//! AWS's error codes: the status and the message of each that this server can answer.
//!
//! Source: S3 API reference, "Error responses", and answers observed of S3 where the reference is silent.

use http::StatusCode;

/// Status and default message of `code`; 500 and a general message for a code not in the table.
pub(crate) fn describe(code: &str) -> (StatusCode, &'static str) {
    TABLE
        .binary_search_by(|(name, _, _)| (*name).cmp(code))
        .map_or((StatusCode::INTERNAL_SERVER_ERROR, GENERAL), |at| (TABLE[at].1, TABLE[at].2))
}

const GENERAL: &str = "We encountered an internal error. Please try again.";

const S304: StatusCode = StatusCode::NOT_MODIFIED;
const S400: StatusCode = StatusCode::BAD_REQUEST;
const S403: StatusCode = StatusCode::FORBIDDEN;
const S404: StatusCode = StatusCode::NOT_FOUND;
const S405: StatusCode = StatusCode::METHOD_NOT_ALLOWED;
const S409: StatusCode = StatusCode::CONFLICT;
const S411: StatusCode = StatusCode::LENGTH_REQUIRED;
const S412: StatusCode = StatusCode::PRECONDITION_FAILED;
const S416: StatusCode = StatusCode::RANGE_NOT_SATISFIABLE;
const S500: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
const S501: StatusCode = StatusCode::NOT_IMPLEMENTED;
const S503: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// Ordered by code, for the binary search.
#[rustfmt::skip]
const TABLE: &[(&str, StatusCode, &str)] = &[
    ("AccessControlListNotSupported", S400, "The bucket does not allow ACLs."),
    ("AccessDenied", S403, "Access Denied"),
    ("AccessForbidden", S403, "CORSResponse: This CORS request is not allowed."),
    ("AuthorizationHeaderMalformed", S400, "The authorization header is malformed."),
    ("AuthorizationQueryParametersError", S400, "Error parsing the query-string authentication parameters."),
    ("BadDigest", S400, "The Content-MD5 or checksum you specified did not match what we received."),
    ("BadRequest", S400, "Bad Request"),
    ("BucketAlreadyExists", S409, "The requested bucket name is not available. Please select a different name and try again."),
    ("BucketAlreadyOwnedByYou", S409, "Your previous request to create the named bucket succeeded and you already own it."),
    ("BucketNotEmpty", S409, "The bucket you tried to delete is not empty."),
    ("ConditionalRequestConflict", S409, "The conditional request cannot succeed because of a conflicting operation on this object."),
    ("EntityTooLarge", S400, "Your proposed upload exceeds the maximum allowed size."),
    ("EntityTooSmall", S400, "Your proposed upload is smaller than the minimum allowed size."),
    ("ExpiredToken", S400, "The provided token has expired."),
    ("IllegalLocationConstraintException", S400, "The location constraint is incompatible with the region of this endpoint."),
    ("IncompleteBody", S400, "The request body terminated unexpectedly."),
    ("InternalError", S500, GENERAL),
    ("InvalidAccessKeyId", S403, "The AWS Access Key Id you provided does not exist in our records."),
    ("InvalidArgument", S400, "Invalid Argument"),
    ("InvalidBucketName", S400, "The specified bucket is not valid."),
    ("InvalidDigest", S400, "The Content-MD5 or checksum you specified is not valid."),
    ("InvalidEncryptionAlgorithmError", S400, "The encryption request you specified is not valid."),
    ("InvalidLocationConstraint", S400, "The specified location constraint is not valid."),
    ("InvalidObjectState", S403, "The operation is not valid for the object's storage class."),
    ("InvalidPart", S400, "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."),
    ("InvalidPartNumber", S416, "The requested partnumber is not satisfiable."),
    ("InvalidPartOrder", S400, "The list of parts was not in ascending order. Parts must be ordered by part number."),
    ("InvalidRange", S416, "The requested range is not satisfiable."),
    ("InvalidRequest", S400, "The request is not valid."),
    ("InvalidStorageClass", S400, "The storage class you specified is not valid."),
    ("InvalidTag", S400, "The tag provided was not a valid tag."),
    ("InvalidToken", S400, "The provided token is malformed or otherwise not valid."),
    ("InvalidURI", S400, "Couldn't parse the specified URI."),
    ("KeyTooLongError", S400, "Your key is too long: 1024 bytes of UTF-8 at most."),
    ("MalformedPOSTRequest", S400, "The body of your POST request is not well-formed multipart/form-data."),
    ("MalformedTrailerError", S400, "The request contained trailing data that was not well-formed or did not conform to our published schema."),
    ("MalformedXML", S400, "The XML you provided was not well-formed or did not validate against our published schema."),
    ("MaxMessageLengthExceeded", S400, "Your request was too big."),
    ("MetadataTooLarge", S400, "Your metadata headers exceed the maximum allowed metadata size."),
    ("MethodNotAllowed", S405, "The specified method is not allowed against this resource."),
    ("MissingContentLength", S411, "You must provide the Content-Length HTTP header."),
    ("MissingRequestBodyError", S400, "Request body is empty."),
    ("MissingSecurityHeader", S400, "Your request is missing a required header."),
    ("NoSuchBucket", S404, "The specified bucket does not exist"),
    ("NoSuchBucketPolicy", S404, "The bucket policy does not exist"),
    ("NoSuchCORSConfiguration", S404, "The CORS configuration does not exist"),
    ("NoSuchKey", S404, "The specified key does not exist."),
    ("NoSuchLifecycleConfiguration", S404, "The lifecycle configuration does not exist"),
    ("NoSuchTagSet", S404, "The TagSet does not exist"),
    ("NoSuchUpload", S404, "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."),
    ("NoSuchVersion", S404, "The specified version does not exist."),
    ("NoSuchWebsiteConfiguration", S404, "The specified bucket does not have a website configuration"),
    ("NotImplemented", S501, "A header or query you provided implies functionality that is not implemented."),
    ("NotModified", S304, "Not Modified"),
    ("ObjectLockConfigurationNotFoundError", S404, "Object Lock configuration does not exist for this bucket"),
    ("OperationAborted", S409, "A conflicting conditional operation is currently in progress against this resource. Try again."),
    ("OwnershipControlsNotFoundError", S404, "The bucket ownership controls were not found"),
    ("PreconditionFailed", S412, "At least one of the pre-conditions you specified did not hold"),
    ("ReplicationConfigurationNotFoundError", S404, "The replication configuration was not found"),
    ("RequestHeaderSectionTooLarge", S400, "Your request header section exceeds the maximum allowed size."),
    ("RequestTimeTooSkewed", S403, "The difference between the request time and the current time is too large."),
    ("RequestTimeout", S400, "Your socket connection to the server was not read from or written to within the timeout period."),
    ("ServerSideEncryptionConfigurationNotFoundError", S404, "The server side encryption configuration was not found"),
    ("ServiceUnavailable", S503, "Service is unable to handle request. Try again."),
    ("SignatureDoesNotMatch", S403, "The request signature we calculated does not match the signature you provided. Check your key and signing method."),
    ("SlowDown", S503, "Please reduce your request rate."),
    ("TooManyBuckets", S400, "You have attempted to create more buckets than allowed."),
    ("UnexpectedContent", S400, "This request does not support content."),
    ("XAmzContentSHA256Mismatch", S400, "The provided 'x-amz-content-sha256' header does not match what was computed."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_ordered_and_helps() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(TABLE.iter().all(|row| !row.2.is_empty()));
    }

    #[test]
    fn codes_have_awss_status() {
        assert_eq!(describe("NoSuchKey").0, 404);
        assert_eq!(describe("InvalidRange").0, 416);
        assert_eq!(describe("MissingContentLength").0, 411);
        assert_eq!(describe("NoSuchThing"), (S500, GENERAL));
    }
}
