//! Keys derived from secrets, kept: four of the five HMACs of a signature are the same all day.

use std::collections::HashMap;

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::Sha256;

use crate::credentials::Secret;

/// An HMAC with its key taken in: cloning it is cheaper than taking the key again.
pub(crate) type SigningKey = Hmac<Sha256>;

/// One signing key per access key: that of the day it last signed on.
pub(crate) struct KeyCache {
    region: String,
    keys: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    day: String,
    secret: Secret,
    key: SigningKey,
}

/// Entries kept; all are dropped when they are more, which costs a derivation each.
const MAX_ENTRIES: usize = 4096;

impl KeyCache {
    pub(crate) fn new(region: &str) -> Self {
        Self { region: region.to_owned(), keys: Mutex::default() }
    }

    /// The key that signs on `day` (`20130524`). `access_key` must be one that exists: the cache is bounded by
    /// what clients may not choose.
    pub(crate) fn signing_key(&self, access_key: &str, secret: &Secret, day: &str) -> SigningKey {
        let mut keys = self.keys.lock();
        if let Some(entry) = keys.get(access_key)
            && entry.day == day
            && entry.secret.as_bytes() == secret.as_bytes()
        {
            return entry.key.clone();
        }
        if keys.len() >= MAX_ENTRIES {
            keys.clear();
        }
        let key = derive(secret.as_bytes(), day, &self.region);
        keys.insert(
            access_key.to_owned(),
            Entry { day: day.to_owned(), secret: secret.clone(), key: key.clone() },
        );
        key
    }
}

fn derive(secret: &[u8], day: &str, region: &str) -> SigningKey {
    let start = [b"AWS4", secret].concat();
    let day = sign(&keyed(&start), &[day.as_bytes()]);
    let region = sign(&keyed(&day), &[region.as_bytes()]);
    let service = sign(&keyed(&region), &[b"s3"]);
    keyed(&sign(&keyed(&service), &[b"aws4_request"]))
}

fn keyed(key: &[u8]) -> SigningKey {
    match Hmac::new_from_slice(key) {
        Ok(keyed) => keyed,
        Err(_) => unreachable!("HMAC takes keys of every length"),
    }
}

/// The signature of `parts`, one after the other.
pub(crate) fn sign(key: &SigningKey, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = key.clone();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The derived key itself is pinned by AWS's request examples in the gate's tests.
    #[test]
    fn parts_are_signed_as_one_text() {
        let key = derive(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "20130524", "us-east-1");
        assert_eq!(sign(&key, &[b"a", b"b"]), sign(&key, &[b"ab"]));
    }

    #[test]
    fn another_day_or_secret_is_another_key() {
        let cache = KeyCache::new("us-east-1");
        let (old, new) = (Secret::new("old"), Secret::new("new"));
        let signed = |secret: &Secret, day: &str| sign(&cache.signing_key("AK", secret, day), &[b"x"]);
        let first = signed(&old, "20130524");
        assert_eq!(signed(&old, "20130524"), first);
        assert_ne!(signed(&old, "20130525"), first);
        assert_ne!(signed(&new, "20130524"), first);
        assert_eq!(signed(&old, "20130524"), first);
        assert_eq!(cache.keys.lock().len(), 1);
    }
}
