/// Walks the keys of a bucket in byte order and says which of them a listing shows, and what to skip. Pure: the
/// store reads the keys.
///
/// A store reads keys from [`Lister::start`] on, hands each to [`Lister::next`], and does as told until
/// [`Step::End`].
///
/// ```
/// # use namespace::{Lister, Start, Step};
/// let mut lister = Lister::new("a/", Some("/"), None, 2);
/// assert_eq!(lister.start(), Start::At(b"a/".to_vec()));
/// assert_eq!(lister.next("a/b/c"), Step::CommonPrefix("a/b/"));
/// assert_eq!(lister.past("a/b/"), b"a/b0"); // the next key that is not under `a/b/`
/// assert_eq!(lister.next("a/c"), Step::Key);
/// assert_eq!(lister.next("a/d"), Step::End { truncated: true });
/// ```
#[derive(Debug, Clone)]
pub struct Lister<'l> {
    prefix: &'l str,
    delimiter: Option<&'l str>,
    after: Option<&'l str>,
    left: usize,
    empty: bool,
}

/// Where a listing begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start<'l> {
    /// At the first key that is not less than these bytes.
    At(Vec<u8>),
    /// After this key. An upload listing that goes on within a key starts at that key's next upload.
    After(&'l str),
}

/// What a key means for a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'k> {
    /// An entry of its own. Go on with the next key.
    Key,
    /// The key stands for a common prefix, which is an entry. Go on at [`Lister::past`] it.
    CommonPrefix(&'k str),
    /// The listing ends before this key.
    End {
        /// Whether it ends because it is full.
        truncated: bool,
    },
}

impl<'l> Lister<'l> {
    /// As in [`Listing`](crate::Listing) and [`UploadListing`](crate::UploadListing). An empty delimiter is none.
    pub fn new(prefix: &'l str, delimiter: Option<&'l str>, after: Option<&'l str>, limit: usize) -> Self {
        let delimiter = delimiter.filter(|delimiter| !delimiter.is_empty());
        Self { prefix, delimiter, after, left: limit, empty: limit == 0 }
    }

    /// Where to read first.
    pub fn start(&self) -> Start<'l> {
        match self.after {
            // Nothing under the common prefix of `after` is greater than `after` as an entry: the prefix is not.
            Some(after) if after >= self.prefix => match self.common_prefix(after) {
                Some(prefix) => Start::At(self.past(prefix)),
                None => Start::After(after),
            },
            _ => Start::At(self.prefix.as_bytes().to_vec()),
        }
    }

    /// What the next key in order means.
    pub fn next<'k>(&mut self, key: &'k str) -> Step<'k> {
        if self.empty || !key.starts_with(self.prefix) {
            return Step::End { truncated: false };
        }
        let Some(left) = self.left.checked_sub(1) else { return Step::End { truncated: true } };
        self.left = left;
        self.common_prefix(key).map_or(Step::Key, Step::CommonPrefix)
    }

    /// The least bytes that are greater than every key under a common prefix.
    pub fn past(&self, prefix: &str) -> Vec<u8> {
        let mut bytes = prefix.as_bytes().to_vec();
        // The last byte of UTF-8 is never 0xff.
        if let Some(last) = bytes.last_mut() {
            *last = last.saturating_add(1);
        }
        bytes
    }

    /// The part of a text that ends with the first delimiter after the prefix.
    fn common_prefix<'k>(&self, text: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter?;
        let rest = text.strip_prefix(self.prefix)?;
        let end = self.prefix.len() + rest.find(delimiter)? + delimiter.len();
        text.get(..end)
    }
}

impl Start<'_> {
    /// The least key text, as bytes, that the listing may show. `After` a key: that key and a NUL.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::At(bytes) => bytes,
            Self::After(key) => [key.as_bytes(), b"\0"].concat(),
        }
    }
}

#[cfg(test)]
mod tests;
