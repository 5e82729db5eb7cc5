use namespace::{PartNumber, PartPage, StoredPart, Upload};
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{self, ChecksumAlgorithm, ChecksumType, Initiator, ListPartsInput, ListPartsOutput, StorageClass},
    header::X_AMZ_EXPECTED_BUCKET_OWNER,
};

use super::{
    Operations, caller, checksums, errors, headers::Headers, listing, names, s3s_owner, s3s_part_etag, times,
};
use crate::{Caller, error::s3_error};

/// `GET /{bucket}/{key}?uploadId`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<ListPartsInput>,
) -> S3Result<S3Response<ListPartsOutput>> {
    let (request, input) = super::split(request);
    let headers = Headers::of(&request);
    let (bucket, key) = (names::bucket(&input.bucket)?, names::key(&input.key)?);
    let upload = names::upload(&input.upload_id)?;
    let marker = marker(input.part_number_marker)?;
    let limit = listing::limit("max-parts", input.max_parts)?;
    operations.expect_owner(&bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    let found = operations.objects.parts(&bucket, &key, &upload, PartNumber::new(marker), limit).await;
    let (upload, page) = found.map_err(errors::upload)?;
    Ok(S3Response::new(output(&upload, &page, marker, limit, caller(&request)?)))
}

/// The number after which the page starts. Past the last number there are no parts.
fn marker(asked: Option<i32>) -> S3Result<u16> {
    let marker = u32::try_from(asked.unwrap_or(0)).map_err(|_| {
        s3_error(
            S3ErrorCode::InvalidArgument,
            "Argument part-number-marker must be an integer between 0 and 2147483647.",
        )
    })?;
    Ok(u16::try_from(marker).unwrap_or(PartNumber::MAX).min(PartNumber::MAX))
}

fn output(upload: &Upload, page: &PartPage, marker: u16, limit: usize, caller: &Caller) -> ListPartsOutput {
    let owner = s3s_owner(caller);
    let last = page.parts.last().map(|part| part.number.get());
    ListPartsOutput {
        bucket: Some(upload.bucket.to_string()),
        key: Some(upload.key.to_string()),
        upload_id: Some(upload.id.to_string()),
        checksum_algorithm: upload
            .checksum
            .map(|(algorithm, _)| ChecksumAlgorithm::from_static(algorithm.as_str())),
        checksum_type: upload
            .checksum
            .map(|(_, kind)| ChecksumType::from_static(checksums::upload_kind_name(kind))),
        initiator: Some(Initiator {
            id: Some(upload.initiator.0.clone()),
            display_name: owner.display_name.clone(),
        }),
        owner: Some(owner),
        storage_class: Some(StorageClass::from(upload.storage_class.clone())),
        part_number_marker: Some(i32::from(marker)),
        next_part_number_marker: Some(i32::from(last.unwrap_or(0))),
        max_parts: i32::try_from(limit).ok(),
        is_truncated: Some(page.truncated && last.is_some()),
        parts: Some(page.parts.iter().map(part).collect()),
        ..Default::default()
    }
}

fn part(part: &StoredPart) -> dto::Part {
    let sums = checksums::fields(part.checksum.as_ref());
    dto::Part {
        checksum_crc32: sums.checksum_crc32,
        checksum_crc32c: sums.checksum_crc32c,
        checksum_crc64nvme: sums.checksum_crc64nvme,
        checksum_sha1: sums.checksum_sha1,
        checksum_sha256: sums.checksum_sha256,
        e_tag: Some(s3s_part_etag(part)),
        last_modified: Some(times::dto(part.modified)),
        part_number: Some(i32::from(part.number.get())),
        size: i64::try_from(part.size_bytes).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers() {
        let of = |asked| marker(asked).map_err(|error| error.code().as_str().to_owned());
        assert_eq!(of(None), Ok(0));
        assert_eq!(of(Some(3)), Ok(3));
        assert_eq!(of(Some(10_001)), Ok(10_000));
        assert_eq!(of(Some(i32::MAX)), Ok(10_000));
        assert_eq!(of(Some(-1)), Err("InvalidArgument".into()));
    }
}
