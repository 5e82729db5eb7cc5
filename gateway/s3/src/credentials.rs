//! Who may sign requests. The seam for accounts with keys of their own.

use std::{fmt, sync::Arc};

use namespace::AccountId;

use crate::context::Caller;

/// Access keys and whom they stand for. Asked once per request, so it answers from memory.
pub trait Credentials: Send + Sync + 'static {
    /// Whom `access_key` stands for, `None` when nobody.
    fn find(&self, access_key: &str) -> Option<Arc<Identity>>;
}

/// Whom an access key stands for.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Owner of what is made with this key.
    pub account: AccountId,
    /// Shown beside the account's id.
    pub display_name: Arc<str>,
    /// What requests are signed with.
    pub secret: Secret,
}

impl Identity {
    pub(crate) fn caller(&self) -> Caller {
        Caller { account: self.account.clone(), display_name: self.display_name.clone() }
    }
}

/// A secret key. Its text leaves this crate in no way, `Debug` included.
#[derive(Clone)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Holds `text`.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// The one key of a server without accounts.
#[derive(Debug)]
pub struct RootCredentials {
    access_key: String,
    identity: Arc<Identity>,
}

impl RootCredentials {
    /// The account that owns everything made with the root key: fixed, so that a changed key changes no owner.
    pub const ACCOUNT: &'static str = "0000000000000000000000000000000000000000000000000000000000000000";

    /// Of one key.
    pub fn new(access_key: impl Into<String>, secret: Secret) -> Self {
        let identity =
            Identity { account: AccountId(Self::ACCOUNT.to_owned()), display_name: "root".into(), secret };
        Self { access_key: access_key.into(), identity: Arc::new(identity) }
    }
}

impl Credentials for RootCredentials {
    fn find(&self, access_key: &str) -> Option<Arc<Identity>> {
        // Access keys are no secret: they are sent in the clear, a plain comparison tells nothing new.
        (self.access_key == access_key).then(|| self.identity.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted() {
        let root = RootCredentials::new("AK", Secret::new("very-secret"));
        let shown = format!("{root:?} {:?}", root.find("AK").expect("the key"));
        assert!(!shown.contains("very-secret"), "{shown}");
        assert!(root.find("ak").is_none());
    }
}
