use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How many copies besides the first, and where: `xyz` as SeaweedFS writes it, each digit 0..=2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Placement {
    other_data_centers: u8,
    other_racks: u8,
    same_rack: u8,
}

/// Why a text or byte is no placement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("placement {text:?}: three digits 0, 1 or 2 (other data centers, other racks, same rack)")]
pub struct InvalidPlacement {
    text: String,
}

impl Placement {
    /// One copy.
    pub const SINGLE: Self = Self { other_data_centers: 0, other_racks: 0, same_rack: 0 };

    /// Copies in other data centers.
    pub fn other_data_centers(self) -> usize {
        self.other_data_centers.into()
    }

    /// Copies in other racks of the same data center.
    pub fn other_racks(self) -> usize {
        self.other_racks.into()
    }

    /// Copies on other servers of the same rack.
    pub fn same_rack(self) -> usize {
        self.same_rack.into()
    }

    /// All copies, the first one included.
    pub fn copies(self) -> usize {
        1 + self.other_data_centers() + self.other_racks() + self.same_rack()
    }

    /// The superblock's form: the three digits read as one decimal number.
    pub fn to_byte(self) -> u8 {
        self.other_data_centers * 100 + self.other_racks * 10 + self.same_rack
    }

    /// The reverse of [`Placement::to_byte`].
    pub fn from_byte(byte: u8) -> Result<Self, InvalidPlacement> {
        format!("{byte:03}").parse()
    }
}

impl FromStr for Placement {
    type Err = InvalidPlacement;

    /// Shorter texts are read as weed does: `""` is `000`, `1` is `001`.
    fn from_str(text: &str) -> Result<Self, InvalidPlacement> {
        let invalid = || InvalidPlacement { text: text.chars().take(20).collect() };
        if text.len() > 3 {
            return Err(invalid());
        }
        let mut digits = [0; 3];
        for (slot, byte) in digits.iter_mut().rev().zip(text.bytes().rev()) {
            if !(b'0'..=b'2').contains(&byte) {
                return Err(invalid());
            }
            *slot = byte - b'0';
        }
        let [other_data_centers, other_racks, same_rack] = digits;
        Ok(Self { other_data_centers, other_racks, same_rack })
    }
}

impl TryFrom<String> for Placement {
    type Error = InvalidPlacement;

    fn try_from(text: String) -> Result<Self, InvalidPlacement> {
        text.parse()
    }
}

impl From<Placement> for String {
    fn from(placement: Placement) -> Self {
        placement.to_string()
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.other_data_centers, self.other_racks, self.same_rack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_27_round_trip_by_text_and_by_byte() {
        let mut seen = 0;
        for byte in 0..=u8::MAX {
            let Ok(placement) = Placement::from_byte(byte) else { continue };
            seen += 1;
            assert_eq!(placement.to_byte(), byte);
            assert_eq!(placement.to_string().parse(), Ok(placement));
        }
        assert_eq!(seen, 27);
    }

    #[test]
    fn copies_are_counted_and_bad_digits_refused() {
        assert_eq!("110".parse::<Placement>().map(Placement::copies), Ok(3));
        assert_eq!("1".parse::<Placement>().map(Placement::same_rack), Ok(1));
        for bad in ["003", "0000", "a00", "-01", "é"] {
            assert!(bad.parse::<Placement>().is_err(), "{bad}");
        }
    }
}
