use types::{Cookie, NeedleKey};

use super::*;

const FID: FileId = FileId { volume: VolumeId(3), key: NeedleKey(1), cookie: Cookie(7) };

/// Through JSON and back: the same variant with the same fields.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "one case per line reads better without ampersands")]
fn check<E: Remote + std::fmt::Debug>(error: E, subject: E::Subject) {
    let answer = error.to_answer();
    let json = serde_json::to_string(&answer).expect("serialises");
    let read: ErrorAnswer = serde_json::from_str(&json).expect("parses");
    let back = E::from_answer(answer.code.status(), &read, subject);
    assert_eq!(format!("{back:?}"), format!("{error:?}"), "{json}");
}

#[test]
fn every_variant_is_the_same_on_both_ends() {
    let volume = FID.volume;
    let reason = || "disk on fire".to_owned();
    check(WriteError::NoVolume(volume), FID);
    check(WriteError::ReadOnly { volume, reason: reason() }, FID);
    check(WriteError::WrongCookie(FID), FID);
    check(WriteError::TooLarge { fid: FID, reason: reason() }, FID);
    check(WriteError::Unavailable { volume, reason: reason() }, FID);
    check(ReadError::NoVolume(volume), FID);
    check(ReadError::NotFound(FID), FID);
    check(ReadError::Corrupt { fid: FID, reason: reason() }, FID);
    check(ReadError::Unavailable { volume, reason: reason() }, FID);
    check(DeleteError::NoVolume(volume), FID);
    check(DeleteError::NotFound(FID), FID);
    check(DeleteError::WrongCookie(FID), FID);
    check(DeleteError::ReadOnly { volume, reason: reason() }, FID);
    check(DeleteError::Unavailable { volume, reason: reason() }, FID);
    check(AllocateError::Conflict(volume), volume);
    check(AllocateError::NoRoom { volume, reason: reason() }, volume);
    check(AllocateError::Unavailable { volume, reason: reason() }, volume);
    check(AssignError::NoRoom { reason: reason() }, ());
    check(AssignError::Unavailable(reason()), ());
    check(LookupError::NotFound(volume), volume);
    check(LookupError::Unavailable(reason()), volume);
    check(MasterError::Unavailable(reason()), ());
    check(MasterError::Refused(reason()), ());
}

#[test]
fn an_answer_that_no_role_gives_is_unavailable() {
    let not_found = ReadError::NotFound(FID).to_answer();
    let wrong_status = ReadError::from_answer(StatusCode::OK, &not_found, FID);
    assert!(matches!(wrong_status, ReadError::Unavailable { .. }), "{wrong_status:?}");

    let conflict = AllocateError::Conflict(FID.volume).to_answer();
    let wrong_code = ReadError::from_answer(StatusCode::CONFLICT, &conflict, FID);
    assert!(matches!(wrong_code, ReadError::Unavailable { .. }), "{wrong_code:?}");

    let later: ErrorAnswer =
        serde_json::from_str(r#"{"error":"e","code":"from_the_future"}"#).expect("parses");
    let unknown = ReadError::from_answer(StatusCode::INTERNAL_SERVER_ERROR, &later, FID);
    assert!(matches!(unknown, ReadError::Unavailable { .. }), "{unknown:?}");
}
