use http::{Uri, header::HOST};
use namespace::{
    Checksum, UploadChecksumKind,
    intents::{CompleteUpload, CompletedPart},
};
use objects::{Stored, UploadError};
use s3s::{
    S3Error, S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{self, CompleteMultipartUploadInput, CompleteMultipartUploadOutput},
    header::{X_AMZ_CHECKSUM_TYPE, X_AMZ_EXPECTED_BUCKET_OWNER, X_AMZ_MP_OBJECT_SIZE},
};

use super::{
    Operations, checksums, conditions, durability_header, errors, headers::Headers, names, refusals, s3s_etag,
};
use crate::{encoding, error::s3_error};

const PARTS_MAX: usize = 10_000;

/// `POST /{bucket}/{key}?uploadId`: as often as it is sent.
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<CompleteMultipartUploadInput>,
) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
    let (request, input) = super::split(request);
    let headers = Headers::of(&request);
    let kind = headers.text(&X_AMZ_CHECKSUM_TYPE)?.map(checksums::upload_kind).transpose()?;
    let complete = parse(input, kind, &headers)?;
    operations.expect_owner(&complete.bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    check_kind(operations, &complete, kind).await?;
    let location = location(&request.uri, &headers, &complete);
    let (bucket, key) = (complete.bucket.to_string(), complete.key.to_string());
    let stored = operations.objects.complete(complete).await.map_err(errors::complete)?;
    Ok(answer(&stored, bucket, key, location))
}

fn parse(
    input: CompleteMultipartUploadInput,
    kind: Option<UploadChecksumKind>,
    headers: &Headers<'_>,
) -> S3Result<CompleteUpload> {
    refusals::of_write(headers)?;
    let parts = input.multipart_upload.and_then(|listed| listed.parts).unwrap_or_default();
    if !(1..=PARTS_MAX).contains(&parts.len()) {
        return Err(malformed(&format!("{} parts, 1 to {PARTS_MAX} are allowed", parts.len())));
    }
    Ok(CompleteUpload {
        bucket: names::bucket(&input.bucket)?,
        key: names::key(&input.key)?,
        upload: names::upload(&input.upload_id)?,
        checksum: checksum(headers, kind, parts.len())?,
        parts: parts.iter().map(part).collect::<S3Result<_>>()?,
        size_bytes: object_size(headers)?,
        preconditions: conditions::of_write(headers)?,
    })
}

fn part(part: &dto::CompletedPart) -> S3Result<CompletedPart> {
    let number = part.part_number.ok_or_else(|| malformed("a part without PartNumber"))?;
    let etag = part.e_tag.as_ref().ok_or_else(|| malformed("a part without ETag"))?;
    Ok(CompletedPart {
        number: names::part_number(number)?,
        etag: conditions::bare(etag.value()).to_owned(),
        checksum: checksums::of_completed_part(part)?,
    })
}

/// The checksum of the whole, where the client states one.
fn checksum(
    headers: &Headers<'_>,
    kind: Option<UploadChecksumKind>,
    parts: usize,
) -> S3Result<Option<Checksum>> {
    let Some((algorithm, text)) = checksums::in_headers(headers)? else { return Ok(None) };
    checksums::decode_of_upload(algorithm, text, kind, parts).map(Some)
}

fn object_size(headers: &Headers<'_>) -> S3Result<Option<u64>> {
    let Some(size) = headers.text(&X_AMZ_MP_OBJECT_SIZE)? else { return Ok(None) };
    size.parse().map(Some).map_err(|_| {
        s3_error(
            S3ErrorCode::InvalidRequest,
            "Value for x-amz-mp-object-size header is invalid: a number of bytes.",
        )
    })
}

fn malformed(why: &str) -> S3Error {
    s3_error(
        S3ErrorCode::MalformedXML,
        format!(
            "The XML you provided was not well-formed or did not validate against our published schema: {why}."
        ),
    )
}

/// `x-amz-checksum-type` must be what the upload was created with. A completed upload has no row to compare with:
/// the repeated request is decided by the object.
async fn check_kind(
    operations: &Operations,
    complete: &CompleteUpload,
    kind: Option<UploadChecksumKind>,
) -> S3Result<()> {
    let Some(stated) = kind else { return Ok(()) };
    let found = operations.objects.parts(&complete.bucket, &complete.key, &complete.upload, None, 0).await;
    let created = match found {
        Ok((upload, _)) => upload.checksum.map_or(UploadChecksumKind::FullObject, |(_, kind)| kind),
        Err(UploadError::NoSuchUpload) => return Ok(()),
        Err(error) => return Err(errors::upload(error)),
    };
    if created == stated {
        return Ok(());
    }
    Err(s3_error(
        S3ErrorCode::InvalidRequest,
        format!(
            "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
            checksums::upload_kind_name(created)
        ),
    ))
}

fn answer(
    stored: &Stored,
    bucket: String,
    key: String,
    location: String,
) -> S3Response<CompleteMultipartUploadOutput> {
    let sums = checksums::fields(stored.object.checksum.as_ref());
    let output = CompleteMultipartUploadOutput {
        bucket: Some(bucket),
        key: Some(key),
        location: Some(location),
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        checksum_type: sums.checksum_type,
        e_tag: Some(s3s_etag(&stored.object.etag)),
        ..Default::default()
    };
    S3Response::with_headers(output, durability_header(stored.durability))
}

/// Where the object is to be found, by the host that the request named.
fn location(uri: &Uri, headers: &Headers<'_>, complete: &CompleteUpload) -> String {
    let mut path = Vec::new();
    encoding::encode(complete.key.as_str().as_bytes(), true, &mut path);
    let key = String::from_utf8_lossy(&path);
    let bucket = complete.bucket.as_str();
    let Some(host) = headers.text(&HOST).ok().flatten() else { return format!("/{bucket}/{key}") };
    let scheme = uri.scheme_str().unwrap_or("http");
    match host.strip_prefix(bucket).is_some_and(|rest| rest.starts_with('.')) {
        true => format!("{scheme}://{host}/{key}"),
        false => format!("{scheme}://{host}/{bucket}/{key}"),
    }
}
