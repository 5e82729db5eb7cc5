use objects::ReadFailure;
use s3s::{
    S3Request, S3Response, S3Result,
    dto::{GetObjectInput, GetObjectOutput, StreamingBlob},
};

use super::{
    Operations, body, errors,
    headers::Headers,
    representation::{self, Asked, Selected},
};
use namespace::Object;

/// How often a GET starts over because its object was replaced under it.
const ATTEMPTS: usize = 4;

/// `GET /{bucket}/{key}`: whole, one byte range, or one part.
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let (request, input) = super::split(request);
    let headers = Headers::of(&request);
    let asked = Asked::by_get(input, &headers)?;
    for _ in 1..ATTEMPTS {
        match attempt(operations, &asked, &headers).await? {
            Ok(answer) => return Ok(answer),
            Err(ReadFailure::Changed) => {}
            Err(failure) => return Err(errors::read(failure)),
        }
    }
    attempt(operations, &asked, &headers).await?.map_err(errors::read)
}

async fn attempt(
    operations: &Operations,
    asked: &Asked,
    headers: &Headers<'_>,
) -> S3Result<Result<S3Response<GetObjectOutput>, ReadFailure>> {
    let object = asked.lookup(operations, headers).await?;
    let selected = asked.select(&object)?;
    let answer_headers = asked.headers(&object, &selected)?;
    let content_range = representation::content_range(&selected, object.size_bytes);
    let body = match read(operations, asked, &object, &selected).await {
        Ok(body) => body,
        Err(failure) => return Ok(Err(failure)),
    };
    let output = GetObjectOutput {
        body,
        content_range,
        metadata: representation::metadata(object),
        ..Default::default()
    };
    Ok(Ok(S3Response::with_headers(output, answer_headers)))
}

/// No bytes, no body.
async fn read(
    operations: &Operations,
    asked: &Asked,
    object: &Object,
    selected: &Selected<'_>,
) -> Result<Option<StreamingBlob>, ReadFailure> {
    let range = selected.range.clone();
    if range.is_empty() {
        return Ok(None);
    }
    let size_bytes = range.end - range.start;
    let content = operations.objects.read(&asked.bucket, &asked.key, object, range).await?;
    Ok(Some(body::of_answer(content, size_bytes)))
}
