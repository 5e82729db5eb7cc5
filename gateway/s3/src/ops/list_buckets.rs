use namespace::Bucket;
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{self, ListBucketsInput, ListBucketsOutput},
};

use super::{Operations, caller, errors, listing, s3s_owner, times};
use crate::error::s3_error;

/// Buckets of a page at most, and by default.
const PAGE_MAX: usize = 10_000;

/// What the request asks for.
struct Asked {
    prefix: String,
    after: Option<String>,
    limit: usize,
    /// Another region than this one: it has no buckets here.
    elsewhere: bool,
    /// AWS shows each bucket's region only to those who ask for something.
    with_region: bool,
}

/// `GET /`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<ListBucketsInput>,
) -> S3Result<S3Response<ListBucketsOutput>> {
    let (request, input) = super::split(request);
    let prefix = input.prefix.clone();
    let asked = parse(input, &operations.region)?;
    let (buckets, next) = page(operations, &asked).await?;
    let output = ListBucketsOutput {
        buckets: Some(buckets.iter().map(|bucket| line(bucket, operations, &asked)).collect()),
        continuation_token: next,
        owner: Some(s3s_owner(caller(&request)?)),
        prefix,
    };
    Ok(S3Response::new(output))
}

fn parse(input: ListBucketsInput, region: &str) -> S3Result<Asked> {
    let with_region = input.prefix.is_some() || input.max_buckets.is_some() || input.bucket_region.is_some();
    Ok(Asked {
        after: listing::non_empty(input.continuation_token)
            .map(|token| listing::read_token(&token))
            .transpose()?,
        limit: limit(input.max_buckets)?,
        elsewhere: listing::non_empty(input.bucket_region).is_some_and(|asked| asked != region),
        prefix: input.prefix.unwrap_or_default(),
        with_region,
    })
}

fn limit(asked: Option<i32>) -> S3Result<usize> {
    let Some(asked) = asked else { return Ok(PAGE_MAX) };
    usize::try_from(asked).ok().filter(|limit| (1..=PAGE_MAX).contains(limit)).ok_or_else(|| {
        s3_error(
            S3ErrorCode::InvalidArgument,
            format!("Argument max-buckets must be an integer between 1 and {PAGE_MAX}."),
        )
    })
}

/// One bucket more than the page has tells whether there is a next one.
async fn page(operations: &Operations, asked: &Asked) -> S3Result<(Vec<Bucket>, Option<String>)> {
    if asked.elsewhere {
        return Ok((Vec::new(), None));
    }
    let found = operations.objects.buckets(&asked.prefix, asked.after.as_deref(), asked.limit + 1).await;
    let mut buckets = found.map_err(errors::bucket)?;
    let truncated = buckets.len() > asked.limit;
    buckets.truncate(asked.limit);
    let next = buckets.last().filter(|_| truncated).map(|bucket| listing::token(bucket.name.as_str()));
    Ok((buckets, next))
}

fn line(bucket: &Bucket, operations: &Operations, asked: &Asked) -> dto::Bucket {
    dto::Bucket {
        name: Some(bucket.name.to_string()),
        creation_date: Some(times::dto(bucket.created)),
        bucket_region: asked.with_region.then(|| operations.region.to_string()),
    }
}
