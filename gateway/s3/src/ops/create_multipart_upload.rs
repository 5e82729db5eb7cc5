use namespace::{Upload, UploadId};
use s3s::{
    S3Request, S3Response, S3Result,
    dto::{ChecksumAlgorithm, ChecksumType, CreateMultipartUploadInput, CreateMultipartUploadOutput},
    header::{X_AMZ_CHECKSUM_ALGORITHM, X_AMZ_CHECKSUM_TYPE, X_AMZ_EXPECTED_BUCKET_OWNER},
};
use types::Timestamp;

use super::{Operations, caller, checksums, content, errors, headers::Headers, names, refusals};

/// `POST /{bucket}/{key}?uploads`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<CreateMultipartUploadInput>,
) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
    let (request, input) = super::split(request);
    let headers = Headers::of(&request);
    let upload = parse(input, &request, &headers)?;
    let output = CreateMultipartUploadOutput {
        bucket: Some(upload.bucket.to_string()),
        key: Some(upload.key.to_string()),
        upload_id: Some(upload.id.to_string()),
        checksum_algorithm: upload
            .checksum
            .map(|(algorithm, _)| ChecksumAlgorithm::from_static(algorithm.as_str())),
        checksum_type: upload
            .checksum
            .map(|(_, kind)| ChecksumType::from_static(checksums::upload_kind_name(kind))),
        ..Default::default()
    };
    operations.expect_owner(&upload.bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    operations.objects.create_upload(upload).await.map_err(errors::upload)?;
    Ok(S3Response::new(output))
}

fn parse(
    input: CreateMultipartUploadInput,
    request: &S3Request<()>,
    headers: &Headers<'_>,
) -> S3Result<Upload> {
    refusals::of_write(headers)?;
    Ok(Upload {
        id: UploadId::random(),
        bucket: names::bucket(&input.bucket)?,
        key: names::key(&input.key)?,
        initiator: caller(request)?.account.clone(),
        initiated: Timestamp::now(),
        storage_class: content::storage_class(headers)?,
        headers: content::headers(headers)?,
        metadata: content::metadata(input.metadata)?,
        checksum: checksums::of_upload(
            headers.text(&X_AMZ_CHECKSUM_ALGORITHM)?,
            headers.text(&X_AMZ_CHECKSUM_TYPE)?,
        )?,
    })
}
