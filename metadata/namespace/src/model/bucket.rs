use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use types::Timestamp;

/// A bucket's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name, unique in the namespace.
    pub name: BucketName,
    /// Who made it.
    pub owner: AccountId,
    /// When.
    pub created: Timestamp,
}

/// The canonical id of an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub String);

/// A bucket's name, valid by AWS's rules for general purpose buckets. Cheap to clone.
///
/// 3..=63 of `a-z 0-9 . -`, a letter or digit at both ends, no two dots in a row, not the shape of an IPv4
/// address, none of AWS's reserved prefixes and suffixes.
/// Source: S3 user guide, "General purpose bucket naming rules".
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BucketName(Arc<str>);

/// Why a text is no bucket name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("bucket name {name:?}: {rule}")]
pub struct InvalidBucketName {
    name: String,
    rule: &'static str,
}

impl BucketName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BucketName {
    type Err = InvalidBucketName;

    fn from_str(name: &str) -> Result<Self, InvalidBucketName> {
        match broken_rule(name) {
            None => Ok(Self(name.into())),
            Some(rule) => Err(InvalidBucketName { name: name.chars().take(80).collect(), rule }),
        }
    }
}

fn broken_rule(name: &str) -> Option<&'static str> {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Some("it is empty") };
    if !(3..=63).contains(&bytes.len()) {
        Some("it must be 3 to 63 characters long")
    } else if !bytes.iter().all(|b| alphanumeric(*b) || matches!(b, b'.' | b'-')) {
        Some("only a-z, 0-9, dots and hyphens are allowed")
    } else if !alphanumeric(*first) || !alphanumeric(*last) {
        Some("it must start and end with a letter or a digit")
    } else if name.contains("..") {
        Some("two dots must not be next to each other")
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        Some("it must not look like an IP address")
    } else if ["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix)) {
        Some("this prefix is reserved")
    } else if ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
    {
        Some("this suffix is reserved")
    } else {
        None
    }
}

impl TryFrom<String> for BucketName {
    type Error = InvalidBucketName;

    fn try_from(name: String) -> Result<Self, InvalidBucketName> {
        name.parse()
    }
}

impl From<BucketName> for String {
    fn from(name: BucketName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
