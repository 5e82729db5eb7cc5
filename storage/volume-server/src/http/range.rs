//! Which bytes a `Range` header asks for. Source: RFC 9110, section 14.

use std::ops::Range;

/// The part of a representation that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    /// All of it, 200: no range was asked, or one that need not be understood.
    Whole,
    /// 206
    One(Range<u64>),
    /// 206, `multipart/byteranges`; at least two, in the order asked.
    Many(Vec<Range<u64>>),
    /// 416: every range lies past the end.
    Unsatisfiable,
}

/// More ranges than this, or more bytes than there are, is no honest wish (RFC 9110, 17.15): all is sent instead.
const MAX_RANGES: usize = 100;

/// Reads `header` for a representation of `len_bytes`. A malformed header asks for nothing.
pub(super) fn select(header: &str, len_bytes: u64) -> Selection {
    let Some(specs) = parse(header) else { return Selection::Whole };
    let mut ranges: Vec<_> = specs.iter().filter_map(|spec| spec.within(len_bytes)).collect();
    if len_bytes == 0 && specs.iter().any(|spec| matches!(spec, Spec::Last(1..))) {
        return Selection::Whole; // satisfiable, but no Content-Range can say "the last bytes of nothing"
    }
    match ranges.len() {
        0 => Selection::Unsatisfiable,
        1 => Selection::One(ranges.remove(0)),
        _ if total_bytes(&ranges) > u128::from(len_bytes) => Selection::Whole,
        _ => Selection::Many(ranges),
    }
}

fn total_bytes(ranges: &[Range<u64>]) -> u128 {
    ranges.iter().map(|range| u128::from(range.end - range.start)).sum()
}

#[derive(Debug, Clone, Copy)]
enum Spec {
    /// `a-b`, both included.
    FromTo(u64, u64),
    /// `a-`
    From(u64),
    /// `-n`: the last n.
    Last(u64),
}

impl Spec {
    fn within(self, len_bytes: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::FromTo(first, last) => first..last.saturating_add(1).min(len_bytes),
            Self::From(first) => first..len_bytes,
            Self::Last(count) => len_bytes.saturating_sub(count)..len_bytes,
        };
        (range.start < range.end).then_some(range)
    }
}

fn parse(header: &str) -> Option<Vec<Spec>> {
    let (unit, set) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let set = set.split(',').map(|spec| spec.trim_matches([' ', '\t'])).filter(|spec| !spec.is_empty());
    let specs: Vec<_> = set.take(MAX_RANGES + 1).map(parse_spec).collect::<Option<_>>()?;
    (1..=MAX_RANGES).contains(&specs.len()).then_some(specs)
}

fn parse_spec(spec: &str) -> Option<Spec> {
    match spec.split_once('-')? {
        ("", count) => Some(Spec::Last(number(count)?)),
        (first, "") => Some(Spec::From(number(first)?)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::FromTo(first, last))
        }
    }
}

/// Digits only; a number past 64 bits is past every end.
fn number(digits: &str) -> Option<u64> {
    let valid = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    valid.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "one case per line reads better without ampersands")]
    fn check(header: &str, len_bytes: u64, expected: Selection) {
        assert_eq!(select(header, len_bytes), expected, "{header:?} of {len_bytes}");
    }

    #[test]
    fn single_ranges() {
        check("bytes=0-0", 10, Selection::One(0..1));
        check("bytes=2-4", 10, Selection::One(2..5));
        check("bytes=2-", 10, Selection::One(2..10));
        check("bytes=-3", 10, Selection::One(7..10));
        check("bytes=-30", 10, Selection::One(0..10));
        check("bytes=5-999999999999999999999999", 10, Selection::One(5..10));
        check("BYTES = 2-4", 10, Selection::One(2..5));
        check("bytes=10-", 10, Selection::Unsatisfiable); // RFC 9110, 14.1.2: it starts past the end
        check("bytes=-0", 10, Selection::Unsatisfiable);
        check("bytes=0-0", 0, Selection::Unsatisfiable);
        check("bytes=-1", 0, Selection::Whole);
    }

    #[test]
    fn several_ranges() {
        check("bytes=0-1,4-5", 10, Selection::Many(vec![0..2, 4..6]));
        check("bytes=8-, ,\t-1", 10, Selection::Many(vec![8..10, 9..10]));
        check("bytes=0-1,20-30", 10, Selection::One(0..2));
        check("bytes=20-,30-", 10, Selection::Unsatisfiable);
        check("bytes=0-9,0-9", 10, Selection::Whole);
        check(&format!("bytes={}", "0-0,".repeat(101)), 1000, Selection::Whole);
    }

    #[test]
    fn what_is_not_understood_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=,",
            "items=0-1",
            "bytes=a-b",
            "bytes=4-2",
            "bytes=1",
            "bytes=--1",
            "bytes=+1-2",
            "bytes=1-2-3",
            "bytes=0-1,x",
        ] {
            check(header, 10, Selection::Whole);
        }
    }

    proptest! {
        #[test]
        fn every_selected_byte_is_there(header in "bytes=[-0-9, ]{0,30}", len_bytes in 0u64..50) {
            let ranges = match select(&header, len_bytes) {
                Selection::One(range) => vec![range],
                Selection::Many(ranges) => ranges,
                _ => vec![],
            };
            for range in ranges {
                prop_assert!(range.start < range.end && range.end <= len_bytes, "{range:?}");
            }
        }

        #[test]
        fn no_header_panics(header in "\\PC{0,40}", len_bytes: u64) {
            let _ = select(&header, len_bytes);
        }
    }
}
