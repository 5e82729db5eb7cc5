//! The first 8 bytes of a data file. Source: SeaweedFS `storage/super_block/super_block.go`.

use types::{Placement, Ttl};

/// Bytes of a superblock, without what it may announce as extra.
pub(crate) const SUPERBLOCK_BYTES: usize = 8;

/// Bytes of a needle before its body.
pub(crate) const HEADER_BYTES: usize = 16;

/// Needles start at multiples of this.
pub(crate) const ALIGN_BYTES: u64 = 8;

/// The layout of the needles in a data file. Only the newest is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// Data and checksum.
    V1 = 1,
    /// And name, type, time, TTL and pairs.
    V2 = 2,
    /// And the moment of the append.
    V3 = 3,
}

impl Version {
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            2 => Some(Self::V2),
            3 => Some(Self::V3),
            _ => None,
        }
    }

    /// Bytes after the body, padding left out.
    pub(crate) const fn trailer_bytes(self) -> usize {
        match self {
            Self::V1 | Self::V2 => 4,
            Self::V3 => 12,
        }
    }

    /// Bytes that a needle with a body of `size` takes, its 1 to 8 bytes of padding included.
    pub(crate) const fn disk_bytes(self, size: u32) -> u64 {
        let bare = HEADER_BYTES as u64 + size as u64 + self.trailer_bytes() as u64;
        bare + ALIGN_BYTES - bare % ALIGN_BYTES
    }
}

/// What the first bytes of a data file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) version: Version,
    pub(crate) placement: Placement,
    pub(crate) ttl: Ttl,
    /// How often the volume was compacted.
    pub(crate) compaction_revision: u16,
    /// Bytes between the superblock and the first needle. Nobody reads them.
    pub(crate) extra_bytes: u16,
}

impl Superblock {
    pub(crate) fn new(placement: Placement, ttl: Ttl) -> Self {
        Self { version: Version::V3, placement, ttl, compaction_revision: 0, extra_bytes: 0 }
    }

    pub(crate) fn encode(&self) -> [u8; SUPERBLOCK_BYTES] {
        let ttl = self.ttl.to_bytes();
        let revision = self.compaction_revision.to_be_bytes();
        let extra = self.extra_bytes.to_be_bytes();
        [
            self.version as u8,
            self.placement.to_byte(),
            ttl[0],
            ttl[1],
            revision[0],
            revision[1],
            extra[0],
            extra[1],
        ]
    }

    /// Fails with what is wrong, for the operator.
    pub(crate) fn decode(bytes: [u8; SUPERBLOCK_BYTES]) -> Result<Self, String> {
        let [version, placement, count, unit, r0, r1, x0, x1] = bytes;
        let superblock = Self {
            version: Version::from_number(version.into())
                .ok_or_else(|| format!("unknown format version {version}"))?,
            placement: Placement::from_byte(placement).map_err(|error| error.to_string())?,
            ttl: Ttl::from_bytes([count, unit]),
            compaction_revision: u16::from_be_bytes([r0, r1]),
            extra_bytes: u16::from_be_bytes([x0, x1]),
        };
        if !superblock.first_needle().is_multiple_of(ALIGN_BYTES) {
            return Err(format!("first needle at {}, which is not aligned", superblock.first_needle()));
        }
        Ok(superblock)
    }

    /// Where the first needle starts.
    pub(crate) fn first_needle(&self) -> u64 {
        SUPERBLOCK_BYTES as u64 + u64::from(self.extra_bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden() {
        let superblock = Superblock::new("010".parse().expect("placement"), "4y".parse().expect("ttl"));
        assert_eq!(superblock.encode(), [3, 10, 4, 6, 0, 0, 0, 0]);
    }

    #[test]
    fn sizes_on_disk() {
        assert_eq!(Version::V3.disk_bytes(0), 32);
        assert_eq!(Version::V2.disk_bytes(0), 24);
        assert_eq!(Version::V3.disk_bytes(4), 40, "the padding is 8 bytes where none is needed");
        assert_eq!(Version::V2.disk_bytes(72), 96);
    }

    proptest! {
        #[test]
        fn whatever_decodes_encodes_again(bytes: [u8; 8]) {
            if let Ok(superblock) = Superblock::decode(bytes) {
                let mut expected = bytes;
                expected[2..4].copy_from_slice(&Ttl::from_bytes([bytes[2], bytes[3]]).to_bytes());
                prop_assert_eq!(superblock.encode(), expected);
                prop_assert!(superblock.first_needle() >= 8);
            }
        }
    }
}
