use http::HeaderMap;
use s3s::{
    S3Request, S3Response, S3Result,
    dto::{UploadPartInput, UploadPartOutput},
    header::X_AMZ_EXPECTED_BUCKET_OWNER,
};

use super::{Operations, body, checksums, errors, headers::Headers, names, refusals, s3s_part_etag};

/// `PUT /{bucket}/{key}?partNumber&uploadId`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let (request, input) = super::split(request);
    let headers = Headers::of(&request);
    refusals::of_write(&headers)?;
    let (bucket, key) = (names::bucket(&input.bucket)?, names::key(&input.key)?);
    let (upload, number) = (names::upload(&input.upload_id)?, names::part_number(input.part_number)?);
    let integrity = checksums::integrity(&headers, request.extensions.get(), body::declared_size(&headers)?)?;
    operations.expect_owner(&bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    let body = body::of_request(input.body);
    let part = operations
        .objects
        .put_part(&bucket, &key, &upload, number, integrity, body)
        .await
        .map_err(errors::part)?;
    let mut answer_headers = HeaderMap::new();
    if let Some(checksum) = &part.checksum {
        checksums::show(&mut answer_headers, checksum, false);
    }
    let output = UploadPartOutput { e_tag: Some(s3s_part_etag(&part)), ..Default::default() };
    Ok(S3Response::with_headers(output, answer_headers))
}
