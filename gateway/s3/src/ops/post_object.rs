use s3s::{
    S3Request, S3Response, S3Result,
    dto::{PostObjectInput, PostObjectOutput},
};

use super::{Operations, refusals};

/// `POST /{bucket}` of a form. s3s would hold the file in memory and store it as a PUT.
pub(super) async fn run(
    _operations: &Operations,
    _request: S3Request<PostObjectInput>,
) -> S3Result<S3Response<PostObjectOutput>> {
    Err(refusals::not_built("PostObject"))
}
