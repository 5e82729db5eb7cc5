use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// A named group of volumes; the empty name is the default group. A bucket's volumes are one collection.
///
/// The name becomes part of a file name (`<collection>_<volume>.dat`), so it is 0..=200 bytes of
/// `A-Z a-z 0-9 . - _`, and does not start with a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Collection(Arc<str>);

/// Why a text is no collection name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("collection {name:?}: at most 200 of A-Z a-z 0-9 . - _ and no leading dot")]
pub struct InvalidCollection {
    name: String,
}

const MAX_BYTES: usize = 200;

impl Collection {
    /// The name; empty for the default group.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the default group.
    pub fn is_default(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Collection {
    type Err = InvalidCollection;

    fn from_str(name: &str) -> Result<Self, InvalidCollection> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if name.len() > MAX_BYTES || name.starts_with('.') || !name.bytes().all(allowed) {
            return Err(InvalidCollection { name: name.chars().take(80).collect() });
        }
        Ok(Self(name.into()))
    }
}

impl TryFrom<String> for Collection {
    type Error = InvalidCollection;

    fn try_from(name: String) -> Result<Self, InvalidCollection> {
        name.parse()
    }
}

impl From<Collection> for String {
    fn from(collection: Collection) -> Self {
        collection.0.as_ref().to_owned()
    }
}

impl fmt::Display for Collection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, good: bool) {
        assert_eq!(name.parse::<Collection>().is_ok(), good, "{name:?}");
    }

    #[test]
    fn names() {
        check("", true);
        check("picture", true);
        check("my.bucket-1_x", true);
        check(".hidden", false);
        check("a/b", false);
        check("a\0b", false);
        check("é", false);
        check(&"x".repeat(201), false);
    }
}
