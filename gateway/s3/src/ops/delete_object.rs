use s3s::{
    S3Request, S3Response, S3Result,
    dto::{DeleteObjectInput, DeleteObjectOutput},
    header::{X_AMZ_EXPECTED_BUCKET_OWNER, X_AMZ_IF_MATCH_LAST_MODIFIED_TIME, X_AMZ_IF_MATCH_SIZE},
};

use super::{Operations, conditions, errors, headers::Headers, names, refusals};

/// `DELETE /{bucket}/{key}`: 204 whether it was there or not.
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<DeleteObjectInput>,
) -> S3Result<S3Response<DeleteObjectOutput>> {
    names::only_null_version(request.input.version_id.as_deref())?;
    let headers = Headers::of(&request);
    refuse_directory_bucket_conditions(&headers)?;
    let preconditions = conditions::of_delete(&headers)?;
    let (bucket, key) = (names::bucket(&request.input.bucket)?, names::key(&request.input.key)?);
    operations.expect_owner(&bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    operations.objects.delete(&bucket, &key, preconditions).await.map_err(errors::delete)?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

/// These two are of directory buckets; a delete that ignored its condition would not be safe.
fn refuse_directory_bucket_conditions(headers: &Headers<'_>) -> S3Result<()> {
    for name in [X_AMZ_IF_MATCH_LAST_MODIFIED_TIME, X_AMZ_IF_MATCH_SIZE] {
        if headers.contains(&name) {
            return Err(refusals::not_built(name.as_str()));
        }
    }
    Ok(())
}
