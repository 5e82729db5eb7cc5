//! Which bucket and key a request names: of the `Host` header and the raw path.

use std::net::IpAddr;

use http::{HeaderMap, header};
use namespace::ObjectKey;

use crate::{encoding, error::Refusal};

/// The domains under which buckets are hosts of their own.
#[derive(Debug)]
pub(crate) struct Domains(Vec<String>);

impl Domains {
    /// `localhost` is always one: its sub-domains resolve nowhere else.
    pub(crate) fn new(domains: &[String]) -> Self {
        let configured = domains.iter().map(|domain| domain.trim_matches('.').to_ascii_lowercase());
        let mut all: Vec<String> =
            configured.filter(|domain| !domain.is_empty()).chain(["localhost".to_owned()]).collect();
        // The longest first, so that a domain within another wins.
        all.sort_unstable_by_key(|domain| std::cmp::Reverse(domain.len()));
        all.dedup();
        Self(all)
    }

    /// The bucket that the `Host` header names, `None` for path style. An IP address, a domain itself and a foreign
    /// host are path style.
    pub(crate) fn bucket(&self, headers: &HeaderMap) -> Result<Option<String>, Refusal> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let Some(host) = hosts.next() else { return Ok(None) };
        let invalid = || Refusal::new("InvalidRequest", "The Host header is not valid.");
        if hosts.next().is_some() {
            return Err(invalid());
        }
        Ok(self.bucket_of(host.to_str().map_err(|_| invalid())?))
    }

    fn bucket_of(&self, host: &str) -> Option<String> {
        let name = without_port(host);
        if name.starts_with('[') || name.parse::<IpAddr>().is_ok() {
            return None;
        }
        let name = name.trim_end_matches('.');
        self.0.iter().find_map(|domain| {
            let (start, end) = name.split_at_checked(name.len().checked_sub(domain.len())?)?;
            if !end.eq_ignore_ascii_case(domain) {
                return None;
            }
            if start.is_empty() {
                Some(None)
            } else {
                Some(Some(start.strip_suffix('.')?.to_ascii_lowercase()))
            }
        })?
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// What a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// All buckets.
    Service,
    /// One bucket.
    Bucket,
    /// One object.
    Object,
}

/// The level of a raw path, refusing what is no percent-encoded UTF-8 and keys too long. Keys are opaque: nothing
/// is normalised, `..`, `//` and NUL are as good as any other bytes.
pub(crate) fn level(raw_path: &str, is_virtual_hosted: bool) -> Result<Level, Refusal> {
    let invalid = || Refusal::of("InvalidURI");
    let decoded = encoding::decode(raw_path.as_bytes()).ok_or_else(invalid)?;
    let path = std::str::from_utf8(&decoded).map_err(|_| invalid())?.strip_prefix('/').ok_or_else(invalid)?;
    if is_virtual_hosted {
        return key_level(path);
    }
    match path.split_once('/') {
        None if path.is_empty() => Ok(Level::Service),
        None => Ok(Level::Bucket),
        Some((_, key)) => key_level(key),
    }
}

fn key_level(key: &str) -> Result<Level, Refusal> {
    match key.len() {
        0 => Ok(Level::Bucket),
        1..=ObjectKey::MAX_BYTES => Ok(Level::Object),
        size => Err(Refusal::of("KeyTooLongError")
            .with("Size", size.to_string())
            .with("MaxSizeAllowed", ObjectKey::MAX_BYTES.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_name_buckets() {
        let domains =
            Domains::new(&["s3.example.com".into(), "eu.s3.example.com".into(), ".Upper.example.".into()]);
        for (host, bucket) in [
            ("s3.example.com", None),
            ("photos.s3.example.com", Some("photos")),
            ("photos.s3.example.com:9000", Some("photos")),
            ("a.b.s3.example.com", Some("a.b")),
            ("photos.eu.s3.example.com", Some("photos")),
            ("eu.s3.example.com", None),
            ("PHOTOS.S3.example.com.", Some("photos")),
            ("photos.upper.example", Some("photos")),
            ("photos.localhost:9000", Some("photos")),
            ("localhost:9000", None),
            ("127.0.0.1:9000", None),
            ("[::1]:9000", None),
            ("::1", None),
            ("xs3.example.com", None),
            ("other.org", None),
        ] {
            assert_eq!(domains.bucket_of(host).as_deref(), bucket, "{host}");
        }
    }

    #[test]
    fn keys_are_opaque() {
        for (path, virtual_hosted, expected) in [
            ("/", false, Level::Service),
            ("/", true, Level::Bucket),
            ("/b", false, Level::Bucket),
            ("/b", true, Level::Object),
            ("/b/", false, Level::Bucket),
            ("/b//", false, Level::Object),
            ("/b/%2F", false, Level::Object),
            ("/b/../x", false, Level::Object),
            ("/b/%00", false, Level::Object),
            ("/b/a%0Ab/", false, Level::Object),
        ] {
            assert_eq!(level(path, virtual_hosted), Ok(expected), "{path}");
        }
        for path in ["", "*", "b/k", "/b/%", "/b/%4", "/b/%zz", "/b/%ff", "/b/%C3%28"] {
            assert_eq!(level(path, false).expect_err(path).code, "InvalidURI");
        }
    }

    #[test]
    fn keys_are_measured_in_bytes_of_utf8() {
        let fits = format!("/b/{}", "%C3%A9".repeat(512));
        let over = format!("/b/{}a", "%C3%A9".repeat(512));
        assert_eq!(level(&fits, false), Ok(Level::Object));
        assert_eq!(level(&over, false).expect_err("too long").code, "KeyTooLongError");
    }

    proptest! {
        #[test]
        fn any_path_is_placed_or_refused(path in "/?[a-z/%0-9é]{0,40}", host in ".{0,40}", virtual_hosted: bool) {
            drop(level(&path, virtual_hosted));
            Domains::new(&[]).bucket_of(&host);
        }
    }
}
