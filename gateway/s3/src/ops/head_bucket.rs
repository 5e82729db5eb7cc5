use s3s::{
    S3Request, S3Response, S3Result,
    dto::{HeadBucketInput, HeadBucketOutput},
};

use super::{Operations, headers::Headers, names};

/// `HEAD /{bucket}`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<HeadBucketInput>,
) -> S3Result<S3Response<HeadBucketOutput>> {
    let name = names::bucket(&request.input.bucket)?;
    operations.bucket(&name, &Headers::of(&request)).await?;
    let output = HeadBucketOutput {
        bucket_region: Some(operations.region.to_string()),
        access_point_alias: Some(false),
        ..Default::default()
    };
    Ok(S3Response::new(output))
}
