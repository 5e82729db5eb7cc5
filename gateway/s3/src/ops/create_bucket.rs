use objects::BucketError;
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{CreateBucketConfiguration, CreateBucketInput, CreateBucketOutput},
};

use super::{Operations, caller, errors, headers::Headers, names, refusals};
use crate::error::s3_error;

/// The region where AWS answers 200 when the owner makes the same bucket again, and which has no location.
pub(super) const FIRST_REGION: &str = "us-east-1";

/// `PUT /{bucket}`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<CreateBucketInput>,
) -> S3Result<S3Response<CreateBucketOutput>> {
    refusals::of_bucket(&Headers::of(&request))?;
    check_location(request.input.create_bucket_configuration.as_ref(), &operations.region)?;
    let name = names::bucket(&request.input.bucket)?;
    match operations.objects.create_bucket(&name, &caller(&request)?.account).await {
        Ok(_) => {}
        Err(BucketError::OwnedByYou) if *operations.region == *FIRST_REGION => {}
        Err(error) => return Err(errors::bucket(error)),
    }
    let output = CreateBucketOutput { location: Some(format!("/{name}")) };
    Ok(S3Response::new(output))
}

/// A bucket is made here or not at all. Naming no region means this one, since clients often do not know it.
fn check_location(configuration: Option<&CreateBucketConfiguration>, region: &str) -> S3Result<()> {
    let Some(configuration) = configuration else { return Ok(()) };
    if configuration.bucket.is_some() || configuration.location.is_some() {
        return Err(refusals::not_built(
            "directory buckets (Bucket and Location of CreateBucketConfiguration)",
        ));
    }
    let asked = configuration.location_constraint.as_ref().map_or("", |constraint| constraint.as_str());
    let here = asked.is_empty() || asked == region || (asked == "EU" && region == "eu-west-1");
    if here {
        return Ok(());
    }
    Err(s3_error(
        S3ErrorCode::IllegalLocationConstraintException,
        format!(
            "The {} location constraint is incompatible for the region specific endpoint this request was sent to: \
             it is {region}.",
            asked.chars().take(40).collect::<String>()
        ),
    ))
}

#[cfg(test)]
mod tests {
    use s3s::dto::BucketLocationConstraint;

    use super::*;

    #[test]
    fn a_bucket_is_made_in_this_region_only() {
        let of = |asked: &'static str, region| {
            let configuration = CreateBucketConfiguration {
                location_constraint: Some(BucketLocationConstraint::from_static(asked)),
                ..Default::default()
            };
            check_location(Some(&configuration), region).map_err(|error| error.code().as_str().to_owned())
        };
        assert!(check_location(None, "eu-central-1").is_ok());
        assert_eq!(of("eu-central-1", "eu-central-1"), Ok(()));
        assert_eq!(of("us-east-1", "us-east-1"), Ok(()));
        assert_eq!(of("", "us-east-1"), Ok(()));
        assert_eq!(of("EU", "eu-west-1"), Ok(()));
        assert_eq!(of("eu-central-1", "us-east-1"), Err("IllegalLocationConstraintException".into()));
    }
}
