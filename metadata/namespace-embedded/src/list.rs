//! Listings: one walk over a space, with a new seek past every common prefix that is worth it.

use namespace::{
    Bucket, BucketName, DeleteIntent, Entry, IntentId, Lister, Listing, Page, PartNumber, PartPage, Start,
    Step, StoreError, Upload, UploadId, UploadListing, UploadPage,
};
use types::Timestamp;

use crate::{
    keys::{self, UploadName},
    rows,
    spaces::{Space, read_error},
    walk::View,
};

/// Intents not yet due that are looked at before a page ends.
const NOT_DUE_LOOKS: usize = 1000;
/// Entries that a page makes room for beforehand.
const ROOM: usize = 1000;

pub(crate) fn objects(view: &View<'_>, listing: &Listing) -> Result<Page, StoreError> {
    let mut lister =
        Lister::new(&listing.prefix, listing.delimiter.as_deref(), listing.after.as_deref(), listing.limit);
    let mut page = Page { entries: Vec::with_capacity(listing.limit.min(ROOM)), truncated: false };
    let start = keys::in_bucket(&listing.bucket, &lister.start().into_bytes());
    let mut walk = view.walk(Space::Objects, &listing.bucket, start);
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

pub(crate) fn uploads(view: &View<'_>, listing: &UploadListing) -> Result<UploadPage, StoreError> {
    let bucket = &listing.bucket;
    let after = listing.after.as_ref();
    let after_key = after.map(|(key, _)| key.as_str());
    let mut lister = Lister::new(&listing.prefix, listing.delimiter.as_deref(), after_key, listing.limit);
    let start = match lister.start() {
        Start::At(key) => UploadName::at(bucket, &key),
        Start::After(key) => UploadName::after(bucket, key, after.and_then(|(_, id)| id.as_ref())),
    };
    let mut page = UploadPage::default();
    let mut walk = view.walk(Space::UploadNames, bucket, start);
    while let Some((name, _)) = walk.next()? {
        let (key, id) = UploadName::parse(bucket, &name)
            .ok_or_else(|| StoreError::Corrupt("the name of an upload".to_owned()))?;
        match lister.next(&key) {
            Step::Key => page.uploads.push(upload(view, &id)?),
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

fn upload(view: &View<'_>, id: &UploadId) -> Result<Upload, StoreError> {
    let row = view.get(Space::Uploads, &id.0)?;
    let row = row.ok_or_else(|| StoreError::Corrupt(format!("upload {id} has a name and no row")))?;
    Ok(rows::decode_upload(&row)?.0)
}

/// Whether a bucket holds an object or an upload.
pub(crate) fn is_occupied(view: &View<'_>, bucket: &BucketName) -> Result<bool, StoreError> {
    for space in [Space::Objects, Space::UploadNames] {
        if view.walk(space, bucket, keys::in_bucket(bucket, b"")).next()?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(crate) fn buckets(
    view: &View<'_>,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<Bucket>, StoreError> {
    let from = match after {
        Some(after) if after >= prefix => [after.as_bytes(), &[0]].concat(),
        _ => prefix.as_bytes().to_vec(),
    };
    let mut buckets = Vec::new();
    for row in view.range(Space::Buckets, from, vec![0xff]).take(limit) {
        let (name, row) = row.into_inner().map_err(read_error)?;
        if !name.starts_with(prefix.as_bytes()) {
            break;
        }
        buckets.push(rows::decode_bucket(&row)?.0);
    }
    Ok(buckets)
}

pub(crate) fn parts(
    view: &View<'_>,
    upload: &UploadId,
    after: Option<PartNumber>,
    limit: usize,
) -> Result<PartPage, StoreError> {
    let from = match after {
        Some(after) => [&keys::part(upload, after)[..], &[0]].concat(),
        None => upload.0.to_vec(),
    };
    let mut page = PartPage::default();
    for row in view.range(Space::Parts, from, keys::end_of_parts(upload)) {
        if page.parts.len() == limit {
            page.truncated = limit > 0;
            break;
        }
        page.parts.push(rows::decode_part(&row.value().map_err(read_error)?)?.0);
    }
    Ok(page)
}

/// Intents from `from` on, and the first that is left there, due or not.
pub(crate) fn intents(
    view: &View<'_>,
    from: IntentId,
    until: Timestamp,
    limit: usize,
) -> Result<(Vec<DeleteIntent>, Option<IntentId>), StoreError> {
    let mut due = Vec::new();
    let mut first_left = None;
    let mut not_due = 0;
    for row in view.range(Space::Intents, keys::intent(from).to_vec(), vec![0xff; 9]) {
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
