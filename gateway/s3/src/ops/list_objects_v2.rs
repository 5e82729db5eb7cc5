use bytes::Bytes;
use namespace::{Listing, Page};
use s3s::{
    S3Request, S3Response, S3Result,
    dto::{ListObjectsV2Input, ListObjectsV2Output},
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
    continuation_token: Option<String>,
    start_after: Option<String>,
    fetch_owner: bool,
}

/// `GET /{bucket}?list-type=2`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let (request, input) = super::split(request);
    let asked = parse(input)?;
    let headers = Headers::of(&request);
    operations.expect_owner(&asked.listing.bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    let page = operations.objects.list(&asked.listing).await.map_err(errors::bucket)?;
    let owner = if asked.fetch_owner { Some(caller(&request)?) } else { None };
    Ok(service::document(render(&asked, &page, owner)))
}

/// The token is later than `start-after`, so it is what counts where both are given.
fn parse(input: ListObjectsV2Input) -> S3Result<Asked> {
    let after = match listing::non_empty(input.continuation_token.clone()) {
        Some(token) => Some(listing::read_token(&token)?),
        None => listing::non_empty(input.start_after.clone()),
    };
    Ok(Asked {
        keys: KeyEncoding::parse(input.encoding_type.as_ref())?,
        continuation_token: input.continuation_token,
        start_after: input.start_after,
        fetch_owner: input.fetch_owner.unwrap_or(false),
        listing: Listing {
            bucket: names::bucket(&input.bucket)?,
            prefix: input.prefix.unwrap_or_default(),
            delimiter: listing::non_empty(input.delimiter),
            after,
            limit: listing::limit("max-keys", input.max_keys)?,
        },
    })
}

fn render(asked: &Asked, page: &Page, owner: Option<&Caller>) -> Bytes {
    let (listing, keys) = (&asked.listing, asked.keys);
    let next = page.entries.last().filter(|_| page.truncated);
    let mut xml = Xml::new("ListBucketResult", listing::capacity_bytes(&page.entries));
    xml.text("Name", listing.bucket.as_str());
    keys.write(&mut xml, "Prefix", &listing.prefix);
    keys.write_opt(&mut xml, "StartAfter", asked.start_after.as_deref());
    xml.opt_text("ContinuationToken", asked.continuation_token.as_deref());
    xml.opt_text("NextContinuationToken", next.map(|entry| listing::token(entry.text())).as_deref());
    xml.number("KeyCount", page.entries.len() as u64);
    xml.number("MaxKeys", listing.limit as u64);
    keys.write_opt(&mut xml, "Delimiter", listing.delimiter.as_deref());
    keys.write_name(&mut xml);
    xml.bool("IsTruncated", next.is_some());
    listing::write_entries(&mut xml, &page.entries, keys, owner);
    xml.finish()
}
