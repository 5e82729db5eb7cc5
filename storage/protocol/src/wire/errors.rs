use http::StatusCode;
use serde::{Deserialize, Serialize};
use types::{FileId, VolumeId};

use crate::{AllocateError, AssignError, DeleteError, LookupError, MasterError, ReadError, WriteError};

/// Which variant an error answer stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of the error enums")]
pub enum Code {
    NoVolume,
    NotFound,
    WrongCookie,
    ReadOnly,
    TooLarge,
    Corrupt,
    Conflict,
    NoRoom,
    Refused,
    Unavailable,
    /// The request makes no sense; no role's client sends one.
    BadRequest,
    /// A code of a later version.
    #[serde(other)]
    Unknown,
}

impl Code {
    /// The HTTP status that goes with it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::NoVolume | Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongCookie | Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::ReadOnly => StatusCode::FORBIDDEN,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Conflict | Self::Refused => StatusCode::CONFLICT,
            Self::NoRoom => StatusCode::NOT_ACCEPTABLE, // what weed's /dir/assign answers
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Corrupt | Self::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// The JSON body of every error answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAnswer {
    /// The whole message, for people.
    pub error: String,
    /// The variant.
    pub code: Code,
    /// The variant's own `reason`, where it has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl ErrorAnswer {
    /// An answer to a request that makes no sense.
    pub fn bad_request(error: impl Into<String>) -> Self {
        Self { error: error.into(), code: Code::BadRequest, reason: String::new() }
    }
}

/// An error that crosses the wire and is the same on both ends.
pub trait Remote: std::fmt::Display + Sized {
    /// What the request was about: both ends know it, so it does not travel back.
    type Subject: Copy;

    /// The code, and the variant's own reason (else empty).
    fn parts(&self) -> (Code, &str);

    /// The variant of `code`, or `None` where this operation has no such variant.
    fn from_parts(code: Code, reason: &str, subject: Self::Subject) -> Option<Self>;

    /// There was no answer, or none that can be understood.
    fn unavailable(reason: String, subject: Self::Subject) -> Self;

    /// What the server says.
    fn to_answer(&self) -> ErrorAnswer {
        let (code, reason) = self.parts();
        ErrorAnswer { error: self.to_string(), code, reason: reason.to_owned() }
    }

    /// What the client makes of it. Status and code must agree: else it is no answer of a role.
    fn from_answer(status: StatusCode, answer: &ErrorAnswer, subject: Self::Subject) -> Self {
        let known = (status == answer.code.status())
            .then(|| Self::from_parts(answer.code, &answer.reason, subject))
            .flatten();
        known.unwrap_or_else(|| Self::unavailable(format!("{status}: {}", answer.error), subject))
    }
}

impl Remote for WriteError {
    type Subject = FileId;

    fn parts(&self) -> (Code, &str) {
        match self {
            Self::NoVolume(_) => (Code::NoVolume, ""),
            Self::ReadOnly { reason, .. } => (Code::ReadOnly, reason),
            Self::WrongCookie(_) => (Code::WrongCookie, ""),
            Self::TooLarge { reason, .. } => (Code::TooLarge, reason),
            Self::Unavailable { reason, .. } => (Code::Unavailable, reason),
        }
    }

    fn from_parts(code: Code, reason: &str, fid: FileId) -> Option<Self> {
        let (volume, reason) = (fid.volume, reason.to_owned());
        Some(match code {
            Code::NoVolume => Self::NoVolume(volume),
            Code::ReadOnly => Self::ReadOnly { volume, reason },
            Code::WrongCookie => Self::WrongCookie(fid),
            Code::TooLarge => Self::TooLarge { fid, reason },
            Code::Unavailable => Self::Unavailable { volume, reason },
            _ => return None,
        })
    }

    fn unavailable(reason: String, fid: FileId) -> Self {
        Self::Unavailable { volume: fid.volume, reason }
    }
}

impl Remote for ReadError {
    type Subject = FileId;

    fn parts(&self) -> (Code, &str) {
        match self {
            Self::NoVolume(_) => (Code::NoVolume, ""),
            Self::NotFound(_) => (Code::NotFound, ""),
            Self::Corrupt { reason, .. } => (Code::Corrupt, reason),
            Self::Unavailable { reason, .. } => (Code::Unavailable, reason),
        }
    }

