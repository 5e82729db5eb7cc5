use namespace::{ObjectKey, WritePreconditions};
use objects::DeleteError;
use s3s::{
    S3Error, S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{Delete, DeleteObjectsInput, DeleteObjectsOutput, ObjectIdentifier},
    header::{CONTENT_MD5, X_AMZ_EXPECTED_BUCKET_OWNER},
};

use super::{
    Operations, checksums, conditions, errors, headers::Headers, names, refusals, service, xml::Xml,
};
use crate::{Trailers, error::s3_error};

const KEYS_MAX: usize = 1000;

/// One key of the request: how the delete of it stands.
type Line = (String, Result<(), S3Error>);

/// `POST /{bucket}?delete`: at most 1000 keys, each on its own.
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<DeleteObjectsInput>,
) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let (request, input) = super::split(request);
    let headers = Headers::of(&request);
    require_digest(&headers, request.extensions.get())?;
    require_length(&input.delete)?;
    let bucket = names::bucket(&input.bucket)?;
    operations.expect_owner(&bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    let quiet = input.delete.quiet.unwrap_or(false);
    let parsed: Vec<_> =
        input.delete.objects.into_iter().map(|object| (object.key.clone(), parse(&object))).collect();
    let valid: Vec<_> = parsed.iter().filter_map(|(_, parsed)| parsed.as_ref().ok().cloned()).collect();
    if valid.is_empty() {
        operations.bucket(&bucket, &headers).await?;
    }
    let outcomes = operations.objects.delete_many(&bucket, valid).await;
    let lines = merge(parsed, outcomes)?;
    Ok(service::document(render(&lines, quiet)))
}

/// As AWS has it: a bulk delete that was damaged on its way must not be carried out.
fn require_digest(headers: &Headers<'_>, trailers: Option<&Trailers>) -> S3Result<()> {
    if headers.contains(&CONTENT_MD5) || checksums::expected_checksum(headers, trailers)?.is_some() {
        return Ok(());
    }
    Err(s3_error(
        S3ErrorCode::InvalidRequest,
        "Missing required header for this request: Content-MD5 OR x-amz-checksum-*.",
    ))
}

fn require_length(delete: &Delete) -> S3Result<()> {
    if (1..=KEYS_MAX).contains(&delete.objects.len()) {
        return Ok(());
    }
    Err(s3_error(
        S3ErrorCode::MalformedXML,
        format!(
            "The XML you provided was not well-formed or did not validate against our published schema: \
             {} keys, 1 to {KEYS_MAX} are allowed.",
            delete.objects.len()
        ),
    ))
}

fn parse(object: &ObjectIdentifier) -> S3Result<(ObjectKey, WritePreconditions)> {
    names::only_null_version(object.version_id.as_deref())?;
    if object.size.is_some() || object.last_modified_time.is_some() {
        return Err(refusals::not_built("Size and LastModifiedTime of a key to delete"));
    }
    let if_match = object.e_tag.as_ref().map(|etag| conditions::condition(etag.value()));
    Ok((names::key(&object.key)?, WritePreconditions { if_match, if_none_match: None }))
}

/// The outcomes, in the order of the request. Where there is no bucket there is one error for all.
fn merge(
    parsed: Vec<(String, S3Result<(ObjectKey, WritePreconditions)>)>,
    outcomes: Vec<Result<(), DeleteError>>,
) -> S3Result<Vec<Line>> {
    let mut outcomes = outcomes.into_iter();
    let mut lines = Vec::with_capacity(parsed.len());
    for (key, parsed) in parsed {
        let outcome = match parsed {
            Err(error) => Err(error),
            Ok(_) => match outcomes.next() {
                Some(Ok(())) => Ok(()),
                Some(Err(DeleteError::NoSuchBucket)) => return Err(errors::no_such_bucket()),
                Some(Err(error)) => Err(errors::delete(error)),
                None => {
                    Err(s3_error(S3ErrorCode::InternalError, "We do not know whether this key was deleted."))
                }
            },
        };
        lines.push((key, outcome));
    }
    Ok(lines)
}

fn render(lines: &[Line], quiet: bool) -> bytes::Bytes {
    let mut xml = Xml::new("DeleteResult", 128 + lines.iter().map(|(key, _)| 48 + key.len()).sum::<usize>());
    for (key, outcome) in lines {
        match outcome {
            Ok(()) if quiet => {}
            Ok(()) => {
                xml.open("Deleted");
                xml.text("Key", key);
                xml.close("Deleted");
            }
            Err(error) => {
                xml.open("Error");
                xml.text("Code", error.code().as_str());
                xml.text("Key", key);
                xml.text("Message", error.message().unwrap_or_default());
                xml.close("Error");
            }
        }
    }
    xml.finish()
}
