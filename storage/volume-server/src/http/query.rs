use axum::extract;
use http::{StatusCode, Uri};
use serde::Deserialize;
use types::Ttl;

use super::answer::Refusal;

/// The query of a data request. Names of other servers are let through unread.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Query {
    /// The needle's own life.
    #[serde(default)]
    pub(super) ttl: Ttl,
    /// Last modified, in seconds since the epoch.
    #[serde(default)]
    pub(super) ts: u64,
    /// On an upload `true`: the body is a chunk manifest. On a download `false`: do not resolve it.
    cm: Option<bool>,
}

impl Query {
    pub(super) fn parse(uri: &Uri) -> Result<Self, Refusal> {
        if uri.query().is_none() {
            return Ok(Self::default());
        }
        let parsed = extract::Query::try_from_uri(uri);
        parsed
            .map(|extract::Query(query)| query)
            .map_err(|error| Refusal::bad(StatusCode::BAD_REQUEST, error.body_text()))
    }

    /// An upload says so explicitly.
    pub(super) fn is_manifest(&self) -> bool {
        self.cm == Some(true)
    }

    /// A download or delete of a manifest is of what it stands for, unless told otherwise.
    pub(super) fn resolves_manifest(&self) -> bool {
        self.cm != Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Query, Refusal> {
        Query::parse(&format!("/3,01637037d6?{query}").parse().expect("a uri"))
    }

    #[test]
    fn names_that_are_known() {
        let query = parse("ttl=3m&ts=7&cm=true&pretty=y&width=100").expect("parses");
        assert_eq!((query.ttl.to_string().as_str(), query.ts), ("3m", 7));
        assert!(query.is_manifest());
        assert!(!parse("cm=false").expect("parses").resolves_manifest());
        let none = parse("").expect("parses");
        assert!(none.resolves_manifest() && !none.is_manifest() && none.ttl.is_never());
    }

    #[test]
    fn values_that_are_wrong_are_refused() {
        for query in ["ttl=3x", "ttl=-1m", "ts=yesterday", "ts=-1", "cm=maybe", "ts=1&ts=2"] {
            assert!(parse(query).is_err(), "{query}");
        }
    }
}
