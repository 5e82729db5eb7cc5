use bytes::Bytes;
use namespace::{Upload, UploadListing, UploadPage};
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{ListMultipartUploadsInput, ListMultipartUploadsOutput},
    header::X_AMZ_EXPECTED_BUCKET_OWNER,
};

use super::{
    Operations, caller, checksums, errors,
    headers::Headers,
    listing::{self, KeyEncoding},
    names, service,
    xml::Xml,
};
use crate::{Caller, error::s3_error};

/// What the request asks for and what the answer echoes.
struct Asked {
    listing: UploadListing,
    keys: KeyEncoding,
}

/// `GET /{bucket}?uploads`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<ListMultipartUploadsInput>,
) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
    let (request, input) = super::split(request);
    let asked = parse(input)?;
    let headers = Headers::of(&request);
    operations.expect_owner(&asked.listing.bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    let page = operations.objects.uploads(&asked.listing).await.map_err(errors::bucket)?;
    Ok(service::document(render(&asked, &page, caller(&request)?)))
}

/// `upload-id-marker` counts only beside a `key-marker`.
fn parse(input: ListMultipartUploadsInput) -> S3Result<Asked> {
    let id = listing::non_empty(input.upload_id_marker);
    let after = match listing::non_empty(input.key_marker) {
        None => None,
        Some(key) => Some((key, id.map(|id| id.parse().map_err(|_| invalid_marker())).transpose()?)),
    };
    Ok(Asked {
        keys: KeyEncoding::parse(input.encoding_type.as_ref())?,
        listing: UploadListing {
            bucket: names::bucket(&input.bucket)?,
            prefix: input.prefix.unwrap_or_default(),
            delimiter: listing::non_empty(input.delimiter),
            after,
            limit: listing::limit("max-uploads", input.max_uploads)?,
        },
    })
}

fn invalid_marker() -> s3s::S3Error {
    s3_error(S3ErrorCode::InvalidArgument, "Invalid uploadId marker: it is not an upload id of this server.")
}

fn render(asked: &Asked, page: &UploadPage, caller: &Caller) -> Bytes {
    let (listing, keys) = (&asked.listing, asked.keys);
    let next = if page.truncated { last(page) } else { None };
    let mut xml = Xml::new("ListMultipartUploadsResult", 512 + 640 * page.uploads.len());
    xml.text("Bucket", listing.bucket.as_str());
    let (key_marker, id_marker) = match &listing.after {
        Some((key, id)) => (key.as_str(), id.map(|id| id.to_string()).unwrap_or_default()),
        None => ("", String::new()),
    };
    keys.write(&mut xml, "KeyMarker", key_marker);
    xml.text("UploadIdMarker", &id_marker);
    if let Some((key, id)) = &next {
        keys.write(&mut xml, "NextKeyMarker", key);
        xml.text("NextUploadIdMarker", id);
    }
    keys.write(&mut xml, "Prefix", &listing.prefix);
    keys.write_opt(&mut xml, "Delimiter", listing.delimiter.as_deref());
    keys.write_name(&mut xml);
    xml.number("MaxUploads", listing.limit as u64);
    xml.bool("IsTruncated", next.is_some());
    for upload in &page.uploads {
        write_upload(&mut xml, upload, keys, caller);
    }
    for prefix in &page.common_prefixes {
        listing::write_common_prefix(&mut xml, prefix, keys);
    }
    xml.finish()
}

/// The last line of the page, as the markers of the next: an upload, or a common prefix, which has no id.
fn last(page: &UploadPage) -> Option<(&str, String)> {
    let upload = page.uploads.last().map(|upload| (upload.key.as_str(), upload.id.to_string()));
    let prefix = page.common_prefixes.last().map(|prefix| (prefix.as_str(), String::new()));
    match (upload, prefix) {
        (Some(upload), Some(prefix)) => Some(if upload.0 >= prefix.0 { upload } else { prefix }),
        (upload, prefix) => upload.or(prefix),
    }
}

fn write_upload(xml: &mut Xml, upload: &Upload, keys: KeyEncoding, caller: &Caller) {
    xml.open("Upload");
    keys.write(xml, "Key", upload.key.as_str());
    xml.text("UploadId", &upload.id.to_string());
    let initiator = Caller { account: upload.initiator.clone(), display_name: caller.display_name.clone() };
    listing::write_owner(xml, "Initiator", Some(&initiator));
    listing::write_owner(xml, "Owner", Some(caller));
    xml.text("StorageClass", &upload.storage_class);
    listing::write_moment(xml, "Initiated", upload.initiated);
    if let Some((algorithm, kind)) = upload.checksum {
        xml.text("ChecksumAlgorithm", algorithm.as_str());
        xml.text("ChecksumType", checksums::upload_kind_name(kind));
    }
    xml.close("Upload");
}
