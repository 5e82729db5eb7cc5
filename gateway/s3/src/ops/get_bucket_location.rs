use s3s::{
    S3Request, S3Response, S3Result,
    dto::{BucketLocationConstraint, GetBucketLocationInput, GetBucketLocationOutput},
};

use super::{Operations, create_bucket::FIRST_REGION, headers::Headers, names};

/// `GET /{bucket}?location`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<GetBucketLocationInput>,
) -> S3Result<S3Response<GetBucketLocationOutput>> {
    let name = names::bucket(&request.input.bucket)?;
    operations.bucket(&name, &Headers::of(&request)).await?;
    let location_constraint = (*operations.region != *FIRST_REGION)
        .then(|| BucketLocationConstraint::from(operations.region.to_string()));
    Ok(S3Response::new(GetBucketLocationOutput { location_constraint }))
}