    fn from_parts(code: Code, reason: &str, fid: FileId) -> Option<Self> {
        let (volume, reason) = (fid.volume, reason.to_owned());
        Some(match code {
            Code::NoVolume => Self::NoVolume(volume),
            Code::NotFound => Self::NotFound(fid),
            Code::Corrupt => Self::Corrupt { fid, reason },
            Code::Unavailable => Self::Unavailable { volume, reason },
            _ => return None,
        })
    }

    fn unavailable(reason: String, fid: FileId) -> Self {
        Self::Unavailable { volume: fid.volume, reason }
    }
}

impl Remote for DeleteError {
    type Subject = FileId;

    fn parts(&self) -> (Code, &str) {
        match self {
            Self::NoVolume(_) => (Code::NoVolume, ""),
            Self::NotFound(_) => (Code::NotFound, ""),
            Self::WrongCookie(_) => (Code::WrongCookie, ""),
            Self::ReadOnly { reason, .. } => (Code::ReadOnly, reason),
            Self::Unavailable { reason, .. } => (Code::Unavailable, reason),
        }
    }

    fn from_parts(code: Code, reason: &str, fid: FileId) -> Option<Self> {
        let (volume, reason) = (fid.volume, reason.to_owned());
        Some(match code {
            Code::NoVolume => Self::NoVolume(volume),
            Code::NotFound => Self::NotFound(fid),
            Code::WrongCookie => Self::WrongCookie(fid),
            Code::ReadOnly => Self::ReadOnly { volume, reason },
            Code::Unavailable => Self::Unavailable { volume, reason },
            _ => return None,
        })
    }

    fn unavailable(reason: String, fid: FileId) -> Self {
        Self::Unavailable { volume: fid.volume, reason }
    }
}

impl Remote for AllocateError {
    type Subject = VolumeId;

    fn parts(&self) -> (Code, &str) {
        match self {
            Self::Conflict(_) => (Code::Conflict, ""),
            Self::NoRoom { reason, .. } => (Code::NoRoom, reason),
            Self::Unavailable { reason, .. } => (Code::Unavailable, reason),
        }
    }

    fn from_parts(code: Code, reason: &str, volume: VolumeId) -> Option<Self> {
        let reason = reason.to_owned();
        Some(match code {
            Code::Conflict => Self::Conflict(volume),
            Code::NoRoom => Self::NoRoom { volume, reason },
            Code::Unavailable => Self::Unavailable { volume, reason },
            _ => return None,
        })
    }

    fn unavailable(reason: String, volume: VolumeId) -> Self {
        Self::Unavailable { volume, reason }
    }
}

impl Remote for AssignError {
    type Subject = ();

    fn parts(&self) -> (Code, &str) {
        match self {
            Self::NoRoom { reason } => (Code::NoRoom, reason),
            Self::Unavailable(reason) => (Code::Unavailable, reason),
        }
    }

    fn from_parts(code: Code, reason: &str, (): ()) -> Option<Self> {
        Some(match code {
            Code::NoRoom => Self::NoRoom { reason: reason.to_owned() },
            Code::Unavailable => Self::Unavailable(reason.to_owned()),
            _ => return None,
        })
    }

    fn unavailable(reason: String, (): ()) -> Self {
        Self::Unavailable(reason)
    }
}

impl Remote for LookupError {
    type Subject = VolumeId;

    fn parts(&self) -> (Code, &str) {
        match self {
            Self::NotFound(_) => (Code::NotFound, ""),
            Self::Unavailable(reason) => (Code::Unavailable, reason),
        }
    }

    fn from_parts(code: Code, reason: &str, volume: VolumeId) -> Option<Self> {
        Some(match code {
            Code::NotFound => Self::NotFound(volume),
            Code::Unavailable => Self::Unavailable(reason.to_owned()),
            _ => return None,
        })
    }

    fn unavailable(reason: String, _: VolumeId) -> Self {
        Self::Unavailable(reason)
    }
}

impl Remote for MasterError {
    type Subject = ();

    fn parts(&self) -> (Code, &str) {
        match self {
            Self::Unavailable(reason) => (Code::Unavailable, reason),
            Self::Refused(reason) => (Code::Refused, reason),
        }
    }

    fn from_parts(code: Code, reason: &str, (): ()) -> Option<Self> {
        Some(match code {
            Code::Unavailable => Self::Unavailable(reason.to_owned()),
            Code::Refused => Self::Refused(reason.to_owned()),
            _ => return None,
        })
    }

    fn unavailable(reason: String, (): ()) -> Self {
        Self::Unavailable(reason)
    }
}

#[cfg(test)]
mod tests;
