use bytes::Bytes;
use namespace::{Listing, Page};
use s3s::{
    S3Request, S3Response, S3Result,
    dto::{ListObjectsInput, ListObjectsOutput},
    header::X_AMZ_EXPECTED_BUCKET_OWNER,
};

use super::{
    Operations, caller, errors,
    headers::Headers,
    listing::{self, KeyEncoding},
    names, service,
    xml::Xml,
};
use crate::Caller;

/// What the request asks for and what the answer echoes.
struct Asked {
    listing: Listing,
    keys: KeyEncoding,
}

/// `GET /{bucket}`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let (request, input) = super::split(request);
    let asked = parse(input)?;
    let headers = Headers::of(&request);
    operations.expect_owner(&asked.listing.bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    let page = operations.objects.list(&asked.listing).await.map_err(errors::bucket)?;
    Ok(service::document(render(&asked, &page, caller(&request)?)))
}

fn parse(input: ListObjectsInput) -> S3Result<Asked> {
    Ok(Asked {
        keys: KeyEncoding::parse(input.encoding_type.as_ref())?,
        listing: Listing {
            bucket: names::bucket(&input.bucket)?,
            prefix: input.prefix.unwrap_or_default(),
            delimiter: listing::non_empty(input.delimiter),
            after: listing::non_empty(input.marker),
            limit: listing::limit("max-keys", input.max_keys)?,
        },
    })
}

/// `NextMarker` is there only with a delimiter: without one, the next page starts after the last key.
fn render(asked: &Asked, page: &Page, owner: &Caller) -> Bytes {
    let (listing, keys) = (&asked.listing, asked.keys);
    let next = page.entries.last().filter(|_| page.truncated);
    let mut xml = Xml::new("ListBucketResult", listing::capacity_bytes(&page.entries));
    xml.text("Name", listing.bucket.as_str());
    keys.write(&mut xml, "Prefix", &listing.prefix);
    keys.write(&mut xml, "Marker", listing.after.as_deref().unwrap_or_default());
    if let (Some(next), Some(_)) = (next, &listing.delimiter) {
        keys.write(&mut xml, "NextMarker", next.text());
    }
    xml.number("MaxKeys", listing.limit as u64);
    keys.write_opt(&mut xml, "Delimiter", listing.delimiter.as_deref());
    keys.write_name(&mut xml);
    xml.bool("IsTruncated", next.is_some());
    listing::write_entries(&mut xml, &page.entries, keys, Some(owner));
    xml.finish()
}
