//! Listings: one walk over a space, with a new seek past every common prefix that is worth it.

use std::ops::Bound;

use fjall::{Iter, Readable, Slice, Snapshot};
use namespace::{
    Bucket, BucketName, DeleteIntent, Entry, IntentId, Lister, Listing, Page, PartNumber, PartPage, Start,
    Step, StoreError, Upload, UploadId, UploadListing, UploadPage,
};
use types::Timestamp;

use crate::{
    keys::{self, UploadName},
    rows,
    spaces::{Space, Spaces, read_error},
};

/// Keys under a common prefix that are stepped over before a seek: a step is cheap, a seek costs about ten.
const STEPS_BEFORE_SEEK: usize = 8;
/// Intents not yet due that are looked at before a page ends.
const NOT_DUE_LOOKS: usize = 1000;
/// Entries that a page makes room for beforehand.
const ROOM: usize = 1000;

pub(crate) fn objects(spaces: &Spaces, snapshot: &Snapshot, listing: &Listing) -> Result<Page, StoreError> {
    let mut lister =
        Lister::new(&listing.prefix, listing.delimiter.as_deref(), listing.after.as_deref(), listing.limit);
    let mut page = Page { entries: Vec::with_capacity(listing.limit.min(ROOM)), truncated: false };
    let start = keys::in_bucket(&listing.bucket, &lister.start().into_bytes());
    let mut walk = Walk::new(spaces, snapshot, Space::Objects, &listing.bucket, start);
    while let Some((row_key, row)) = walk.next()? {
        let key = key_text(&listing.bucket, &row_key)?;
        match lister.next(key) {
            Step::Key => page.entries.push(rows::decode_entry(key, &row)?),
            Step::CommonPrefix(prefix) => {
                let under = keys::in_bucket(&listing.bucket, prefix.as_bytes());
                walk.skip(&under, || keys::in_bucket(&listing.bucket, &lister.past(prefix)))?;
                page.entries.push(Entry::CommonPrefix(prefix.to_owned()));
            }
            Step::End { truncated } => {
                page.truncated = truncated;
                break;
            }
        }
    }
    Ok(page)
}

pub(crate) fn uploads(
    spaces: &Spaces,
    snapshot: &Snapshot,
    listing: &UploadListing,
) -> Result<UploadPage, StoreError> {
    let bucket = &listing.bucket;
    let after = listing.after.as_ref();
    let after_key = after.map(|(key, _)| key.as_str());
    let mut lister = Lister::new(&listing.prefix, listing.delimiter.as_deref(), after_key, listing.limit);
    let start = match lister.start() {
        Start::At(key) => UploadName::at(bucket, &key),
        Start::After(key) => UploadName::after(bucket, key, after.and_then(|(_, id)| id.as_ref())),
    };
    let mut page = UploadPage::default();
    let mut walk = Walk::new(spaces, snapshot, Space::UploadNames, bucket, start);
    while let Some((name, _)) = walk.next()? {
        let (key, id) = UploadName::parse(bucket, &name)
            .ok_or_else(|| StoreError::Corrupt("the name of an upload".to_owned()))?;
        match lister.next(&key) {
            Step::Key => page.uploads.push(upload(spaces, snapshot, &id)?),
            Step::CommonPrefix(prefix) => {
                let under = UploadName::at(bucket, prefix.as_bytes());
                walk.skip(&under, || UploadName::at(bucket, &lister.past(prefix)))?;
                page.common_prefixes.push(prefix.to_owned());
            }
            Step::End { truncated } => {
                page.truncated = truncated;
                break;
            }
        }
    }
    Ok(page)
}

fn upload(spaces: &Spaces, snapshot: &Snapshot, id: &UploadId) -> Result<Upload, StoreError> {
    let row = snapshot.get(spaces.get(Space::Uploads), id.0).map_err(read_error)?;
    let row = row.ok_or_else(|| StoreError::Corrupt(format!("upload {id} has a name and no row")))?;
    Ok(rows::decode_upload(&row)?.0)
}

