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

impl EtagCondition {
    /// Whether an object with this ETag is meant.
    pub fn matches(&self, etag: &ETag) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(etags) => {
                let actual = etag.to_string();
                etags.iter().any(|wanted| *wanted == actual)
            }
        }
    }
}

impl ReadPreconditions {
    /// RFC 9110 13.2.2: `If-Match` over `If-Unmodified-Since`, `If-None-Match` over `If-Modified-Since`.
    pub fn evaluate(&self, object: &Object) -> ReadOutcome {
        let _ = object;
        todo!()
    }
}
