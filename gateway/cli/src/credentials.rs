//! The root account's keys: given by the operator, or made at random on first start. Never a shared default.

use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rand::Rng;

use crate::{Failure, settings::Resolved};

/// The root account's keys, and where an operator finds them.
pub struct RootKeys {
    /// Public.
    pub access_key: String,
    /// Secret.
    pub secret_key: String,
    /// The file they are kept in; `None`: the operator gave them.
    pub file: Option<PathBuf>,
}

impl fmt::Debug for RootKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootKeys").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl RootKeys {
    /// From the settings; else from `file`; else made at random and written there.
    pub fn load(resolved: &Resolved, file: &Path) -> Result<Self, Failure> {
        match (resolved.text("root-access-key"), resolved.text("root-secret-key")) {
            ("", "") => Self::load_or_make(file),
            (access_key, secret_key) if access_key.len() >= 3 && secret_key.len() >= 8 => {
                Ok(Self { access_key: access_key.to_owned(), secret_key: secret_key.to_owned(), file: None })
            }
            _ => Err("root credentials: give both keys, the access key of at least 3 and the secret key of at least \
                      8 characters"
                .into()),
        }
    }

    fn load_or_make(file: &Path) -> Result<Self, Failure> {
        match fs::read_to_string(file) {
            Ok(text) => parse(&text, file)
                .ok_or_else(|| format!("{}: not a credentials file of two keys", file.display()).into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::make(file),
            Err(error) => Err(format!("{}: {error}", file.display()).into()),
        }
    }

    fn make(file: &Path) -> Result<Self, Failure> {
        let access_key = format!("HF{}", random_text(18, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"));
        let secret_key = random_text(40, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
        let text =
            format!("[default]\naws_access_key_id = {access_key}\naws_secret_access_key = {secret_key}\n");
        write_private(file, &text).map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Self { access_key, secret_key, file: Some(file.to_owned()) })
    }
}

/// Written whole or not at all: a crash must not leave half a file that the next start refuses.
fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let unfinished = file.with_extension("new");
    let mut out =
        fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(&unfinished)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(&unfinished, file)?;
    match file.parent() {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// The form of `~/.aws/credentials`, so that clients can be pointed at the file.
fn parse(text: &str, file: &Path) -> Option<RootKeys> {
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name && !value.trim().is_empty()).then(|| value.trim().to_owned())
        })
    };
    Some(RootKeys {
        access_key: value("aws_access_key_id")?,
        secret_key: value("aws_secret_access_key")?,
        file: Some(file.to_owned()),
    })
}

fn random_text(length: usize, alphabet: &[u8]) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn made_once_kept_private_and_never_shown() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("credentials");
        let made = RootKeys::load_or_make(&file).expect("made");
        let read = RootKeys::load_or_make(&file).expect("read");
        assert_eq!((&made.access_key, &made.secret_key), (&read.access_key, &read.secret_key));
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        assert!(!format!("{made:?}").contains(&made.secret_key));
    }

    #[test]
    fn two_servers_never_share_keys() {
        let dir = tempfile::tempdir().expect("a directory");
        let one = RootKeys::make(&dir.path().join("1")).expect("made");
        let two = RootKeys::make(&dir.path().join("2")).expect("made");
        assert_ne!(one.secret_key, two.secret_key);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_is_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("credentials");
        fs::write(&file, "[default]\n").expect("written");
        assert!(RootKeys::load_or_make(&file).is_err());
        assert_eq!(fs::read_to_string(&file).expect("there"), "[default]\n");
    }
}
