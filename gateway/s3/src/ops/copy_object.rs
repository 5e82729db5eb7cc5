use objects::{Copy, Stored};
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{CopyObjectInput, CopyObjectOutput, CopyObjectResult, MetadataDirective, TaggingDirective},
    header::{
        X_AMZ_CHECKSUM_ALGORITHM, X_AMZ_EXPECTED_BUCKET_OWNER, X_AMZ_SOURCE_EXPECTED_BUCKET_OWNER,
        X_AMZ_WEBSITE_REDIRECT_LOCATION,
    },
};

use super::{
    Operations, checksums, conditions, content, copy_source, durability_header, errors, headers::Headers,
    names, refusals, s3s_etag, times,
};
use crate::error::s3_error;

/// `PUT /{bucket}/{key}` with `x-amz-copy-source`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<CopyObjectInput>,
) -> S3Result<S3Response<CopyObjectOutput>> {
    let (request, input) = super::split(request);
    let headers = Headers::of(&request);
    let copy = parse(input, &headers)?;
    operations.expect_owner(&copy.bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    operations.expect_owner(&copy.source.bucket, &X_AMZ_SOURCE_EXPECTED_BUCKET_OWNER, &headers).await?;
    let stored = operations.objects.copy(copy).await.map_err(errors::copy)?;
    let answer_headers = durability_header(stored.durability);
    let output = CopyObjectOutput { copy_object_result: Some(result(&stored)), ..Default::default() };
    Ok(S3Response::with_headers(output, answer_headers))
}

fn parse(input: CopyObjectInput, headers: &Headers<'_>) -> S3Result<Copy> {
    refusals::of_write(headers)?;
    check_tagging(input.tagging_directive.as_ref())?;
    let checksum = headers.text(&X_AMZ_CHECKSUM_ALGORITHM)?.map(checksums::algorithm).transpose()?;
    let replacement = match replaces_metadata(input.metadata_directive.as_ref())? {
        true => Some((content::headers(headers)?, content::metadata(input.metadata)?)),
        false => {
            refuse_redirect(headers)?;
            None
        }
    };
    Ok(Copy {
        source: copy_source::of(headers)?,
        bucket: names::bucket(&input.bucket)?,
        key: names::key(&input.key)?,
        replacement,
        // Not as the source: AWS stores a copy as STANDARD unless it is told otherwise.
        storage_class: Some(content::storage_class(headers)?),
        checksum,
        preconditions: conditions::of_write(headers)?,
    })
}

fn replaces_metadata(directive: Option<&MetadataDirective>) -> S3Result<bool> {
    match directive.map(MetadataDirective::as_str) {
        None | Some(MetadataDirective::COPY) => Ok(false),
        Some(MetadataDirective::REPLACE) => Ok(true),
        Some(_) => {
            Err(s3_error(S3ErrorCode::InvalidArgument, "Unknown metadata directive: COPY or REPLACE."))
        }
    }
}

/// AWS sets the redirect of a copy whose other headers are the source's. Here they go together.
fn refuse_redirect(headers: &Headers<'_>) -> S3Result<()> {
    match headers.text(&X_AMZ_WEBSITE_REDIRECT_LOCATION)? {
        None => Ok(()),
        Some(_) => Err(refusals::not_built(
            "x-amz-website-redirect-location without x-amz-metadata-directive: REPLACE",
        )),
    }
}

/// No object has tags: both directives leave the copy without.
fn check_tagging(directive: Option<&TaggingDirective>) -> S3Result<()> {
    match directive.map(TaggingDirective::as_str) {
        None | Some(TaggingDirective::COPY | TaggingDirective::REPLACE) => Ok(()),
        Some(_) => Err(s3_error(S3ErrorCode::InvalidArgument, "Unknown tagging directive: COPY or REPLACE.")),
    }
}

fn result(stored: &Stored) -> CopyObjectResult {
    let sums = checksums::fields(stored.object.checksum.as_ref());
    CopyObjectResult {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        checksum_type: sums.checksum_type,
        e_tag: Some(s3s_etag(&stored.object.etag)),
        last_modified: Some(times::dto(stored.object.modified)),
    }
}
