use objects::Put;
use s3s::{
    S3Request, S3Response, S3Result,
    dto::{PutObjectInput, PutObjectOutput},
    header::X_AMZ_EXPECTED_BUCKET_OWNER,
};

use super::{
    Operations, body, checksums, conditions, content, durability_header, errors, headers::Headers, names,
    refusals, s3s_etag,
};

/// `PUT /{bucket}/{key}`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let (request, mut input) = super::split(request);
    let headers = Headers::of(&request);
    let put = parse(&mut input, &request, &headers)?;
    operations.expect_owner(&put.bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    let stored = operations.objects.put(put, body::of_request(input.body)).await.map_err(errors::put)?;
    let mut answer_headers = durability_header(stored.durability);
    if let Some(checksum) = &stored.object.checksum {
        checksums::show(&mut answer_headers, checksum, true);
    }
    let output = PutObjectOutput { e_tag: Some(s3s_etag(&stored.object.etag)), ..Default::default() };
    Ok(S3Response::with_headers(output, answer_headers))
}

fn parse(input: &mut PutObjectInput, request: &S3Request<()>, headers: &Headers<'_>) -> S3Result<Put> {
    refusals::of_write(headers)?;
    let preconditions = conditions::of_write(headers)?;
    let size_bytes = body::declared_size(headers)?;
    let integrity = checksums::integrity(headers, request.extensions.get(), size_bytes)?;
    Ok(Put {
        bucket: names::bucket(&input.bucket)?,
        key: names::key(&input.key)?,
        headers: content::headers(headers)?,
        metadata: content::metadata(input.metadata.take())?,
        storage_class: content::storage_class(headers)?,
        preconditions,
        integrity,
    })
}
