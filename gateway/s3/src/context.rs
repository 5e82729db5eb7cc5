//! What the door tells an operation about its request, as request extensions.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use http::{HeaderName, HeaderValue};
use namespace::AccountId;

/// Who signed the request. In the extensions of every request that reaches an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account, as `ID` of owners in answers.
    pub account: AccountId,
    /// As `DisplayName` of owners in answers.
    pub display_name: Arc<str>,
}

/// The id of one request: in its log lines, in `x-amz-request-id`, in its errors.
///
/// 16 upper-case hexadecimal digits, as AWS writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u64);

impl RequestId {
    /// A new id, random.
    pub fn random() -> Self {
        Self(rand::random())
    }

    pub(crate) fn to_header(self) -> HeaderValue {
        let bytes = self.0.to_be_bytes();
        let digit = |at: usize| b"0123456789ABCDEF"[usize::from(bytes[at / 2] >> (4 - at % 2 * 4) & 15)];
        let text: [u8; 16] = std::array::from_fn(digit);
        HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("unknown"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

/// The trailers that the client announced in `x-amz-trailer`. In the extensions of requests that announced some.
///
/// Each has a cell, filled before the body ends: with a verified value where the trailers are signed. A cell
/// that is empty at the end of the body was announced and not sent. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Trailers(Arc<[Trailer]>);

#[derive(Debug)]
struct Trailer {
    name: HeaderName,
    value: Arc<OnceLock<String>>,
}

impl Trailers {
    /// Empty cells for `names`.
    pub(crate) fn announced(names: impl IntoIterator<Item = HeaderName>) -> Self {
        Self(names.into_iter().map(|name| Trailer { name, value: Arc::default() }).collect())
    }

    /// The cell of trailer `name` (lower case), `None` when it was not announced.
    pub fn cell(&self, name: &str) -> Option<Arc<OnceLock<String>>> {
        self.0.iter().find(|trailer| trailer.name == name).map(|trailer| trailer.value.clone())
    }

    /// The announced names.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter().map(|trailer| &trailer.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_text_are_the_same() {
        for id in [RequestId(0), RequestId(0x0123_4567_89AB_CDEF), RequestId(u64::MAX), RequestId::random()] {
            assert_eq!(id.to_header(), id.to_string().as_str());
        }
    }
}