pub(crate) fn buckets(
    spaces: &Spaces,
    snapshot: &Snapshot,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Bucket>, StoreError> {
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(after.as_bytes()),
        _ => Bound::Included(prefix.as_bytes()),
    };
    let mut buckets = Vec::new();
    for row in snapshot.range::<&[u8], _>(spaces.get(Space::Buckets), (from, Bound::Unbounded)).take(limit) {
        let (name, row) = row.into_inner().map_err(read_error)?;
        if !name.starts_with(prefix.as_bytes()) {
            break;
        }
        buckets.push(rows::decode_bucket(&row)?.0);
    }
    Ok(buckets)
}

pub(crate) fn parts(
    spaces: &Spaces,
    snapshot: &Snapshot,
    upload: &UploadId,
    after: Option<PartNumber>,
    limit: usize,
) -> Result<PartPage, StoreError> {
    let from = match after {
        Some(after) => Bound::Excluded(keys::part(upload, after).to_vec()),
        None => Bound::Included(upload.0.to_vec()),
    };
    let mut page = PartPage::default();
    for row in snapshot.range(spaces.get(Space::Parts), (from, Bound::Unbounded)) {
        let (key, row) = row.into_inner().map_err(read_error)?;
        if !key.starts_with(&upload.0) {
            break;
        }
        if page.parts.len() == limit {
            page.truncated = limit > 0;
            break;
        }
        page.parts.push(rows::decode_part(&row)?.0);
    }
    Ok(page)
}

/// Intents from `from` on, and the first that is left there, due or not. Looks at one row at least.
pub(crate) fn intents(
    spaces: &Spaces,
    snapshot: &Snapshot,
    from: IntentId,
    until: Timestamp,
    limit: usize,
) -> Result<(Vec<DeleteIntent>, Option<IntentId>), StoreError> {
    let mut due = Vec::new();
    let mut first_left = None;
    let mut not_due = 0;
    for row in snapshot.range(spaces.get(Space::Intents), keys::intent(from)..) {
        let (key, row) = row.into_inner().map_err(read_error)?;
        let id = keys::intent_id(&key)?;
        first_left.get_or_insert(id);
        if due.len() == limit || not_due == NOT_DUE_LOOKS {
            break;
        }
        let freed = rows::intent_freed(&row)?;
        if freed > until {
            not_due += 1;
            continue;
        }
        due.push(DeleteIntent { id, freed, needles: rows::intent_needles(&row)? });
    }
    Ok((due, first_left))
}

fn key_text<'k>(bucket: &BucketName, row_key: &'k [u8]) -> Result<&'k str, StoreError> {
    keys::key_part(bucket, row_key)
        .and_then(|key| std::str::from_utf8(key).ok())
        .ok_or_else(|| StoreError::Corrupt("the key of an object".to_owned()))
}

/// A walk over the rows of one bucket in one space.
struct Walk<'s> {
    spaces: &'s Spaces,
    snapshot: &'s Snapshot,
    space: Space,
    end: Vec<u8>,
    rows: Iter,
    /// Read, and not yet handed out.
    ahead: Option<(Slice, Slice)>,
}

impl<'s> Walk<'s> {
    fn new(
        spaces: &'s Spaces,
        snapshot: &'s Snapshot,
        space: Space,
        bucket: &BucketName,
        start: Vec<u8>,
    ) -> Self {
        // The next byte after the NUL that ends the bucket's name.
        let end = [bucket.as_str().as_bytes(), &[1]].concat();
        let rows = snapshot.range(spaces.get(space), start..end.clone());
        Self { spaces, snapshot, space, end, rows, ahead: None }
    }

    fn next(&mut self) -> Result<Option<(Slice, Slice)>, StoreError> {
        match self.ahead.take() {
            Some(row) => Ok(Some(row)),
            None => self.rows.next().map(|row| row.into_inner().map_err(read_error)).transpose(),
        }
    }

    /// Goes on at the first row that is not `under`, which is the first from `past` on.
    fn skip(&mut self, under: &[u8], past: impl FnOnce() -> Vec<u8>) -> Result<(), StoreError> {
        for _ in 0..STEPS_BEFORE_SEEK {
            match self.next()? {
                Some((key, _)) if key.starts_with(under) => {}
                ahead => {
                    self.ahead = ahead;
                    return Ok(());
                }
            }
        }
        self.rows = self.snapshot.range(self.spaces.get(self.space), past()..self.end.clone());
        Ok(())
    }
}
