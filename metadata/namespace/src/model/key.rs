use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// An object's key: 1..=1024 bytes of UTF-8, any characters, never a path on a disk. Cheap to clone.
///
/// Keys are ordered by their bytes, as S3 lists them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ObjectKey(Arc<str>);

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// Empty.
    #[error("the key is empty")]
    Empty,
    /// Over [`ObjectKey::MAX_BYTES`].
    #[error("the key is {0} bytes long, 1024 at most")]
    TooLong(usize),
}

impl ObjectKey {
    /// The longest key, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 1024;

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ObjectKey {
    type Err = InvalidKey;

    fn from_str(key: &str) -> Result<Self, InvalidKey> {
        match key.len() {
            0 => Err(InvalidKey::Empty),
            1..=Self::MAX_BYTES => Ok(Self(key.into())),
            bytes => Err(InvalidKey::TooLong(bytes)),
        }
    }
}

impl TryFrom<String> for ObjectKey {
    type Error = InvalidKey;

    fn try_from(key: String) -> Result<Self, InvalidKey> {
        key.parse()
    }
}

impl From<ObjectKey> for String {
    fn from(key: ObjectKey) -> Self {
        key.0.as_ref().to_owned()
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
