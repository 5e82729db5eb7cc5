use s3s::{
    S3Request, S3Response, S3Result,
    dto::{DeleteBucketInput, DeleteBucketOutput},
    header::X_AMZ_EXPECTED_BUCKET_OWNER,
};

use super::{Operations, errors, headers::Headers, names};

/// `DELETE /{bucket}`: only an empty one.
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<DeleteBucketInput>,
) -> S3Result<S3Response<DeleteBucketOutput>> {
    let name = names::bucket(&request.input.bucket)?;
    let headers = Headers::of(&request);
    operations.expect_owner(&name, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    operations.objects.delete_bucket(&name).await.map_err(errors::bucket)?;
    Ok(S3Response::new(DeleteBucketOutput::default()))
}
