use http::StatusCode;
use s3s::{
    S3Request, S3Response, S3Result,
    dto::{HeadObjectInput, HeadObjectOutput},
};

use super::{
    Operations,
    headers::Headers,
    representation::{self, Asked},
    service,
};

/// `HEAD /{bucket}/{key}`: the headers of the same GET.
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let (request, input) = super::split(request);
    let headers = Headers::of(&request);
    let asked = Asked::by_head(input, &headers)?;
    let object = asked.lookup(operations, &headers).await?;
    let selected = asked.select(&object)?;
    let answer_headers = asked.headers(&object, &selected)?;
    let partial = selected.partial;
    let output = HeadObjectOutput { metadata: representation::metadata(object), ..Default::default() };
    let mut answer = S3Response::with_headers(output, answer_headers);
    if partial {
        service::status(&mut answer, StatusCode::PARTIAL_CONTENT);
    }
    Ok(answer)
}
