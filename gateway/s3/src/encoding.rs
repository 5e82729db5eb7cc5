//! Percent-encoding as S3 signs it: everything but `A-Z a-z 0-9 - _ . ~`, in upper-case hexadecimal.

use std::borrow::Cow;

/// Appends `bytes`, encoded; `/` stays as it is where `keep_slash`.
pub(crate) fn encode(bytes: &[u8], keep_slash: bool, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for &b in bytes {
        if is_unreserved(b) || (keep_slash && b == b'/') {
            out.push(b);
        } else {
            out.extend_from_slice(&[b'%', DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]);
        }
    }
}

/// `text` encoded, `/` as well.
pub(crate) fn encoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    encode(text.as_bytes(), false, &mut out);
    out
}

/// `None`: a `%` without two hexadecimal digits.
pub(crate) fn decode(encoded: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !encoded.contains(&b'%') {
        return Some(Cow::Borrowed(encoded));
    }
    let mut out = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'%' {
            out.push(first);
            continue;
        }
        let [high, low, tail @ ..] = rest else { return None };
        out.push(hex_digit(*high)? << 4 | hex_digit(*low)?);
        rest = tail;
    }
    Some(Cow::Owned(out))
}

pub(crate) fn is_unreserved(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~')
}

/// The value of a hexadecimal digit of either case.
pub(crate) fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decoding_undoes_encoding(bytes in proptest::collection::vec(any::<u8>(), 0..64), keep_slash: bool) {
            let mut out = Vec::new();
            encode(&bytes, keep_slash, &mut out);
            prop_assert!(out.is_ascii());
            let decoded = decode(&out).expect("own encoding");
            prop_assert_eq!(&*decoded, bytes.as_slice());
        }

        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(prop_oneof![Just(b'%'), any::<u8>()], 0..32)) {
            if let Some(decoded) = decode(&bytes) {
                prop_assert!(decoded.len() <= bytes.len());
            }
        }
    }
}
