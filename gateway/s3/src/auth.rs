//! The gate: every request is verified here, once, before anything routes it. Denied is the default.

mod canonical;
mod date;
mod keys;
mod payload;
mod v2;
mod v4;

use std::sync::Arc;

use http::{HeaderMap, header};

pub(crate) use canonical::Signed;
pub(crate) use payload::PayloadClaim;
pub(crate) use v4::ChunkSigner;

use crate::{
    credentials::{Credentials, Identity},
    error::Refusal,
};

/// How far the clocks of client and server may differ.
const MAX_SKEW_SECONDS: i64 = 15 * 60;

/// Verifies signatures against one set of credentials, for one region.
pub(crate) struct Gate {
    credentials: Arc<dyn Credentials>,
    region: String,
    keys: keys::KeyCache,
}

/// A request whose signature holds.
pub(crate) struct Verified {
    pub(crate) identity: Arc<Identity>,
    pub(crate) claim: PayloadClaim,
    /// Where each chunk of the body is signed.
    pub(crate) signer: Option<ChunkSigner>,
    /// By URL.
    pub(crate) presigned: bool,
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verified")
            .field("account", &self.identity.account)
            .field("claim", &self.claim)
            .finish_non_exhaustive()
    }
}

/// The ways to sign a request.
#[derive(Debug)]
enum Mechanism<'a> {
    HeaderV4(&'a str),
    HeaderV2(&'a str),
    PresignedV4,
    PresignedV2,
}

impl Gate {
    pub(crate) fn new(credentials: Arc<dyn Credentials>, region: &str) -> Self {
        Self { credentials, region: region.to_owned(), keys: keys::KeyCache::new(region) }
    }

    /// Whose request this is. `host_bucket`: the bucket of a virtual-hosted request; `now`: seconds since 1970.
    pub(crate) fn check(
        &self,
        signed: &Signed<'_>,
        host_bucket: Option<&str>,
        now: i64,
    ) -> Result<Verified, Refusal> {
        let mechanism = mechanism(signed)?;
        refuse_session_token(signed)?;
        match mechanism {
            Mechanism::HeaderV4(text) => v4::check_header(self, signed, text, now),
            Mechanism::HeaderV2(text) => v2::check_header(self, signed, host_bucket, text, now),
            Mechanism::PresignedV4 => v4::check_presigned(self, signed, now),
            Mechanism::PresignedV2 => v2::check_presigned(self, signed, host_bucket, now),
        }
    }
}

/// Exactly one: two could be verified one way and acted on the other.
fn mechanism<'a>(signed: &Signed<'a>) -> Result<Mechanism<'a>, Refusal> {
    let authorization = authorization(signed.headers)?;
    let has_any = |names: &[&str]| names.iter().any(|name| signed.query.has(name));
    let v4 = has_any(&["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"]);
    let v2 = has_any(&["AWSAccessKeyId", "Signature"]);
    match (authorization, v4, v2) {
        (None, false, false) => Err(Refusal::of("AccessDenied")),
        (Some(text), false, false) => header_mechanism(text),
        (None, true, false) => Ok(Mechanism::PresignedV4),
        (None, false, true) => Ok(Mechanism::PresignedV2),
        _ => Err(Refusal::new(
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
             parameter or the Authorization header should be specified",
        )
        .with("ArgumentName", "Authorization")),
    }
}

/// The header's text, `None` when it is not there or empty.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::new("InvalidArgument", "Only one Authorization header is allowed.")
            .with("ArgumentName", "Authorization"));
    }
    value.to_str().map(|text| Some(text.trim()).filter(|text| !text.is_empty())).map_err(|_| unsupported())
}

fn header_mechanism(text: &str) -> Result<Mechanism<'_>, Refusal> {
    match text.split_once(' ').unwrap_or((text, "")) {
        ("AWS4-HMAC-SHA256", rest) => Ok(Mechanism::HeaderV4(rest)),
        ("AWS", rest) => Ok(Mechanism::HeaderV2(rest)),
        _ => Err(unsupported()),
    }
}

fn unsupported() -> Refusal {
    Refusal::new("InvalidArgument", "Unsupported Authorization Type").with("ArgumentName", "Authorization")
}

/// No credentials of this server have session tokens: one that comes with one was meant for another.
fn refuse_session_token(signed: &Signed<'_>) -> Result<(), Refusal> {
    let is_token =
        |name: &str, value: &str| name.eq_ignore_ascii_case("x-amz-security-token") && !value.is_empty();
    let in_headers = signed.headers.get("x-amz-security-token").is_some_and(|value| !value.is_empty());
    if in_headers || signed.query.iter().any(|(name, value)| is_token(name, value)) {
        return Err(Refusal::of("InvalidToken"));
    }
    Ok(())
}

fn invalid_access_key(access_key: &str) -> Refusal {
    Refusal::of("InvalidAccessKeyId").with("AWSAccessKeyId", access_key.chars().take(200).collect::<String>())
}

#[cfg(test)]
pub(crate) mod tests;
