//! What is stored beside the bytes: content headers, user metadata, storage class.

use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, EXPIRES,
};
use namespace::ContentHeaders;
use s3s::{
    S3ErrorCode, S3Result,
    dto::Metadata,
    header::{X_AMZ_STORAGE_CLASS, X_AMZ_WEBSITE_REDIRECT_LOCATION},
};

use super::headers::Headers;
use crate::error::s3_error;

/// The class of an object for which none was asked, and which is not shown on GET and HEAD.
pub(super) const STANDARD: &str = "STANDARD";

/// Names and values of user metadata together, in bytes of UTF-8.
const METADATA_MAX_BYTES: usize = 2048;

/// The headers of a body that are returned as they came.
pub(super) fn headers(headers: &Headers<'_>) -> S3Result<ContentHeaders> {
    Ok(ContentHeaders {
        content_type: headers.string(&CONTENT_TYPE)?,
        content_encoding: headers.string(&CONTENT_ENCODING)?,
        content_disposition: headers.string(&CONTENT_DISPOSITION)?,
        content_language: headers.string(&CONTENT_LANGUAGE)?,
        cache_control: headers.string(&CACHE_CONTROL)?,
        expires: headers.string(&EXPIRES)?,
        website_redirect_location: headers
            .text(&X_AMZ_WEBSITE_REDIRECT_LOCATION)?
            .map(redirect)
            .transpose()?,
    })
}

fn redirect(location: &str) -> S3Result<String> {
    if ["/", "http://", "https://"].iter().any(|start| location.starts_with(start)) {
        return Ok(location.to_owned());
    }
    Err(s3_error(
        S3ErrorCode::InvalidArgument,
        "The website redirect location must start with / or http:// or https://.",
    ))
}

/// User metadata: s3s has lower-cased the names and decoded RFC 2047. In the order of names.
pub(super) fn metadata(sent: Option<Metadata>) -> S3Result<Vec<(String, String)>> {
    let mut metadata: Vec<_> = sent.into_iter().flatten().collect();
    let size_bytes: usize = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size_bytes > METADATA_MAX_BYTES {
        return Err(s3_error(
            S3ErrorCode::MetadataTooLarge,
            format!(
                "Your metadata headers exceed the maximum allowed metadata size: {size_bytes} bytes, \
                 {METADATA_MAX_BYTES} at most."
            ),
        ));
    }
    metadata.sort_unstable();
    Ok(metadata)
}

/// `x-amz-storage-class`, one that general purpose buckets of AWS know. It is kept and shown; all bytes are
/// stored alike.
pub(super) fn storage_class(headers: &Headers<'_>) -> S3Result<String> {
    const KNOWN: [&str; 8] = [
        STANDARD,
        "REDUCED_REDUNDANCY",
        "STANDARD_IA",
        "ONEZONE_IA",
        "INTELLIGENT_TIERING",
        "GLACIER",
        "DEEP_ARCHIVE",
        "GLACIER_IR",
    ];
    let class = headers.text(&X_AMZ_STORAGE_CLASS)?.unwrap_or(STANDARD);
    if KNOWN.contains(&class) {
        return Ok(class.to_owned());
    }
    Err(s3_error(
        S3ErrorCode::InvalidStorageClass,
        format!("The storage class you specified is not valid. Use one of {}.", KNOWN.join(", ")),
    ))
}

#[cfg(test)]
mod tests {
    use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn sent(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn storage_classes_are_those_of_aws() {
        let of = |value| {
            let headers = sent(X_AMZ_STORAGE_CLASS, value);
            storage_class(&Headers::new(&headers, &Extensions::new()))
                .map_err(|error| error.code().as_str().to_owned())
        };
        assert_eq!(of(""), Ok("STANDARD".into()));
        assert_eq!(of("STANDARD_IA"), Ok("STANDARD_IA".into()));
        assert_eq!(of("standard"), Err("InvalidStorageClass".into()));
        assert_eq!(of("EXPRESS_ONEZONE"), Err("InvalidStorageClass".into()));
    }

    #[test]
    fn metadata_is_limited_to_two_kilobytes() {
        let of = |bytes: usize| metadata(Some(Metadata::from([("name".to_owned(), "v".repeat(bytes - 4))])));
        assert!(of(2048).is_ok());
        assert_eq!(
            of(2049).map_err(|error| error.code().as_str().to_owned()),
            Err("MetadataTooLarge".into())
        );
        assert_eq!(metadata(None).map_err(|error| error.to_string()), Ok(vec![]));
    }

    #[test]
    fn redirects_lead_somewhere() {
        assert!(redirect("/page").is_ok() && redirect("https://example.org/").is_ok());
        assert!(redirect("page").is_err() && redirect("ftp://example.org").is_err());
    }

    #[test]
    fn expires_is_kept_as_it_came() -> S3Result<()> {
        let headers_sent = sent(EXPIRES, "0");
        assert_eq!(headers(&Headers::new(&headers_sent, &Extensions::new()))?.expires.as_deref(), Some("0"));
        Ok(())
    }
}
