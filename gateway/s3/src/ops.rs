//! The operations: one file each, over [`objects`]. Start at [`Operations`]; the door calls [`Service`].
//!
//! A file reads and checks its request, then tells the story, one line a step. What several need is in the small
//! modules beside them; what `objects` reports becomes AWS's codes in `errors` and nowhere else.

mod body;
mod checksums;
mod conditions;
mod content;
mod copy_source;
mod documents;
mod errors;
mod headers;
mod listing;
mod names;
mod ranges;
mod refusals;
mod representation;
mod service;
mod times;
mod unconfigured;
mod xml;

mod abort_multipart_upload;
mod complete_multipart_upload;
mod copy_object;
mod create_bucket;
mod create_multipart_upload;
mod delete_bucket;
mod delete_object;
mod delete_objects;
mod get_bucket_location;
mod get_object;
mod get_object_attributes;
mod head_bucket;
mod head_object;
mod list_buckets;
mod list_multipart_uploads;
mod list_objects;
mod list_objects_v2;
mod list_parts;
mod post_object;
mod put_object;
mod upload_part;
mod upload_part_copy;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use namespace::{Bucket, BucketName, StoredPart};
use objects::Objects;
use s3s::{S3, S3ErrorCode, S3Request, S3Response, S3Result, dto::*, header::X_AMZ_EXPECTED_BUCKET_OWNER};
use types::Durability;
use unconfigured::*;

pub use service::Service;

use crate::{Caller, error::s3_error};
use headers::Headers;

/// The S3 operations. Cheap to clone.
#[derive(Clone)]
pub struct Operations {
    objects: Objects,
    region: Arc<str>,
}

impl Operations {
    /// Over `objects`, in a region such as `us-east-1`.
    pub fn new(objects: Objects, region: impl Into<Arc<str>>) -> Self {
        Self { objects, region: region.into() }
    }

    /// The bucket, which must exist, and belong to whom the request expects.
    async fn bucket(&self, name: &BucketName, headers: &Headers<'_>) -> S3Result<Bucket> {
        let bucket = self.objects.bucket(name).await.map_err(errors::bucket)?;
        match headers.text(&X_AMZ_EXPECTED_BUCKET_OWNER)? {
            Some(expected) if expected != bucket.owner.0 => Err(not_the_owner()),
            _ => Ok(bucket),
        }
    }

    /// Looks at the bucket only where the request says whose it must be.
    async fn expect_owner(
        &self,
        name: &BucketName,
        header: &HeaderName,
        headers: &Headers<'_>,
    ) -> S3Result<()> {
        let Some(expected) = headers.text(header)? else { return Ok(()) };
        let bucket = self.objects.bucket(name).await.map_err(errors::bucket)?;
        if expected == bucket.owner.0 { Ok(()) } else { Err(not_the_owner()) }
    }
}

fn not_the_owner() -> s3s::S3Error {
    s3_error(S3ErrorCode::AccessDenied, "Access Denied: the bucket is not owned by the account you expect.")
}

/// What this write survives; the door tells it of all writes together.
fn durability_header(durability: Durability) -> HeaderMap {
    const NAME: HeaderName = HeaderName::from_static("x-holdfast-durability");
    let value = match durability {
        Durability::Memory => "memory",
        Durability::Disk => "disk",
    };
    HeaderMap::from_iter([(NAME, HeaderValue::from_static(value))])
}

/// Who asks. The door lets no request through without.
fn caller<T>(request: &S3Request<T>) -> S3Result<&Caller> {
    request
        .extensions
        .get()
        .ok_or_else(|| s3_error(S3ErrorCode::AccessDenied, "Access Denied: no credentials."))
}

fn s3s_etag(md5: &namespace::ETag) -> ETag {
    ETag::Strong(md5.to_string())
}

/// A part's ETag is its MD5.
fn s3s_part_etag(part: &StoredPart) -> ETag {
    ETag::Strong(hex::encode(part.md5))
}

fn s3s_owner(caller: &Caller) -> Owner {
    Owner { id: Some(caller.account.0.clone()), display_name: Some(caller.display_name.to_string()) }
}

/// One line an operation: `name(Input) -> Output` is answered by `name::run`. The others answer 501 with their
/// name, which is what s3s does.
macro_rules! operations {
    ($($name:ident($input:ident) -> $output:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for Operations {
            $(
                async fn $name(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    $name::run(self, request).await
                }
            )*
        }
    };
}

operations! {
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
    copy_object(CopyObjectInput) -> CopyObjectOutput;
    create_bucket(CreateBucketInput) -> CreateBucketOutput;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    get_bucket_acl(GetBucketAclInput) -> GetBucketAclOutput;
    get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput;
    get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput;
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
    get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput;
    get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput;
    get_bucket_versioning(GetBucketVersioningInput) -> GetBucketVersioningOutput;
    get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput;
    get_object(GetObjectInput) -> GetObjectOutput;
    get_object_acl(GetObjectAclInput) -> GetObjectAclOutput;
    get_object_attributes(GetObjectAttributesInput) -> GetObjectAttributesOutput;
    get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput;
    get_object_tagging(GetObjectTaggingInput) -> GetObjectTaggingOutput;
    get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput;
    head_bucket(HeadBucketInput) -> HeadBucketOutput;
    head_object(HeadObjectInput) -> HeadObjectOutput;
    list_buckets(ListBucketsInput) -> ListBucketsOutput;
    list_multipart_uploads(ListMultipartUploadsInput) -> ListMultipartUploadsOutput;
    list_objects(ListObjectsInput) -> ListObjectsOutput;
    list_objects_v2(ListObjectsV2Input) -> ListObjectsV2Output;
    list_parts(ListPartsInput) -> ListPartsOutput;
    post_object(PostObjectInput) -> PostObjectOutput;
    put_object(PutObjectInput) -> PutObjectOutput;
    upload_part(UploadPartInput) -> UploadPartOutput;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
}

/// A request and its input, each to be used on its own.
fn split<T>(request: S3Request<T>) -> (S3Request<()>, T) {
    let S3Request { input, method, uri, headers, extensions, credentials, region, service, trailing_headers } =
        request;
    let rest = S3Request {
        input: (),
        method,
        uri,
        headers,
        extensions,
        credentials,
        region,
        service,
        trailing_headers,
    };
    (rest, input)
}
