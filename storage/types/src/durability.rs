use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What an acknowledged write survives. Ordered: the weaker of two is their `min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// A killed process, not a power cut: the bytes are in the page cache.
    Memory,
    /// A power cut: the bytes were synced to disk before the acknowledgement.
    #[default]
    Disk,
}

/// Why a text names no durability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("durability {text:?}: disk or memory")]
pub struct InvalidDurability {
    text: String,
}

impl FromStr for Durability {
    type Err = InvalidDurability;

    fn from_str(text: &str) -> Result<Self, InvalidDurability> {
        match text {
            "disk" => Ok(Self::Disk),
            "memory" => Ok(Self::Memory),
            _ => Err(InvalidDurability { text: text.chars().take(20).collect() }),
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        })
    }
}
