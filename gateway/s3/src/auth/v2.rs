//! Signature V2: of the `Authorization` header and of presigned URLs, which aws cli 1 and boto3 still make.
//!
//! Source: S3 developer guide, "Signing and authenticating REST requests".

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::header;
use sha1::Sha1;
use subtle::ConstantTimeEq;

use super::{
    Gate, Verified, canonical,
    canonical::Signed,
    date::{self, SigningTime},
    payload::PayloadClaim,
    v4::{single, skew},
};
use crate::{credentials::Identity, error::Refusal, query::Query};

/// Verifies a request signed by header; `text` is what follows `AWS`.
pub(super) fn check_header(
    gate: &Gate,
    signed: &Signed<'_>,
    host_bucket: Option<&str>,
    text: &str,
    now: i64,
) -> Result<Verified, Refusal> {
    let (access_key, signature) = parse_authorization(text)?;
    let amz_date = single(signed.headers, "x-amz-date")?;
    let date = single(signed.headers, header::DATE.as_str())?;
    let at = amz_date.or(date).and_then(parse_date).ok_or_else(|| {
        Refusal::new("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    })?;
    skew(at, now)?;
    let identity = gate.find(access_key)?;
    // A request dated by x-amz-date signs that header, and an empty date.
    let date = if amz_date.is_some() { "" } else { date.unwrap_or("") };
    verify(signed, host_bucket, &identity, &Attempt { access_key, signature, date, presigned: false })?;
    verified(signed, identity, false)
}

fn parse_date(text: &str) -> Option<i64> {
    date::parse_http_date(text).or_else(|| SigningTime::parse(text).map(|at| at.unix()))
}

pub(super) fn parse_authorization(text: &str) -> Result<(&str, &str), Refusal> {
    match text.split_once(':') {
        Some((access_key, signature)) if !access_key.is_empty() && !access_key.contains(' ') => {
            Ok((access_key, signature))
        }
        _ => Err(Refusal::new(
            "InvalidArgument",
            "AWS authorization header is invalid. Expected AwsAccessKeyId:signature",
        )
        .with("ArgumentName", "Authorization")),
    }
}

/// Verifies a presigned URL.
pub(super) fn check_presigned(
    gate: &Gate,
    signed: &Signed<'_>,
    host_bucket: Option<&str>,
    now: i64,
) -> Result<Verified, Refusal> {
    let get = |name: &str| {
        signed.query.get(name).filter(|value| !value.is_empty() && signed.query.count(name) == 1)
    };
    let (Some(access_key), Some(expires), Some(signature)) =
        (get("AWSAccessKeyId"), get("Expires"), get("Signature"))
    else {
        return Err(Refusal::new(
            "AccessDenied",
            "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters",
        ));
    };
    let end: i64 = expires.parse().map_err(|_| {
        Refusal::new("AccessDenied", format!("Invalid date (should be seconds since epoch): {expires:?}"))
    })?;
    if now > end {
        return Err(Refusal::new("AccessDenied", "Request has expired")
            .with("Expires", date::display(end))
            .with("ServerTime", date::display(now)));
    }
    let identity = gate.find(access_key)?;
    verify(
        signed,
        host_bucket,
        &identity,
        &Attempt { access_key, signature, date: expires, presigned: true },
    )?;
    verified(signed, identity, true)
}

struct Attempt<'a> {
    access_key: &'a str,
    signature: &'a str,
    date: &'a str,
    presigned: bool,
}

fn verified(
    signed: &Signed<'_>,
    identity: std::sync::Arc<Identity>,
    presigned: bool,
) -> Result<Verified, Refusal> {
    let claim = single(signed.headers, "x-amz-content-sha256")?
        .map_or(Ok(PayloadClaim::Unsigned), PayloadClaim::parse)?;
    if matches!(claim, PayloadClaim::Chunked { signed: true, .. }) {
        return Err(Refusal::new(
            "InvalidRequest",
            "Signed chunks need Signature V4 in the Authorization header.",
        ));
    }
    Ok(Verified { identity, claim, signer: None, presigned })
}

fn verify(
    signed: &Signed<'_>,
    host_bucket: Option<&str>,
    identity: &Identity,
    attempt: &Attempt<'_>,
) -> Result<(), Refusal> {
    let resource = resource(signed, host_bucket);
    let string = string_to_sign(signed, &resource, attempt)?;
    let matches = |string: &[u8]| -> bool {
        sign(identity.secret.as_bytes(), string).as_bytes().ct_eq(attempt.signature.as_bytes()).into()
    };
    if matches(&string) {
        return Ok(());
    }
    // S3 wants a bucket's resource with a slash at its end, and boto signs it so, whatever the path that is sent.
    if is_bare_bucket(&resource) && matches(&string_to_sign(signed, &[&resource, "/"].concat(), attempt)?) {
        return Ok(());
    }
    Err(Refusal::of("SignatureDoesNotMatch")
        .with("AWSAccessKeyId", attempt.access_key)
        .with("StringToSign", String::from_utf8_lossy(&string))
        .with("SignatureProvided", attempt.signature))
}

fn is_bare_bucket(resource: &str) -> bool {
    resource.len() > 1 && !resource[1..].contains('/')
}

fn sign(secret: &[u8], string: &[u8]) -> String {
    let mut mac = match Hmac::<Sha1>::new_from_slice(secret) {
        Ok(mac) => mac,
        Err(_) => unreachable!("HMAC takes keys of every length"),
    };
    mac.update(string);
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// A presigned URL carries headers as parameters: what a header does not say is taken from there.
fn string_to_sign(signed: &Signed<'_>, resource: &str, attempt: &Attempt<'_>) -> Result<Vec<u8>, Refusal> {
    let presigned = attempt.presigned;
    let value = |name: &'static str| -> Result<&str, Refusal> {
        Ok(match single(signed.headers, name)? {
            Some(value) => value,
            None if presigned => signed.query.get(name).unwrap_or(""),
            None => "",
        })
    };
    let mut out = Vec::with_capacity(256);
    let content_md5 = value("content-md5")?;
    for line in [signed.method.as_str(), content_md5, value("content-type")?, attempt.date] {
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    write_amz_headers(signed, presigned, &mut out);
    out.extend_from_slice(resource.as_bytes());
    write_subresources(signed.query, &mut out);
    Ok(out)
}

fn write_amz_headers(signed: &Signed<'_>, presigned: bool, out: &mut Vec<u8>) {
    let mut lines: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for (name, value) in signed.headers.iter().filter(|(name, _)| name.as_str().starts_with("x-amz-")) {
        let line = lines.entry(name.as_str().to_owned()).or_default();
        if !line.is_empty() {
            line.push(b',');
        }
        canonical::write_collapsed(value.as_bytes(), line);
    }
    if presigned {
        let parameters = signed.query.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
        for (name, value) in parameters.filter(|(name, _)| name.starts_with("x-amz-")) {
            lines.entry(name).or_insert_with(|| value.as_bytes().to_vec());
        }
    }
    for (name, value) in lines {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(&value);
        out.push(b'\n');
    }
}

/// Parameters that name a sub-resource or change the answer: they are part of the signed resource. Every name that
/// routes a request is here, older signers' lists or not: what is not signed must not choose an operation.
const SUBRESOURCES: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "attributes",
    "cors",
    "defaultObjectAcl",
    "delete",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "partNumber",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "retention",
    "select",
    "select-type",
    "session",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// Bucket and raw path, without sub-resources.
fn resource(signed: &Signed<'_>, host_bucket: Option<&str>) -> String {
    match host_bucket {
        Some(bucket) => ["/", bucket, signed.raw_path].concat(),
        None => signed.raw_path.to_owned(),
    }
}

fn write_subresources(query: &Query<'_>, out: &mut Vec<u8>) {
    for (at, (name, value)) in subresources(query).into_iter().enumerate() {
        out.push(if at == 0 { b'?' } else { b'&' });
        out.extend_from_slice(name.as_bytes());
        if !value.is_empty() {
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
    }
}

fn subresources<'a>(query: &'a Query<'_>) -> Vec<(&'a str, &'a str)> {
    let mut found: Vec<_> = query.iter().filter(|(name, _)| SUBRESOURCES.contains(name)).collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests;
