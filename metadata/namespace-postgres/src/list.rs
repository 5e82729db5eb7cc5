//! Listings: every page is one statement, and starts where the page before ended.

use namespace::{Entry, Lister, Listing, Page, Start, StoreError, UploadListing, UploadPage};
use sqlx::{
    Arguments,
    error::BoxDynError,
    postgres::{PgArguments, PgRow},
};

use crate::rows::{self, Columns, bucket_columns, part_columns, upload_columns};

const OBJECTS: &str = "\
    SELECT o.key, o.size, o.modified, o.etag_md5, o.etag_parts, o.storage_class, o.checksum_algorithm, \
      o.checksum_parts \
    FROM holdfast.objects AS o WHERE o.bucket = $1 AND o.key >= $2 AND o.key < $3 ORDER BY o.key LIMIT $4";

const OBJECTS_AND_PREFIXES: &str = "SELECT l.* FROM holdfast.list_objects($1, $5, $6, $7, $2, $3, $4) AS l";

pub(crate) const UPLOADS: &str = concat!(
    "SELECT l.common_prefix, ",
    upload_columns!(),
    " FROM holdfast.list_uploads($1, $2, $3, $4, $5, $6, $7, $8) WITH ORDINALITY AS l(common_prefix, upload_id, place) \
     LEFT JOIN holdfast.uploads AS u ON u.id = l.upload_id ORDER BY l.place"
);

/// No byte of a bucket's name is as great as `~`.
pub(crate) const BUCKETS: &str = concat!(
    "SELECT ",
    bucket_columns!(),
    " FROM holdfast.buckets AS b \
     WHERE b.name >= $1 AND b.name < $1 || '~' AND b.name > $2 ORDER BY b.name LIMIT $3"
);

pub(crate) const PARTS: &str = concat!(
    "SELECT ",
    part_columns!(),
    " FROM holdfast.parts AS p WHERE p.upload_id = $1 AND p.number > $2 ORDER BY p.number LIMIT $3"
);

pub(crate) const DELETE_INTENTS: &str = "\
    SELECT i.id, i.freed, i.volumes, i.needles, i.cookies FROM holdfast.delete_intents AS i \
    WHERE i.id > $1 AND i.freed <= $2 ORDER BY i.id LIMIT $3";

/// Every key is UTF-8, which has no such byte.
const PAST_ALL: [u8; 1] = [0xff];

/// Where a page lies in the order of keys, and how it is rolled up.
struct Range<'l> {
    start: Start<'l>,
    end: Vec<u8>,
    delimiter: Option<&'l str>,
}

impl<'l> Range<'l> {
    fn of(prefix: &'l str, delimiter: Option<&'l str>, after: Option<&'l str>) -> Self {
        let lister = Lister::new(prefix, delimiter, after, 1);
        let end = if prefix.is_empty() { PAST_ALL.to_vec() } else { lister.past(prefix) };
        Self { start: lister.start(), end, delimiter: delimiter.filter(|delimiter| !delimiter.is_empty()) }
    }
}

/// One more than is shown tells whether more follow.
pub(crate) fn one_more(limit: usize) -> i64 {
    i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX)
}

/// The least bytes that are greater than the delimiter and all that starts with it.
fn past_delimiter(delimiter: &str) -> Vec<u8> {
    Lister::new("", None, None, 1).past(delimiter)
}

pub(crate) fn objects_statement(listing: &Listing) -> &'static str {
    match listing.delimiter.as_deref() {
        None | Some("") => OBJECTS,
        Some(_) => OBJECTS_AND_PREFIXES,
    }
}

pub(crate) fn objects_arguments(listing: &Listing) -> Result<PgArguments, BoxDynError> {
    let range = Range::of(&listing.prefix, listing.delimiter.as_deref(), listing.after.as_deref());
    let mut arguments = PgArguments::default();
    arguments.add(listing.bucket.as_str())?;
    arguments.add(range.start.into_bytes())?;
    arguments.add(range.end)?;
    arguments.add(one_more(listing.limit))?;
    if let Some(delimiter) = range.delimiter {
        arguments.add(i32::try_from(listing.prefix.len())?)?;
        arguments.add(delimiter.as_bytes())?;
        arguments.add(past_delimiter(delimiter))?;
    }
    Ok(arguments)
}

pub(crate) fn objects_page(listing: &Listing, found: &[PgRow]) -> Result<Page, StoreError> {
    let shown = found.iter().take(listing.limit);
    let entries =
        shown.map(|row| rows::entry(&mut Columns::from(row, 0))).collect::<Result<Vec<Entry>, _>>()?;
    Ok(Page { entries, truncated: found.len() > listing.limit })
}

pub(crate) fn uploads_arguments(listing: &UploadListing) -> Result<PgArguments, BoxDynError> {
    let after = listing.after.as_ref().map(|(key, _)| key.as_str());
    let range = Range::of(&listing.prefix, listing.delimiter.as_deref(), after);
    let next_upload = listing.after.as_ref().and_then(|(_, id)| *id).map(|id| [&id.0[..], b"\0"].concat());
    let (key, id) = match (range.start, next_upload) {
        (Start::After(key), Some(id)) => (key.as_bytes().to_vec(), id),
        (start, _) => (start.into_bytes(), Vec::new()),
    };
    let delimiter = range.delimiter.unwrap_or_default();
    let mut arguments = PgArguments::default();
    arguments.add(listing.bucket.as_str())?;
    arguments.add(i32::try_from(listing.prefix.len())?)?;
    arguments.add(delimiter.as_bytes())?;
    arguments.add(past_delimiter(delimiter))?;
    arguments.add(key)?;
    arguments.add(id)?;
    arguments.add(range.end)?;
    arguments.add(one_more(listing.limit))?;
    Ok(arguments)
}

pub(crate) fn uploads_page(listing: &UploadListing, found: &[PgRow]) -> Result<UploadPage, StoreError> {
    let mut page = UploadPage { truncated: found.len() > listing.limit, ..UploadPage::default() };
    for row in found.iter().take(listing.limit) {
        let mut columns = Columns::from(row, 0);
        match columns.next::<Option<&[u8]>>()? {
            Some(prefix) => page.common_prefixes.push(rows::key_text(prefix)?),
            None => page.uploads.extend(rows::upload(&mut columns)?.map(|(upload, _)| upload)),
        }
    }
    Ok(page)
}
