use std::ops::Range;

use namespace::StoredPart;
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{CopyPartResult, UploadPartCopyInput, UploadPartCopyOutput},
    header::{X_AMZ_COPY_SOURCE_RANGE, X_AMZ_EXPECTED_BUCKET_OWNER, X_AMZ_SOURCE_EXPECTED_BUCKET_OWNER},
};

use super::{
    Operations, checksums, copy_source, errors, headers::Headers, names, ranges, refusals, s3s_part_etag,
    times,
};
use crate::error::s3_error;

/// `PUT /{bucket}/{key}?partNumber&uploadId` with `x-amz-copy-source`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<UploadPartCopyInput>,
) -> S3Result<S3Response<UploadPartCopyOutput>> {
    let (request, input) = super::split(request);
    let headers = Headers::of(&request);
    refusals::of_write(&headers)?;
    let (bucket, key) = (names::bucket(&input.bucket)?, names::key(&input.key)?);
    let (upload, number) = (names::upload(&input.upload_id)?, names::part_number(input.part_number)?);
    let (source, range) = (copy_source::of(&headers)?, source_range(&headers)?);
    operations.expect_owner(&bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    operations.expect_owner(&source.bucket, &X_AMZ_SOURCE_EXPECTED_BUCKET_OWNER, &headers).await?;
    let copied = operations.objects.copy_part(source, range, &bucket, &key, &upload, number).await;
    let part = copied.map_err(errors::copy)?;
    let output = UploadPartCopyOutput { copy_part_result: Some(result(&part)), ..Default::default() };
    Ok(S3Response::new(output))
}

fn source_range(headers: &Headers<'_>) -> S3Result<Option<Range<u64>>> {
    let Some(text) = headers.text(&X_AMZ_COPY_SOURCE_RANGE)? else { return Ok(None) };
    ranges::parse_copy_source_range(text).map(Some).ok_or_else(|| {
        s3_error(
            S3ErrorCode::InvalidArgument,
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the \
             zero-based offsets of the first and last bytes to copy.",
        )
    })
}

fn result(part: &StoredPart) -> CopyPartResult {
    let sums = checksums::fields(part.checksum.as_ref());
    CopyPartResult {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        e_tag: Some(s3s_part_etag(part)),
        last_modified: Some(times::dto(part.modified)),
    }
}
