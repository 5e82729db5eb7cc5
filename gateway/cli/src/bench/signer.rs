//! Signature V4 as a client makes it, for requests whose path and query need no encoding of their own.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, macros::format_description};
use types::Timestamp;

/// Signs requests to one host with one pair of keys.
pub struct Signer {
    access_key: String,
    secret_key: String,
    region: String,
    host: String,
}

/// The moment that requests are signed for, and the key derived for its day.
pub struct Moment {
    amz_date: String,
    scope: String,
    key: Hmac<Sha256>,
}

/// What `x-amz-content-sha256` says of a body that is not hashed.
pub const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

impl Signer {
    /// For `host:port`.
    pub fn new(access_key: &str, secret_key: &str, region: &str, host: &str) -> Self {
        let [access_key, secret_key, region, host] =
            [access_key, secret_key, region, host].map(str::to_owned);
        Self { access_key, secret_key, region, host }
    }

    /// A moment is good for some minutes; deriving its key costs five times as much as a signature.
    pub fn moment(&self, now: Timestamp) -> Moment {
        let seconds = i64::try_from(now.as_secs()).unwrap_or_default();
        let utc = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let form = format_description!("[year][month][day]T[hour][minute][second]Z");
        let amz_date = utc.format(&form).unwrap_or_default();
        let day = amz_date[..8].to_owned();
        let first = hmac(format!("AWS4{}", self.secret_key).as_bytes(), day.as_bytes());
        let key = ["s3", "aws4_request"]
            .iter()
            .fold(hmac(&first, self.region.as_bytes()), |key, word| hmac(&key, word.as_bytes()));
        let scope = format!("{day}/{}/s3/aws4_request", self.region);
        Moment { amz_date, scope, key: keyed(&key) }
    }

    /// Writes a whole request head. `query` is sorted and encoded; `payload` is the hash of the body or [`UNSIGNED`].
    pub fn write_head(&self, out: &mut String, moment: &Moment, request: &Head<'_>) {
        let Head { method, path, query, payload, content_length } = request;
        let Moment { amz_date, scope, key } = moment;
        let canonical = format!(
            "{method}\n{path}\n{query}\nhost:{}\nx-amz-content-sha256:{payload}\nx-amz-date:{amz_date}\n\n{SIGNED}\n{payload}",
            self.host
        );
        let digest = hex::encode(Sha256::digest(canonical));
        let mut mac = key.clone();
        mac.update(format!("AWS4-HMAC-SHA256\n{amz_date}\n{scope}\n{digest}").as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let mark = if query.is_empty() { "" } else { "?" };
        // Writing to a String cannot fail.
        let _ = write!(
            out,
            "{method} {path}{mark}{query} HTTP/1.1\r\nhost: {}\r\nx-amz-date: {amz_date}\r\n\
             x-amz-content-sha256: {payload}\r\nauthorization: AWS4-HMAC-SHA256 Credential={}/{scope}, \
             SignedHeaders={SIGNED}, Signature={signature}\r\n",
            self.host, self.access_key
        );
        if let Some(length) = content_length {
            let _ = write!(out, "content-length: {length}\r\n");
        }
        out.push_str("\r\n");
    }
}

/// What is asked for.
pub struct Head<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub payload: &'a str,
    pub content_length: Option<usize>,
}

const SIGNED: &str = "host;x-amz-content-sha256;x-amz-date";

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = keyed(key);
    mac.update(message);
    mac.finalize().into_bytes().into()
}
