use std::{collections::HashMap, fmt::Display, str::FromStr};

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use topology::Class;
use types::Placement;

use super::answer::Failure;

/// The query of a request.
pub(super) struct Params(HashMap<String, String>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let query = Query::try_from_uri(&parts.uri);
        query.map(|Query(map)| Self(map)).map_err(|error| Failure::bad_request(error.body_text()))
    }
}

/// Wishes on where a volume is that an assign cannot grant: said, not passed over.
const UNSUPPORTED: [&str; 4] = ["dataCenter", "rack", "dataNode", "disk"];

impl Params {
    /// The value of `name`; empty is absent.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(super) fn parse<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Failure> {
        let parse =
            |value: &str| value.parse().map_err(|error| Failure::bad_request(format!("{name}: {error}")));
        self.get(name).map(parse).transpose()
    }

    pub(super) fn pretty(&self) -> bool {
        self.get("pretty").is_some()
    }

    /// `collection`, `replication` and `ttl`.
    pub(super) fn class(&self, default_placement: Placement) -> Result<Class, Failure> {
        Ok(Class {
            collection: self.parse("collection")?.unwrap_or_default(),
            placement: self.parse("replication")?.unwrap_or(default_placement),
            ttl: self.parse("ttl")?.unwrap_or_default(),
        })
    }

    /// `count` of 1 to `most`; absent: 1.
    pub(super) fn count(&self, most: u64) -> Result<u64, Failure> {
        let count = self.parse("count")?.unwrap_or(1);
        if !(1..=most).contains(&count) {
            return Err(Failure::bad_request(format!("count: {count} is not between 1 and {most}")));
        }
        Ok(count)
    }

    /// Refuses wishes that would be passed over, but for those in `granted`.
    pub(super) fn refuse_unsupported(&self, granted: &[&str]) -> Result<(), Failure> {
        let asked = |name: &&&str| self.get(name).is_some() && !granted.contains(*name);
        match UNSUPPORTED.iter().find(asked) {
            Some(name) => Err(Failure::bad_request(format!("{name}: not supported here"))),
            None => Ok(()),
        }
    }
}
