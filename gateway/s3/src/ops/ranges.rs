//! Which bytes of an object a request asks for.

use std::ops::Range;

/// One byte range of a `Range` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteRange {
    /// `bytes=first-` or `bytes=first-last`
    From { first: u64, last: Option<u64> },
    /// `bytes=-length`
    Suffix { length: u64 },
}

impl ByteRange {
    /// `None`: another unit, several ranges, or not a range at all: to be ignored, the whole object is sent
    /// (RFC 9110 section 14.2; AWS does so too).
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (unit, spec) = header.split_once('=')?;
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return None;
        }
        match spec.trim().split_once('-')? {
            ("", length) => Some(Self::Suffix { length: position(length)? }),
            (first, "") => Some(Self::From { first: position(first)?, last: None }),
            (first, last) => {
                let (first, last) = (position(first)?, position(last)?);
                (first <= last).then_some(Self::From { first, last: Some(last) })
            }
        }
    }

    /// The bytes it means of an object of `size_bytes`. `None`: not satisfiable, 416.
    pub(super) fn within(self, size_bytes: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::From { first, last } => {
                first..last.map_or(size_bytes, |last| last.saturating_add(1).min(size_bytes))
            }
            Self::Suffix { length } => size_bytes.saturating_sub(length)..size_bytes,
        };
        (!range.is_empty()).then_some(range)
    }
}

/// Digits only. Past what 64 bits hold it is past the end of every object, so it saturates.
fn position(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

/// `x-amz-copy-source-range`: both ends, and nothing lenient.
pub(super) fn parse_copy_source_range(header: &str) -> Option<Range<u64>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    let (first, last) = (position(first)?, position(last)?);
    (first <= last && last < u64::MAX).then(|| first..last + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(header: &str, size_bytes: u64, expected: impl Into<Option<Range<u64>>>) {
        let range = ByteRange::parse(header).expect("a byte range");
        assert_eq!(range.within(size_bytes), expected.into(), "{header} of {size_bytes}");
    }

    #[test]
    fn byte_ranges() {
        check("bytes=0-0", 10, Some(0..1));
        check("bytes=0-9", 10, Some(0..10));
        check("bytes=0-99", 10, Some(0..10));
        check("bytes=3-", 10, Some(3..10));
        check("bytes=9-", 10, Some(9..10));
        check("bytes=10-", 10, None); // RFC 9110 14.1.2: it starts past the end
        check("bytes=-3", 10, Some(7..10));
        check("bytes=-30", 10, Some(0..10));
        check("bytes=-0", 10, None);
        check("bytes=0-", 0, None);
        check("bytes=-5", 0, None);
        check("BYTES = 1-2", 10, Some(1..3));
        check("bytes=0-99999999999999999999999", 10, Some(0..10));
        check("bytes=99999999999999999999999-", 10, None);
        check("bytes=18446744073709551615-18446744073709551615", 10, None);
    }

    #[test]
    fn what_is_no_single_byte_range_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=1-2,4-5",
            "bytes=a-b",
            "bytes=+1-2",
            "items=0-1",
            "bytes=1--2",
            "0-5",
        ] {
            assert_eq!(ByteRange::parse(header), None, "{header:?}");
        }
    }

    #[test]
    fn copy_source_ranges_are_strict() {
        assert_eq!(parse_copy_source_range("bytes=0-4"), Some(0..5));
        for header in [
            "0-2",
            "bytes=0",
            "bytes=hello-world",
            "bytes=0-bar",
            "bytes=hello-",
            "bytes=0-2,3-5",
            "bytes=-5",
            "bytes=5-",
            "bytes=5-2",
            "bytes=0-18446744073709551615",
        ] {
            assert_eq!(parse_copy_source_range(header), None, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn a_satisfied_range_lies_within_the_object(header in "bytes=[0-9]{0,21}-[0-9]{0,21}", size in any::<u64>()) {
            if let Some(range) = ByteRange::parse(&header).and_then(|range| range.within(size)) {
                prop_assert!(range.start < range.end && range.end <= size);
            }
        }
    }
}
