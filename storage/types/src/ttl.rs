use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// How long a needle or a volume lives: a count of 1..=255 and a unit, or for ever ([`Ttl::NEVER`]).
///
/// Two bytes on disk, `3m` as text. Source: SeaweedFS `storage/needle/volume_ttl.go`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ttl {
    count: u8,
    unit: Option<TtlUnit>,
}

/// The unit of a [`Ttl`]; a month is 30 days and a year 365.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum TtlUnit {
    Minute = 1,
    Hour = 2,
    Day = 3,
    Week = 4,
    Month = 5,
    Year = 6,
}

/// Why a text is no TTL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ttl {text:?}: a number and one of m h d w M y, such as 3m or 7d")]
pub struct InvalidTtl {
    text: String,
}

const UNITS: [TtlUnit; 6] =
    [TtlUnit::Minute, TtlUnit::Hour, TtlUnit::Day, TtlUnit::Week, TtlUnit::Month, TtlUnit::Year];

impl TtlUnit {
    /// Minutes in one of this unit.
    pub const fn minutes(self) -> u64 {
        match self {
            Self::Minute => 1,
            Self::Hour => 60,
            Self::Day => 24 * 60,
            Self::Week => 7 * 24 * 60,
            Self::Month => 30 * 24 * 60,
            Self::Year => 365 * 24 * 60,
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Minute => 'm',
            Self::Hour => 'h',
            Self::Day => 'd',
            Self::Week => 'w',
            Self::Month => 'M',
            Self::Year => 'y',
        }
    }

    fn from_letter(letter: u8) -> Option<Self> {
        UNITS.into_iter().find(|unit| unit.letter() == char::from(letter))
    }
}

impl Ttl {
    /// Lives until it is deleted.
    pub const NEVER: Self = Self { count: 0, unit: None };

    /// `count` of `unit`, rewritten to the largest unit that divides it evenly with a count under 256, else
    /// to the first unit that holds it, rounded down. A count of 0 is [`Ttl::NEVER`].
    pub fn new(count: u32, unit: TtlUnit) -> Self {
        let minutes = u64::from(count) * unit.minutes();
        let exact = UNITS.into_iter().rev().find(|unit| {
            minutes.is_multiple_of(unit.minutes()) && (1..256).contains(&(minutes / unit.minutes()))
        });
        let first = || UNITS.into_iter().find(|unit| minutes / unit.minutes() < 256);
        let unit = exact.or_else(first).unwrap_or(TtlUnit::Year);
        match u8::try_from(minutes / unit.minutes()).unwrap_or(u8::MAX) {
            0 => Self::NEVER,
            count => Self { count, unit: Some(unit) },
        }
    }

    /// Whether it never ends.
    pub fn is_never(self) -> bool {
        self.unit.is_none()
    }

    /// The span, or `None` for [`Ttl::NEVER`].
    pub fn span(self) -> Option<Duration> {
        self.unit.map(|unit| Duration::from_secs(u64::from(self.count) * unit.minutes() * 60))
    }

    /// Count and unit, as superblock and needle store them.
    pub fn to_bytes(self) -> [u8; 2] {
        match self.unit {
            None => [0, 0],
            Some(unit) => [self.count, unit as u8],
        }
    }

    /// The reverse of [`Ttl::to_bytes`]. A count of 0 or an unknown unit is [`Ttl::NEVER`], as weed reads it.
    pub fn from_bytes([count, unit]: [u8; 2]) -> Self {
        match UNITS.into_iter().find(|known| *known as u8 == unit) {
            Some(unit) if count > 0 => Self { count, unit: Some(unit) },
            _ => Self::NEVER,
        }
    }
}

impl FromStr for Ttl {
    type Err = InvalidTtl;

    /// A bare number is minutes; the empty text is [`Ttl::NEVER`].
    fn from_str(text: &str) -> Result<Self, InvalidTtl> {
        let invalid = || InvalidTtl { text: text.chars().take(20).collect() };
        let Some(last) = text.bytes().last() else { return Ok(Self::NEVER) };
        let (digits, unit) = match TtlUnit::from_letter(last) {
            Some(unit) => (&text[..text.len() - 1], unit),
            None => (text, TtlUnit::Minute),
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid());
        }
        Ok(Self::new(digits.parse().map_err(|_| invalid())?, unit))
    }
}

impl TryFrom<String> for Ttl {
    type Error = InvalidTtl;

    fn try_from(text: String) -> Result<Self, InvalidTtl> {
        text.parse()
    }
}

impl From<Ttl> for String {
    fn from(ttl: Ttl) -> Self {
        ttl.to_string()
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            None => Ok(()),
            Some(unit) => write!(f, "{}{}", self.count, unit.letter()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(text.parse::<Ttl>().ok().map(|ttl| ttl.to_string()).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn texts() {
        check("", Some(""));
        check("0", Some(""));
        check("3m", Some("3m"));
        check("3", Some("3m"));
        check("60m", Some("1h"));
        check("7d", Some("1w"));
        check("30d", Some("1M"));
        check("365d", Some("1y"));
        check("257m", Some("4h")); // no unit divides it: the first that holds it, rounded down
        check("m", None);
        check("-3m", None);
        check("3x", None);
        check("99999999999m", None);
    }

    #[test]
    fn every_pair_of_bytes_reads_and_prints_again() {
        for count in 0..=u8::MAX {
            for unit in 0..=u8::MAX {
                let ttl = Ttl::from_bytes([count, unit]);
                assert_eq!(Ttl::from_bytes(ttl.to_bytes()), ttl);
            }
        }
    }
}
