//! What the driver's errors mean to a caller.

use namespace::{CommitError, StoreError};
use sqlx::error::DatabaseError;

/// Why an attempt at reading failed.
#[derive(Debug)]
pub(crate) enum ReadFailure {
    /// The connection broke, and perhaps only it: worth a second attempt.
    Lost(sqlx::Error),
    /// A second attempt would fail, too.
    Final(StoreError),
}

impl From<StoreError> for ReadFailure {
    fn from(error: StoreError) -> Self {
        Self::Final(error)
    }
}

impl From<sqlx::Error> for ReadFailure {
    fn from(error: sqlx::Error) -> Self {
        if is_connection_lost(&error) { Self::Lost(error) } else { Self::Final(store_error(&error)) }
    }
}

impl From<ReadFailure> for StoreError {
    fn from(failure: ReadFailure) -> Self {
        match failure {
            ReadFailure::Lost(error) => Self::Unavailable(one_line(&error)),
            ReadFailure::Final(error) => error,
        }
    }
}

/// `executed`: the server had said that the statement was done, so only the end of its transaction was missing.
pub(crate) fn commit_error(error: &sqlx::Error, executed: bool) -> CommitError {
    match error {
        sqlx::Error::Database(_) if executed => CommitError::InDoubt(one_line(error)),
        sqlx::Error::Database(database) if is_conflict(&**database) => CommitError::Conflict,
        // The server refused the statement, or it never left.
        sqlx::Error::Database(_) => CommitError::NotApplied(store_error(error)),
        sqlx::Error::Encode(_) if !executed => CommitError::NotApplied(store_error(error)),
        // Also what cannot be placed, as an answer that cannot be decoded: the server may have carried it out.
        _ => CommitError::InDoubt(one_line(error)),
    }
}

/// `HF001`: a guard of ours. 23505: a row that must be new is there. 40001, 40P01: the server chose this
/// transaction to give way.
fn is_conflict(error: &dyn DatabaseError) -> bool {
    matches!(error.code().as_deref(), Some("HF001" | "23505" | "40001" | "40P01"))
}

/// Whether the connection is of no more use: it broke, or the server is ending it.
pub(crate) fn is_connection_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| {
            // 57P01..57P05: the server is stopping, starting or dropping the session. 0A000: a cached plan is of
            // another schema, as after a migration by a newer gateway.
            code.starts_with("57P") || code.starts_with("08") || code == "0A000"
        }),
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
            true
        }
        _ => false,
    }
}

/// Classes of SQLSTATE: 22 is data that cannot be held, 42 and 3F are missing tables or rights, XX is damage.
pub(crate) fn store_error(error: &sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(DatabaseError::code);
    match (error, code.as_deref()) {
        (_, Some("57014")) => StoreError::Unavailable("the statement took too long".to_owned()),
        (_, Some(code)) if ["22", "3F", "42", "XX"].iter().any(|class| code.starts_with(class)) => {
            StoreError::Corrupt(one_line(error))
        }
        (sqlx::Error::Database(_) | sqlx::Error::PoolTimedOut, _) => StoreError::Unavailable(one_line(error)),
        _ if is_connection_lost(error) => StoreError::Unavailable(one_line(error)),
        _ => StoreError::Corrupt(one_line(error)),
    }
}

/// The server's own words, without the driver's around them. They never hold the password.
pub(crate) fn one_line(error: &sqlx::Error) -> String {
    let text = match error {
        sqlx::Error::Database(database) => match database.code() {
            Some(code) => format!("{} (SQLSTATE {code})", database.message()),
            None => database.message().to_owned(),
        },
        sqlx::Error::Io(io) => io.to_string(),
        other => other.to_string(),
    };
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_lost_connection_leaves_a_commit_in_doubt() {
        let lost = sqlx::Error::Io(io::ErrorKind::UnexpectedEof.into());
        assert!(matches!(commit_error(&lost, false), CommitError::InDoubt(_)));
        assert!(matches!(ReadFailure::from(lost), ReadFailure::Lost(_)));
    }

    #[test]
    fn an_answer_that_is_not_understood_leaves_a_commit_in_doubt() {
        for executed in [false, true] {
            let error = sqlx::Error::Decode("garbled".into());
            assert!(matches!(commit_error(&error, executed), CommitError::InDoubt(_)));
            let error = sqlx::Error::ColumnNotFound("x".to_owned());
            assert!(matches!(commit_error(&error, executed), CommitError::InDoubt(_)));
        }
        let encode = sqlx::Error::Encode("too large".into());
        assert!(matches!(commit_error(&encode, true), CommitError::InDoubt(_)));
    }

    #[test]
    fn what_could_not_be_encoded_was_not_applied() {
        let encode = sqlx::Error::Encode("too large".into());
        assert!(matches!(commit_error(&encode, false), CommitError::NotApplied(StoreError::Corrupt(_))));
        assert!(matches!(ReadFailure::from(encode), ReadFailure::Final(StoreError::Corrupt(_))));
    }

    #[test]
    fn messages_are_of_one_line() {
        assert_eq!(one_line(&sqlx::Error::Protocol("a\nb".to_owned())).lines().count(), 1);
    }
}
