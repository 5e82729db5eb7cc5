use types::Timestamp;

use super::*;
use crate::conformance::samples;

const ETAG: &str = "00000000000000070000000000000007";

/// An object with [`ETAG`], changed 700 ms after second 1000.
fn object() -> Object {
    Object { modified: Timestamp::from_millis(1_000_700), ..samples::object(7) }
}

fn one_of(etags: &[&str]) -> Option<EtagCondition> {
    Some(EtagCondition::OneOf(etags.iter().map(|etag| (*etag).to_owned()).collect()))
}

fn at(secs: u64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(secs * 1000))
}

#[test]
fn reads() {
    #[track_caller]
    fn check(
        if_match: Option<&EtagCondition>,
        if_none_match: Option<&EtagCondition>,
        if_modified_since: Option<Timestamp>,
        if_unmodified_since: Option<Timestamp>,
        expected: ReadOutcome,
    ) {
        let (if_match, if_none_match) = (if_match.cloned(), if_none_match.cloned());
        let preconditions =
            ReadPreconditions { if_match, if_none_match, if_modified_since, if_unmodified_since };
        assert_eq!(preconditions.evaluate(&object()), expected, "{preconditions:?}");
    }
    use ReadOutcome::{Failed, NotModified, Proceed};
    let (same, other, any) = (one_of(&["x", ETAG]), one_of(&["x"]), Some(EtagCondition::Any));
    let (same, other, any) = (same.as_ref(), other.as_ref(), any.as_ref());
    check(None, None, None, None, Proceed);
    check(same, None, None, None, Proceed);
    check(any, None, None, None, Proceed);
    check(other, None, None, None, Failed);
    check(None, other, None, None, Proceed);
    check(None, same, None, None, NotModified);
    check(None, any, None, None, NotModified);
    // HTTP dates carry no fraction: an object is not newer than the Last-Modified that it was sent with.
    check(None, None, at(1000), None, NotModified);
    check(None, None, at(999), None, Proceed);
    check(None, None, at(1001), None, NotModified);
    check(None, None, None, at(1000), Proceed);
    check(None, None, None, at(999), Failed);
    // ETags over dates, both ways.
    check(same, None, None, at(1), Proceed);
    check(other, None, None, at(2000), Failed);
    check(None, same, at(1), None, NotModified);
    check(None, other, at(2000), None, Proceed);
    // 412 over 304.
    check(other, same, None, None, Failed);
    check(same, same, None, None, NotModified);
}

#[test]
fn writes() {
    #[track_caller]
    fn check(
        if_match: Option<&EtagCondition>,
        if_none_match: Option<&EtagCondition>,
        before: Option<&Object>,
        expected: Result<(), PreconditionFailure>,
    ) {
        let preconditions =
            WritePreconditions { if_match: if_match.cloned(), if_none_match: if_none_match.cloned() };
        assert_eq!(preconditions.check(before), expected, "{preconditions:?} {}", before.is_some());
    }
    use PreconditionFailure::{Failed, NoSuchKey};
    let (same, other, any) = (one_of(&[ETAG]), one_of(&["x", ""]), Some(EtagCondition::Any));
    let (same, other, any) = (same.as_ref(), other.as_ref(), any.as_ref());
    let object = object();
    let there = Some(&object);
    check(None, None, None, Ok(()));
    check(None, None, there, Ok(()));
    check(None, any, None, Ok(()));
    check(None, any, there, Err(Failed));
    check(None, same, there, Err(Failed));
    check(None, other, there, Ok(()));
    check(any, None, there, Ok(()));
    check(any, None, None, Err(NoSuchKey));
    check(same, None, there, Ok(()));
    check(same, None, None, Err(NoSuchKey));
    check(other, None, there, Err(Failed));
    check(same, other, there, Ok(()));
    check(same, any, there, Err(Failed));
}
