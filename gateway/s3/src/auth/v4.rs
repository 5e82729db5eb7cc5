//! Signature V4: of the `Authorization` header and of presigned URLs.
//!
//! Source: S3 API reference, "Authenticating Requests (AWS Signature Version 4)".

use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{
    Gate, MAX_SKEW_SECONDS, Verified, canonical,
    canonical::Signed,
    date::{self, SigningTime},
    invalid_access_key,
    keys::{SigningKey, sign},
    payload::PayloadClaim,
};
use crate::{credentials::Identity, error::Refusal, query::Query};

/// The `Credential` of a request: who signs, for which scope.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Credential<'a> {
    access_key: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    terminal: &'a str,
}

impl<'a> Credential<'a> {
    /// From the right: an access key may contain slashes.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.rsplitn(5, '/');
        let (terminal, service, region, day) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let access_key = parts.next().filter(|key| !key.is_empty())?;
        Some(Self { access_key, day, region, service, terminal })
    }

    /// What is wrong with the scope, by AWS's words.
    fn fault(&self, region: &str, day: &str) -> Option<String> {
        if self.terminal != "aws4_request" {
            Some(format!("incorrect terminal {:?}. This endpoint uses \"aws4_request\".", self.terminal))
        } else if self.service != "s3" {
            Some(format!("incorrect service {:?}. This endpoint belongs to \"s3\".", self.service))
        } else if self.region != region {
            Some(format!("the region {:?} is wrong; expecting {region:?}", self.region))
        } else if self.day != day {
            Some(format!(
                "invalid credential date {:?}. This date is not the same as X-Amz-Date: {day:?}.",
                self.day
            ))
        } else {
            None
        }
    }
}

/// The three components of the header.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authorization<'a> {
    credential: Credential<'a>,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    /// Of the text after `AWS4-HMAC-SHA256`.
    pub(super) fn parse(text: &'a str) -> Result<Self, Refusal> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in text.split(',') {
            let (name, value) = part.trim().split_once('=').ok_or_else(three_components)?;
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                _ => return Err(three_components()),
            };
            if slot.replace(value).is_some() {
                return Err(malformed(format!("{name} is there twice.")));
            }
        }
        let (Some(credential), Some(signed_headers), Some(signature)) =
            (credential, signed_headers, signature)
        else {
            return Err(three_components());
        };
        let credential = Credential::parse(credential).ok_or_else(|| {
            malformed("the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".")
        })?;
        if !are_header_names(signed_headers) {
            return Err(malformed("SignedHeaders must be lower-case header names, separated by semicolons."));
        }
        Ok(Self { credential, signed_headers, signature })
    }
}

fn are_header_names(text: &str) -> bool {
    let name = |name: &str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    text.split(';').all(name)
}

fn malformed(what: impl std::fmt::Display) -> Refusal {
    Refusal::new("AuthorizationHeaderMalformed", format!("The authorization header is malformed; {what}"))
}

fn three_components() -> Refusal {
    malformed("the authorization header requires three components: Credential, SignedHeaders, and Signature.")
}

