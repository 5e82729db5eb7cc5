use types::Timestamp;

use crate::{ETag, Object};

/// One `If-Match` or `If-None-Match` header: any object, or one of these ETags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EtagCondition {
    /// `*`
    Any,
    /// As sent, without quotes and without a weak mark.
    OneOf(Vec<String>),
}

/// The conditions of a PUT, a Complete or a DELETE.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WritePreconditions {
    /// `If-Match`: the current object must match.
    pub if_match: Option<EtagCondition>,
    /// `If-None-Match`: the current object must not match; `*`: there must be none.
    pub if_none_match: Option<EtagCondition>,
}

/// The conditions of a GET, a HEAD or a copy's source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadPreconditions {
    /// `If-Match`
    pub if_match: Option<EtagCondition>,
    /// `If-None-Match`
    pub if_none_match: Option<EtagCondition>,
    /// `If-Modified-Since`, in whole seconds as HTTP has it.
    pub if_modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`
    pub if_unmodified_since: Option<Timestamp>,
}

/// What the conditions of a read come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadOutcome {
    /// Send it.
    Proceed,
    /// 304 for GET and HEAD, 412 for a copy's source.
    NotModified,
    /// 412
    Failed,
}

/// Why the conditions of a write do not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreconditionFailure {
    /// `If-Match` of a key that has no object: 404.
    NoSuchKey,
    /// 412
    Failed,
}

impl EtagCondition {
    /// Whether an object with this ETag is meant.
    pub fn matches(&self, etag: &ETag) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(etags) => {
                let actual = etag.to_string();
                etags.contains(&actual)
            }
        }
    }
}

impl WritePreconditions {
    /// Whether the object before, if any, is as the client demands. `If-Match` is looked at first.
    pub fn check(&self, before: Option<&Object>) -> Result<(), PreconditionFailure> {
        match (&self.if_match, before) {
            (Some(_), None) => return Err(PreconditionFailure::NoSuchKey),
            (Some(wanted), Some(object)) if !wanted.matches(&object.etag) => {
                return Err(PreconditionFailure::Failed);
            }
            _ => {}
        }
        match (&self.if_none_match, before) {
            (Some(unwanted), Some(object)) if unwanted.matches(&object.etag) => {
                Err(PreconditionFailure::Failed)
            }
            _ => Ok(()),
        }
    }
}

impl ReadPreconditions {
    /// RFC 9110 13.2.2: `If-Match` over `If-Unmodified-Since`, `If-None-Match` over `If-Modified-Since`. Dates
    /// are compared in whole seconds.
    pub fn evaluate(&self, object: &Object) -> ReadOutcome {
        let modified = object.modified.as_secs();
        let failed = match (&self.if_match, self.if_unmodified_since) {
            (Some(wanted), _) => !wanted.matches(&object.etag),
            (None, Some(since)) => modified > since.as_secs(),
            (None, None) => false,
        };
        let unmodified = match (&self.if_none_match, self.if_modified_since) {
            (Some(unwanted), _) => unwanted.matches(&object.etag),
            (None, Some(since)) => modified <= since.as_secs(),
            (None, None) => false,
        };
        match (failed, unmodified) {
            (true, _) => ReadOutcome::Failed,
            (false, true) => ReadOutcome::NotModified,
            (false, false) => ReadOutcome::Proceed,
        }
    }
}

#[cfg(test)]
mod tests;
