//! What clients ask of a bucket or an object that nothing can be configured of yet: the answers that AWS gives of
//! one that nobody configured. All are 404 where there is no such bucket or key.

use http::StatusCode;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result, dto::*};

use super::{Operations, caller, errors, errors::With, headers::Headers, names, s3s_owner};
use crate::{Caller, error::s3_error};

/// A bucket's configuration that is not there: `name(Input) -> Output`, the error's code, its message.
macro_rules! absent {
    ($($name:ident($input:ident) -> $output:ident: $code:expr, $message:literal;)*) => {
        $(
            pub(super) mod $name {
                use super::*;

                pub(in crate::ops) async fn run(
                    operations: &Operations,
                    request: S3Request<$input>,
                ) -> S3Result<S3Response<$output>> {
                    check_bucket(operations, &request, &request.input.bucket).await?;
                    Err(s3_error($code, $message).with_status(StatusCode::NOT_FOUND))
                }
            }
        )*
    };
}

absent! {
    get_bucket_cors(GetBucketCorsInput) -> GetBucketCorsOutput:
        S3ErrorCode::NoSuchCORSConfiguration, "The CORS configuration does not exist.";
    get_bucket_encryption(GetBucketEncryptionInput) -> GetBucketEncryptionOutput:
        S3ErrorCode::ServerSideEncryptionConfigurationNotFoundError,
        "The server side encryption configuration was not found.";
    get_bucket_lifecycle_configuration(GetBucketLifecycleConfigurationInput) -> GetBucketLifecycleConfigurationOutput:
        S3ErrorCode::NoSuchLifecycleConfiguration, "The lifecycle configuration does not exist.";
    get_bucket_policy(GetBucketPolicyInput) -> GetBucketPolicyOutput:
        S3ErrorCode::NoSuchBucketPolicy, "The bucket policy does not exist.";
    get_bucket_tagging(GetBucketTaggingInput) -> GetBucketTaggingOutput:
        S3ErrorCode::NoSuchTagSet, "The TagSet does not exist.";
    get_bucket_website(GetBucketWebsiteInput) -> GetBucketWebsiteOutput:
        S3ErrorCode::NoSuchWebsiteConfiguration, "The specified bucket does not have a website configuration.";
    get_object_lock_configuration(GetObjectLockConfigurationInput) -> GetObjectLockConfigurationOutput:
        S3ErrorCode::ObjectLockConfigurationNotFoundError,
        "Object Lock configuration does not exist for this bucket.";
    get_public_access_block(GetPublicAccessBlockInput) -> GetPublicAccessBlockOutput:
        S3ErrorCode::Custom("NoSuchPublicAccessBlockConfiguration".into()),
        "The public access block configuration was not found.";
}

pub(super) mod get_bucket_versioning {
    use super::*;

    /// Never versioned: an empty configuration.
    pub(in crate::ops) async fn run(
        operations: &Operations,
        request: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        check_bucket(operations, &request, &request.input.bucket).await?;
        Ok(S3Response::new(GetBucketVersioningOutput::default()))
    }
}

pub(super) mod get_bucket_acl {
    use super::*;

    /// The owner has full control.
    pub(in crate::ops) async fn run(
        operations: &Operations,
        request: S3Request<GetBucketAclInput>,
    ) -> S3Result<S3Response<GetBucketAclOutput>> {
        check_bucket(operations, &request, &request.input.bucket).await?;
        let owner = caller(&request)?;
        let output = GetBucketAclOutput { grants: Some(full_control(owner)), owner: Some(s3s_owner(owner)) };
        Ok(S3Response::new(output))
    }
}

pub(super) mod get_object_acl {
    use super::*;

    /// The owner has full control.
    pub(in crate::ops) async fn run(
        operations: &Operations,
        request: S3Request<GetObjectAclInput>,
    ) -> S3Result<S3Response<GetObjectAclOutput>> {
        let input = &request.input;
        check_object(operations, &request, &input.bucket, &input.key, input.version_id.as_deref()).await?;
        let owner = caller(&request)?;
        let output = GetObjectAclOutput {
            grants: Some(full_control(owner)),
            owner: Some(s3s_owner(owner)),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }
}

pub(super) mod get_object_tagging {
    use super::*;

    /// No tags.
    pub(in crate::ops) async fn run(
        operations: &Operations,
        request: S3Request<GetObjectTaggingInput>,
    ) -> S3Result<S3Response<GetObjectTaggingOutput>> {
        let input = &request.input;
        check_object(operations, &request, &input.bucket, &input.key, input.version_id.as_deref()).await?;
        Ok(S3Response::new(GetObjectTaggingOutput { tag_set: TagSet::new(), version_id: None }))
    }
}

async fn check_bucket<T>(operations: &Operations, request: &S3Request<T>, bucket: &str) -> S3Result<()> {
    operations.bucket(&names::bucket(bucket)?, &Headers::of(request)).await.map(drop)
}

async fn check_object<T>(
    operations: &Operations,
    request: &S3Request<T>,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> S3Result<()> {
    names::only_null_version(version)?;
    let (bucket, key) = (names::bucket(bucket)?, names::key(key)?);
    let owner = s3s::header::X_AMZ_EXPECTED_BUCKET_OWNER;
    operations.expect_owner(&bucket, &owner, &Headers::of(request)).await?;
    operations.objects.lookup(&bucket, &key).await.map(drop).map_err(errors::lookup)
}

fn full_control(owner: &Caller) -> Vec<Grant> {
    let grantee = Grantee {
        id: Some(owner.account.0.clone()),
        display_name: Some(owner.display_name.to_string()),
        email_address: None,
        uri: None,
        type_: Type::from_static(Type::CANONICAL_USER),
    };
    vec![Grant {
        grantee: Some(grantee),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }]
}
