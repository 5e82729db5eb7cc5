use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The number of a volume, unique in a cluster for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VolumeId(pub u32);

/// The number of a needle, leased from the master; unique in a cluster for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NeedleKey(pub u64);

/// A random number in every needle and its address, so that keys cannot be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cookie(pub u32);

/// The address of one needle: volume, key and cookie; `3,01637037d6` as text.
///
/// Text: the volume in decimal, a comma, the key in hex without leading zero bytes, the cookie as 8 hex
/// digits. A suffix `_N` adds N to the key. Source: SeaweedFS `storage/needle/file_id.go`, `needle.go`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId {
    /// The volume that holds the needle.
    pub volume: VolumeId,
    /// The needle's number.
    pub key: NeedleKey,
    /// Must equal the cookie in the needle.
    pub cookie: Cookie,
}

/// Why a text is no file id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("file id {text:?}: a volume number, a comma, then 9 to 24 hex digits")]
pub struct InvalidFileId {
    text: String,
}

const COOKIE_DIGITS: usize = 8;
const MAX_DIGITS: usize = 24;

impl FromStr for FileId {
    type Err = InvalidFileId;

    fn from_str(text: &str) -> Result<Self, InvalidFileId> {
        parse(text).ok_or_else(|| InvalidFileId { text: text.chars().take(60).collect() })
    }
}

fn parse(text: &str) -> Option<FileId> {
    let (volume, rest) = text.split_once(',')?;
    let (digits, suffix) = match rest.split_once('_') {
        Some((digits, suffix)) => (digits, decimal(suffix)?),
        None => (rest, 0),
    };
    if digits.len() <= COOKIE_DIGITS
        || digits.len() > MAX_DIGITS
        || !digits.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return None;
    }
    let (key, cookie) = digits.split_at(digits.len() - COOKIE_DIGITS);
    let key = u64::from_str_radix(key, 16).ok()?.checked_add(suffix)?;
    Some(FileId {
        volume: volume.parse().ok()?,
        key: NeedleKey(key),
        cookie: Cookie(u32::from_str_radix(cookie, 16).ok()?),
    })
}

/// Digits only: `parse` alone would take a sign.
fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

impl FromStr for VolumeId {
    type Err = InvalidFileId;

    fn from_str(text: &str) -> Result<Self, InvalidFileId> {
        decimal(text)
            .and_then(|id| u32::try_from(id).ok())
            .map(VolumeId)
            .ok_or_else(|| InvalidFileId { text: text.chars().take(60).collect() })
    }
}

impl fmt::Display for VolumeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key_bytes = (8 - self.key.0.leading_zeros() as usize / 8).max(1);
        write!(f, "{},{:0width$x}{:08x}", self.volume, self.key.0, self.cookie.0, width = key_bytes * 2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(u32, u64, u32)>) {
        let parts = text.parse::<FileId>().ok().map(|fid| (fid.volume.0, fid.key.0, fid.cookie.0));
        assert_eq!(parts, expected, "{text:?}");
    }

    #[test]
    fn texts() {
        check("3,01637037d6", Some((3, 1, 0x6370_37d6)));
        check("3,01637037d6_5", Some((3, 6, 0x6370_37d6)));
        check("3,637037d6", None);
        check("3,0163703zd6", None);
        check("3,+1637037d6", None);
        check("+3,01637037d6", None);
        check("3,01637037d6_+5", None);
        check("3,ffffffffffffffff637037d6_1", None);
        check("4294967296,01637037d6", None);
        check("3", None);
    }

    proptest! {
        #[test]
        fn file_ids_round_trip(volume: u32, key: u64, cookie: u32) {
            let fid = FileId { volume: VolumeId(volume), key: NeedleKey(key), cookie: Cookie(cookie) };
            prop_assert_eq!(fid.to_string().parse(), Ok(fid));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = text.parse::<FileId>();
        }
    }
}
