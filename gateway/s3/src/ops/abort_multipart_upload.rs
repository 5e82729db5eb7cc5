use s3s::{
    S3Request, S3Response, S3Result,
    dto::{AbortMultipartUploadInput, AbortMultipartUploadOutput},
    header::{X_AMZ_EXPECTED_BUCKET_OWNER, X_AMZ_IF_MATCH_INITIATED_TIME},
};

use super::{Operations, errors, headers::Headers, names, refusals};

/// `DELETE /{bucket}/{key}?uploadId`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<AbortMultipartUploadInput>,
) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
    let headers = Headers::of(&request);
    if headers.contains(&X_AMZ_IF_MATCH_INITIATED_TIME) {
        return Err(refusals::not_built("x-amz-if-match-initiated-time, which is of directory buckets"));
    }
    let (bucket, key) = (names::bucket(&request.input.bucket)?, names::key(&request.input.key)?);
    let upload = names::upload(&request.input.upload_id)?;
    operations.expect_owner(&bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    operations.objects.abort(&bucket, &key, &upload).await.map_err(errors::upload)?;
    Ok(S3Response::new(AbortMultipartUploadOutput::default()))
}