/// Verifies a request signed by header; `text` is what follows the algorithm.
pub(super) fn check_header(
    gate: &Gate,
    signed: &Signed<'_>,
    text: &str,
    now: i64,
) -> Result<Verified, Refusal> {
    let authorization = Authorization::parse(text)?;
    let time = header_time(signed.headers)?;
    check_skew(time, now)?;
    if let Some(fault) = authorization.credential.fault(&gate.region, time.day()) {
        return Err(malformed(fault).with("Region", gate.region.clone()));
    }
    let identity = gate.find(authorization.credential.access_key)?;
    check_names(signed.headers, authorization.signed_headers)?;
    let payload = single(signed.headers, "x-amz-content-sha256")?.ok_or_else(|| {
        Refusal::new("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    })?;
    let claim = PayloadClaim::parse(payload)?;
    let attempt = Attempt {
        signed,
        time,
        credential: &authorization.credential,
        signed_headers: authorization.signed_headers,
        signature: authorization.signature,
        payload,
        except: None,
    };
    attempt.verify(gate, identity, claim)
}

/// `x-amz-date`, else `Date`.
fn header_time(headers: &HeaderMap) -> Result<SigningTime, Refusal> {
    let time = match single(headers, "x-amz-date")? {
        Some(text) => SigningTime::parse(text).or_else(|| SigningTime::parse_date_header(text)),
        None => single(headers, header::DATE.as_str())?.and_then(SigningTime::parse_date_header),
    };
    time.ok_or_else(|| {
        Refusal::new("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
    })
}

pub(super) fn check_skew(time: SigningTime, now: i64) -> Result<(), Refusal> {
    skew(time.unix(), now).map_err(|refusal| refusal.with("RequestTime", time.text()))
}

/// Refuses a request signed more than 15 minutes from now, either way.
pub(super) fn skew(at: i64, now: i64) -> Result<(), Refusal> {
    if at.abs_diff(now) <= MAX_SKEW_SECONDS.unsigned_abs() {
        return Ok(());
    }
    Err(Refusal::of("RequestTimeTooSkewed")
        .with("ServerTime", date::display(now))
        .with("MaxAllowedSkewMilliseconds", (MAX_SKEW_SECONDS * 1000).to_string()))
}

/// The one value of a header. Two would leave it open which one was meant.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::new("InvalidRequest", format!("The header {name} is there more than once.")));
    }
    value
        .to_str()
        .map(Some)
        .map_err(|_| Refusal::new("InvalidRequest", format!("The header {name} is not ASCII.")))
}

/// Refuses headers that change what a request does, and were not signed: any `x-amz-*`, and the host.
fn check_names(headers: &HeaderMap, signed: &str) -> Result<(), Refusal> {
    let is_signed = |name: &str| signed.split(';').any(|signed| signed == name);
    let must = |name: &str| name.starts_with("x-amz-") || name == "host";
    let mut unsigned: Vec<&str> =
        headers.keys().map(http::HeaderName::as_str).filter(|name| must(name) && !is_signed(name)).collect();
    if !is_signed("host") && unsigned.iter().all(|name| *name != "host") {
        unsigned.push("host");
    }
    if unsigned.is_empty() {
        return Ok(());
    }
    unsigned.sort_unstable();
    Err(Refusal::new("AccessDenied", "There were headers present in the request which were not signed")
        .with("HeadersNotSigned", unsigned.join(", ")))
}

/// Verifies a presigned URL.
pub(super) fn check_presigned(gate: &Gate, signed: &Signed<'_>, now: i64) -> Result<Verified, Refusal> {
    let presigned = Presigned::parse(signed.query)?;
    if let Some(fault) = presigned.credential.fault(&gate.region, presigned.time.day()) {
        return Err(query_error(format!("Error parsing the X-Amz-Credential parameter; {fault}"))
            .with("Region", gate.region.clone()));
    }
    presigned.check_validity(now)?;
    let identity = gate.find(presigned.credential.access_key)?;
    check_names(signed.headers, presigned.signed_headers)?;
    let in_query = signed.query.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-amz-content-sha256"));
    let payload = match in_query {
        Some((_, text)) => text,
        None => single(signed.headers, "x-amz-content-sha256")?.unwrap_or("UNSIGNED-PAYLOAD"),
    };
    let claim = PayloadClaim::parse(payload)?;
    if matches!(claim, PayloadClaim::Chunked { signed: true, .. }) {
        return Err(Refusal::new("NotImplemented", "Signed chunks are not implemented for presigned URLs."));
    }
    let attempt = Attempt {
        signed,
        time: presigned.time,
        credential: &presigned.credential,
        signed_headers: presigned.signed_headers,
        signature: presigned.signature,
        payload,
        except: Some("X-Amz-Signature"),
    };
    attempt.verify(gate, identity, claim)
}

/// The parameters of a presigned URL.
#[derive(Debug)]
pub(super) struct Presigned<'a> {
    credential: Credential<'a>,
    time: SigningTime,
    expires_seconds: i64,
    signed_headers: &'a str,
    signature: &'a str,
}

/// A week: the longest a presigned URL holds.
const MAX_EXPIRES_SECONDS: i64 = 604_800;

impl<'a> Presigned<'a> {
    pub(super) fn parse(query: &'a Query<'a>) -> Result<Self, Refusal> {
        let get = |name: &str| match query.count(name) {
            1 => query.get(name).filter(|value| !value.is_empty()).ok_or_else(six_parameters),
            0 => Err(six_parameters()),
            _ => Err(query_error(format!("{name} is there more than once."))),
        };
        let algorithm = get("X-Amz-Algorithm")?;
        let credential = get("X-Amz-Credential")?;
        let time = get("X-Amz-Date")?;
        let expires = get("X-Amz-Expires")?;
        let signed_headers = get("X-Amz-SignedHeaders")?;
        let signature = get("X-Amz-Signature")?;
        if algorithm != "AWS4-HMAC-SHA256" {
            return Err(query_error("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
        }
        let credential = Credential::parse(credential).ok_or_else(|| {
            query_error(
                "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \
                 \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
            )
        })?;
        let time = SigningTime::parse(time).ok_or_else(|| {
            query_error("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
        })?;
        let expires_seconds = parse_expires(expires)?;
        if !are_header_names(signed_headers) {
            return Err(query_error(
                "X-Amz-SignedHeaders must be lower-case header names, separated by semicolons.",
            ));
        }
        Ok(Self { credential, time, expires_seconds, signed_headers, signature })
    }

    fn check_validity(&self, now: i64) -> Result<(), Refusal> {
        if self.time.unix() > now + MAX_SKEW_SECONDS {
            return Err(Refusal::new("AccessDenied", "Request is not valid yet")
                .with("X-Amz-Date", self.time.text())
                .with("ServerTime", date::display(now)));
        }
        let end = self.time.unix() + self.expires_seconds;
        if now > end {
            return Err(Refusal::new("AccessDenied", "Request has expired")
                .with("X-Amz-Expires", self.expires_seconds.to_string())
                .with("Expires", date::display(end))
                .with("ServerTime", date::display(now)));
        }
        Ok(())
    }
}

/// 1..=604800. Out of it is refused with 403, as Ceph's s3-tests expect, not with the 400 of AWS's documents.
fn parse_expires(text: &str) -> Result<i64, Refusal> {
    let forbidden = |message: &'static str| Err(query_error(message).with_status(StatusCode::FORBIDDEN));
    match text.parse::<i64>() {
        Ok(1..=MAX_EXPIRES_SECONDS) => Ok(text.parse().unwrap_or(1)),
        Ok(..=-1) => forbidden("X-Amz-Expires must be non-negative"),
        Ok(0) => forbidden("X-Amz-Expires must be at least one second"),
        Ok(_) => forbidden(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than \
             604800 seconds",
        ),
        Err(_) => forbidden("X-Amz-Expires should be a number"),
    }
}

fn query_error(message: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new("AuthorizationQueryParametersError", message)
}

fn six_parameters() -> Refusal {
    query_error(
        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
         X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
    )
}

/// A signature to be checked.
struct Attempt<'a> {
    signed: &'a Signed<'a>,
    time: SigningTime,
    credential: &'a Credential<'a>,
    signed_headers: &'a str,
    signature: &'a str,
    payload: &'a str,
    except: Option<&'static str>,
}

impl Attempt<'_> {
    fn verify(&self, gate: &Gate, identity: Arc<Identity>, claim: PayloadClaim) -> Result<Verified, Refusal> {
        let key = gate.keys.signing_key(self.credential.access_key, &identity.secret, self.credential.day);
        let path = canonical::path(self.signed.raw_path).ok_or_else(|| Refusal::of("InvalidURI"))?;
        let canonical = self.canonical(&path);
        let matches = self.matches(&key, &canonical)
            // Some clients sign the path as they sent it, with reserved characters bare. It names the same key.
            || (path != self.signed.raw_path.as_bytes()
                && self.matches(&key, &self.canonical(self.signed.raw_path.as_bytes())));
        if !matches {
            return Err(self.mismatch(&canonical));
        }
        let signer = matches!(claim, PayloadClaim::Chunked { signed: true, .. }).then(|| ChunkSigner {
            key,
            scope: self.scope(),
            previous: self.signature.as_bytes().to_vec(),
        });
        Ok(Verified { identity, claim, signer, presigned: self.except.is_some() })
    }

    fn canonical(&self, path: &[u8]) -> Vec<u8> {
        canonical::request(self.signed, path, self.except, self.signed_headers, self.payload)
    }

    fn matches(&self, key: &SigningKey, canonical: &[u8]) -> bool {
        let mut digest = [0; 64];
        let mut signature = [0; 64];
        hex_into(&Sha256::digest(canonical).into(), &mut digest);
        let scope = self.scope();
        let parts: [&[u8]; 3] = [b"AWS4-HMAC-SHA256\n", scope.as_bytes(), &digest];
        hex_into(&sign(key, &parts), &mut signature);
        signature.ct_eq(self.signature.as_bytes()).into()
    }

    /// Date and scope, a line each.
    fn scope(&self) -> String {
        let Credential { day, region, service, terminal, .. } = self.credential;
        [self.time.text(), "\n", day, "/", region, "/", service, "/", terminal, "\n"].concat()
    }

    fn mismatch(&self, canonical: &[u8]) -> Refusal {
        let digest = hex::encode(Sha256::digest(canonical));
        Refusal::of("SignatureDoesNotMatch")
            .with("AWSAccessKeyId", self.credential.access_key)
            .with("StringToSign", format!("AWS4-HMAC-SHA256\n{}{digest}", self.scope()))
            .with("SignatureProvided", self.signature)
            .with("CanonicalRequest", String::from_utf8_lossy(canonical))
    }
}

/// Signs the chunks of a body, each with the signature of the one before.
#[derive(Clone)]
pub(crate) struct ChunkSigner {
    key: SigningKey,
    /// Date and scope.
    scope: String,
    /// In hexadecimal.
    previous: Vec<u8>,
}

impl ChunkSigner {
    /// Whether `signature` is that of the chunk with this digest. The next chunk is signed after it.
    pub(crate) fn accepts_chunk(&mut self, digest: &[u8; 32], signature: &[u8]) -> bool {
        const EMPTY: &[u8] = b"\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
        self.accepts(b"AWS4-HMAC-SHA256-PAYLOAD\n", EMPTY, digest, signature)
    }

    /// Whether `signature` is that of the trailers with this digest.
    pub(crate) fn accepts_trailer(&mut self, digest: &[u8; 32], signature: &[u8]) -> bool {
        self.accepts(b"AWS4-HMAC-SHA256-TRAILER\n", b"\n", digest, signature)
    }

    fn accepts(&mut self, algorithm: &[u8], between: &[u8], digest: &[u8; 32], signature: &[u8]) -> bool {
        let mut digest_text = [0; 64];
        let mut expected = [0; 64];
        hex_into(digest, &mut digest_text);
        let parts = [algorithm, self.scope.as_bytes(), &self.previous, between, &digest_text];
        hex_into(&sign(&self.key, &parts), &mut expected);
        self.previous.clear();
        self.previous.extend_from_slice(&expected);
        expected.ct_eq(signature).into()
    }
}

fn hex_into(digest: &[u8; 32], text: &mut [u8; 64]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

impl Gate {
    pub(super) fn find(&self, access_key: &str) -> Result<Arc<Identity>, Refusal> {
        self.credentials.find(access_key).ok_or_else(|| invalid_access_key(access_key))
    }
}
