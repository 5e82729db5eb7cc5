use percent_encoding::percent_decode_str;
use types::{FileId, InvalidFileId};

/// What a path names: a needle, and the file name the client would like it to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) fid: FileId,
    /// From `/3/01637037d6/name.jpg`.
    pub(super) name: Option<String>,
}

/// Why a path names no needle.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadAddress {
    /// It does not look like one.
    Elsewhere,
    /// It looks like one.
    Malformed(InvalidFileId),
    /// The file name is not UTF-8.
    Name,
}

impl Address {
    /// Reads `/3,01637037d6`, `/3/01637037d6`, each also with an extension, and `/3/01637037d6/name.jpg`.
    pub(super) fn parse(path: &str) -> Result<Self, BadAddress> {
        let path = path.strip_prefix('/').ok_or(BadAddress::Elsewhere)?;
        if !path.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(BadAddress::Elsewhere);
        }
        let mut parts = path.splitn(3, '/');
        let (first, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        match (second, third) {
            (None, _) => Ok(Self { fid: fid(&decoded(first)?)?, name: None }),
            (Some(needle), name) => Ok(Self {
                fid: fid(&format!("{first},{}", decoded(needle)?))?,
                name: name.map(decoded).transpose()?.filter(|name| !name.is_empty()),
            }),
        }
    }
}

/// Some clients write the comma as `%2C`.
fn decoded(part: &str) -> Result<String, BadAddress> {
    percent_decode_str(part).decode_utf8().map(Into::into).map_err(|_| BadAddress::Name)
}

/// A file id, an extension after it ignored.
fn fid(text: &str) -> Result<FileId, BadAddress> {
    text.split('.').next().unwrap_or_default().parse().map_err(BadAddress::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use types::{Cookie, NeedleKey, VolumeId};

    use super::*;

    #[track_caller]
    fn check(path: &str, fid: &str, name: Option<&str>) {
        let address = Address::parse(path).unwrap_or_else(|error| panic!("{path}: {error:?}"));
        assert_eq!((address.fid.to_string().as_str(), address.name.as_deref()), (fid, name), "{path}");
    }

    #[test]
    fn every_form_of_weeds_readme() {
        check("/3,01637037d6", "3,01637037d6", None);
        check("/3,01637037d6.jpg", "3,01637037d6", None);
        check("/3/01637037d6", "3,01637037d6", None);
        check("/3/01637037d6.jpg", "3,01637037d6", None);
        check("/3/01637037d6/my_preferred_name.jpg", "3,01637037d6", Some("my_preferred_name.jpg"));
        check("/3/01637037d6/", "3,01637037d6", None);
        check("/3,01637037d6_2", "3,03637037d6", None);
        check("/3%2C01637037d6", "3,01637037d6", None);
        check("/3/01637037d6/a%2Fb%20c.txt", "3,01637037d6", Some("a/b c.txt"));
    }

    #[test]
    fn what_names_nothing() {
        assert_eq!(Address::parse("/"), Err(BadAddress::Elsewhere));
        assert_eq!(Address::parse("/favicon.ico"), Err(BadAddress::Elsewhere));
        assert_eq!(Address::parse("/3/01637037d6/%ff"), Err(BadAddress::Name));
        for path in
            ["/3", "/3,", "/3,0163", "/3/xyz", "/3,01637037d6,4", "/99999999999,01637037d6", "/3,-1637037d6"]
        {
            assert!(matches!(Address::parse(path), Err(BadAddress::Malformed(_))), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(path in "/[0-9a-f,/._%\\PC]{0,40}") {
            let _ = Address::parse(&path);
        }

        #[test]
        fn every_needle_is_found_under_both_forms(volume: u32, key: u64, cookie: u32) {
            let fid = FileId { volume: VolumeId(volume), key: NeedleKey(key), cookie: Cookie(cookie) };
            let comma = Address::parse(&format!("/{fid}")).map(|address| address.fid);
            let slash = Address::parse(&format!("/{fid}.x").replace(',', "/")).map(|address| address.fid);
            prop_assert_eq!((comma, slash), (Ok(fid), Ok(fid)));
        }
    }
}
