//! The query of a request: decoded strictly, and encoded again where the request changes on its way.

use std::borrow::Cow;

use crate::{encoding, error::Refusal};

/// The parameters of a query, decoded, in the order sent. A name without `=` has an empty value.
#[derive(Debug, Default)]
pub(crate) struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Refuses broken percent-encoding and what is not UTF-8 once decoded.
    pub(crate) fn parse(raw: Option<&'a str>) -> Result<Self, Refusal> {
        let raw = raw.unwrap_or("");
        let mut pairs = Vec::new();
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            pairs.push((decode(name)?, decode(value)?));
        }
        Ok(Self { pairs })
    }

    /// The value of the first parameter of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_ref())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// How often the name is there.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.pairs.iter().filter(|(n, _)| n == name).count()
    }

    /// Name and value of each parameter.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Appends the canonical query of Signature V4 to `out`: encoded, ordered by encoded name and value,
    /// without the parameter `except`.
    pub(crate) fn write_canonical(&self, except: Option<&str>, out: &mut Vec<u8>) {
        let mut encoded: Vec<(Vec<u8>, Vec<u8>)> = self
            .iter()
            .filter(|(name, _)| Some(*name) != except)
            .map(|(name, value)| (encoding::encoded(name), encoding::encoded(value)))
            .collect();
        encoded.sort_unstable();
        for (at, (name, value)) in encoded.iter().enumerate() {
            if at > 0 {
                out.push(b'&');
            }
            out.extend_from_slice(name);
            out.push(b'=');
            out.extend_from_slice(value);
        }
    }

    /// The query again, of the parameters that `keep` wants.
    pub(crate) fn encoded_without(&self, mut keep: impl FnMut(&str, &str) -> bool) -> String {
        let mut out = Vec::new();
        for (name, value) in self.iter().filter(|(name, value)| keep(name, value)) {
            if !out.is_empty() {
                out.push(b'&');
            }
            encoding::encode(name.as_bytes(), false, &mut out);
            out.push(b'=');
            encoding::encode(value.as_bytes(), false, &mut out);
        }
        // Encoded bytes are ASCII.
        String::from_utf8(out).unwrap_or_default()
    }
}

/// In a query `+` stands for a space, as S3 reads it and as every SDK signs it.
fn decode(text: &str) -> Result<Cow<'_, str>, Refusal> {
    if !text.bytes().any(|b| matches!(b, b'%' | b'+')) {
        return Ok(Cow::Borrowed(text));
    }
    let spaced = text.replace('+', " ");
    let bytes = encoding::decode(spaced.as_bytes()).ok_or_else(|| invalid(text))?;
    String::from_utf8(bytes.into_owned()).map(Cow::Owned).map_err(|_| invalid(text))
}

fn invalid(text: &str) -> Refusal {
    Refusal::new(
        "InvalidURI",
        format!("Couldn't parse the specified URI: {text:?} in the query is not percent-encoded UTF-8."),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(raw: &str) -> String {
        let mut out = Vec::new();
        Query::parse(Some(raw)).expect("a query").write_canonical(None, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn canonical_queries_are_sorted_and_encoded() {
        for (raw, expected) in [
            ("", ""),
            ("acl", "acl="),
            ("b=2&a=1", "a=1&b=2"),
            (
                "prefix=some%2Fprefix&marker=some+marker&max-keys=20",
                "marker=some%20marker&max-keys=20&prefix=some%2Fprefix",
            ),
            ("a=b=c&&", "a=b%3Dc"),
            ("a=2&a=1&A=3", "A=3&a=1&a=2"),
            ("x=%7e%2d", "x=~-"),
            ("a-b=1&a=2", "a=2&a-b=1"),
        ] {
            assert_eq!(canonical(raw), expected, "{raw}");
        }
    }

    #[test]
    fn broken_queries_are_refused() {
        for raw in ["a=%", "a=%2", "a=%zz", "%ff=1", "a=%C3%28", "prefix=%+1"] {
            assert_eq!(Query::parse(Some(raw)).expect_err(raw).code, "InvalidURI");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(raw in ".{0,80}") {
            drop(Query::parse(Some(&raw)));
        }

        #[test]
        fn encoding_again_changes_nothing(pairs in proptest::collection::vec(("[^\0]{1,8}", ".{0,8}"), 0..6)) {
            let query = Query { pairs: pairs.iter().map(|(n, v)| (n.as_str().into(), v.as_str().into())).collect() };
            let raw = query.encoded_without(|_, _| true);
            let again = Query::parse(Some(&raw)).expect("own encoding");
            prop_assert_eq!(query.pairs, again.pairs);
        }
    }
}
