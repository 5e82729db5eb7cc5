use std::fmt;

use namespace::{
    AccountId, Bucket, BucketName, Checksum, ChecksumAlgorithm, ChecksumKind, ETag, Entry, Object, ObjectKey,
    RowVersion, StoreError, StoredPart, Upload, UploadChecksumKind, UploadId,
};
use sqlx::{Decode, Postgres, Row, Type, postgres::PgRow};
use types::{FileId, Timestamp};

use super::{chunks, headers};
use crate::wire::Moment;

/// Columns of a bucket `b`, as [`bucket`] reads them.
macro_rules! bucket_columns {
    () => {
        "b.version, b.name, b.owner, b.created"
    };
}

/// Columns of an object `o`, as [`object`] reads them.
macro_rules! object_columns {
    () => {
        "o.version, o.size, o.modified, o.etag_md5, o.etag_parts, o.storage_class, \
         o.checksum_algorithm, o.checksum, o.checksum_parts, \
         o.content_type, o.content_encoding, o.content_disposition, o.content_language, o.cache_control, \
         o.expires, o.website_redirect_location, o.metadata::text, o.volume, o.needle, o.cookie, \
         o.chunk_volumes, o.chunk_needles, o.chunk_cookies, o.chunk_sizes, \
         o.part_numbers, o.part_sizes, o.part_checksums, o.part_chunks, o.upload_id"
    };
}

/// Columns of an upload `u`, as [`upload`] reads them.
macro_rules! upload_columns {
    () => {
        "u.version, u.id, u.bucket, u.key, u.initiator, u.initiated, u.storage_class, \
         u.content_type, u.content_encoding, u.content_disposition, u.content_language, u.cache_control, \
         u.expires, u.website_redirect_location, u.metadata::text, u.checksum_algorithm, u.checksum_composite"
    };
}

/// Columns of a part `p`, as [`part`] reads them.
macro_rules! part_columns {
    () => {
        "p.number, p.size, p.md5, p.checksum_algorithm, p.checksum, p.checksum_parts, p.modified, \
         p.chunk_volumes, p.chunk_needles, p.chunk_cookies, p.chunk_sizes"
    };
}

pub(crate) use {bucket_columns, object_columns, part_columns, upload_columns};

/// How many columns each list has.
pub(crate) const BUCKET_WIDTH: usize = 4;
pub(crate) const OBJECT_WIDTH: usize = 29;
pub(crate) const UPLOAD_WIDTH: usize = 17;

/// Columns of one row of a result, read from left to right.
pub(crate) struct Columns<'r> {
    row: &'r PgRow,
    next: usize,
}

impl<'r> Columns<'r> {
    /// From this column on.
    pub(crate) fn from(row: &'r PgRow, next: usize) -> Self {
        Self { row, next }
    }

    pub(crate) fn next<T: Decode<'r, Postgres> + Type<Postgres>>(&mut self) -> Result<T, StoreError> {
        let index = self.next;
        self.next += 1;
        self.row.try_get(index).map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    pub(crate) fn skip(&mut self, columns: usize) {
        self.next += columns;
    }
}

pub(super) fn corrupt(what: &str, value: impl fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("{what} cannot be read: {value}"))
}

/// `None` where an outer join found no bucket.
pub(crate) fn bucket(columns: &mut Columns<'_>) -> Result<Option<(Bucket, RowVersion)>, StoreError> {
    let Some(version) = version(columns)? else { return Ok(None) };
    let bucket = Bucket {
        name: bucket_name(columns.next()?)?,
        owner: AccountId(columns.next()?),
        created: timestamp(columns.next()?)?,
    };
    Ok(Some((bucket, version)))
}

/// `None` where an outer join found no object.
pub(crate) fn object(columns: &mut Columns<'_>) -> Result<Option<(Object, RowVersion)>, StoreError> {
    let Some(version) = version(columns)? else { return Ok(None) };
    let size_bytes = chunks::unsigned(columns.next()?)?;
    let object = Object {
        size_bytes,
        modified: timestamp(columns.next()?)?,
        etag: etag(columns.next()?, columns.next()?)?,
        storage_class: columns.next()?,
        checksum: checksum(columns.next()?, columns.next()?, columns.next()?)?,
        headers: headers::read(columns)?,
        metadata: headers::read_metadata(columns)?,
        parts: chunks::parts(columns, size_bytes)?,
        upload: columns.next::<Option<&[u8]>>()?.map(upload_id).transpose()?,
    };
    Ok(Some((object, version)))
}

/// `None` where an outer join found no upload.
pub(crate) fn upload(columns: &mut Columns<'_>) -> Result<Option<(Upload, RowVersion)>, StoreError> {
    let Some(version) = version(columns)? else { return Ok(None) };
    let upload = Upload {
        id: upload_id(columns.next()?)?,
        bucket: bucket_name(columns.next()?)?,
        key: object_key(columns.next()?)?,
        initiator: AccountId(columns.next()?),
        initiated: timestamp(columns.next()?)?,
        storage_class: columns.next()?,
        headers: headers::read(columns)?,
        metadata: headers::read_metadata(columns)?,
        checksum: upload_checksum(columns.next()?, columns.next()?)?,
    };
    Ok(Some((upload, version)))
}

/// `None` where an outer join found no part.
pub(crate) fn part(columns: &mut Columns<'_>) -> Result<Option<StoredPart>, StoreError> {
    let Some(number) = columns.next::<Option<i32>>()? else { return Ok(None) };
    Ok(Some(StoredPart {
        number: chunks::part_number(number)?,
        size_bytes: chunks::unsigned(columns.next()?)?,
        md5: md5(columns.next()?)?,
        checksum: checksum(columns.next()?, columns.next()?, columns.next()?)?,
        modified: timestamp(columns.next()?)?,
        chunks: chunks::chunks(columns)?,
    }))
}

/// A line of a listing: text, size, modified, etag_md5, etag_parts, storage_class, checksum_algorithm,
/// checksum_parts. Without a size it is a common prefix.
pub(crate) fn entry(columns: &mut Columns<'_>) -> Result<Entry, StoreError> {
    let text: &[u8] = columns.next()?;
    let Some(size) = columns.next()? else { return key_text(text).map(Entry::CommonPrefix) };
    let key = object_key(text)?;
    let modified = timestamp(columns.next()?)?;
    let etag = etag(columns.next()?, columns.next()?)?;
    let storage_class = columns.next()?;
    let checksum = match columns.next::<Option<&str>>()? {
        Some(name) => Some((algorithm(name)?, checksum_kind(columns.next()?)?)),
        None => None,
    };
    Ok(Entry::Object { key, size_bytes: chunks::unsigned(size)?, etag, modified, storage_class, checksum })
}

/// Three columns of needles.
pub(crate) fn needles(columns: &mut Columns<'_>) -> Result<Vec<FileId>, StoreError> {
    let (volumes, needles, cookies): (Vec<i64>, Vec<i64>, Vec<i64>) =
        (columns.next()?, columns.next()?, columns.next()?);
    chunks::file_ids(&volumes, &needles, &cookies)
}

pub(crate) fn timestamp(moment: Moment) -> Result<Timestamp, StoreError> {
    moment.timestamp().ok_or_else(|| corrupt("moment", format!("{moment:?}")))
}

pub(crate) fn key_text(bytes: &[u8]) -> Result<String, StoreError> {
    let text = std::str::from_utf8(bytes).map_err(|error| corrupt("key", error))?;
    Ok(text.to_owned())
}

/// Versions are numbers of a sequence that starts at 1.
fn version(columns: &mut Columns<'_>) -> Result<Option<RowVersion>, StoreError> {
    let version: Option<i64> = columns.next()?;
    Ok(version.map(|version| RowVersion(version.cast_unsigned())))
}

fn bucket_name(name: &str) -> Result<BucketName, StoreError> {
    name.parse().map_err(|error| corrupt("bucket", error))
}

fn object_key(bytes: &[u8]) -> Result<ObjectKey, StoreError> {
    let text = std::str::from_utf8(bytes).map_err(|error| corrupt("key", error))?;
    text.parse().map_err(|error| corrupt("key", error))
}

fn upload_id(bytes: &[u8]) -> Result<UploadId, StoreError> {
    bytes.try_into().map(UploadId).map_err(|_| corrupt("upload id", bytes.len()))
}

fn md5(bytes: &[u8]) -> Result<[u8; 16], StoreError> {
    bytes.try_into().map_err(|_| corrupt("length of an MD5", bytes.len()))
}

fn etag(bytes: &[u8], parts: Option<i32>) -> Result<ETag, StoreError> {
    Ok(ETag { md5: md5(bytes)?, parts: parts.map(count_of_parts).transpose()? })
}

fn count_of_parts(parts: i32) -> Result<u16, StoreError> {
    u16::try_from(parts).map_err(|_| corrupt("number of parts", parts))
}

fn algorithm(name: &str) -> Result<ChecksumAlgorithm, StoreError> {
    name.parse().map_err(|error| corrupt("checksum algorithm", error))
}

fn checksum_kind(parts: Option<i32>) -> Result<ChecksumKind, StoreError> {
    Ok(match parts {
        Some(parts) => ChecksumKind::Composite { parts: count_of_parts(parts)? },
        None => ChecksumKind::FullObject,
    })
}

fn checksum(
    name: Option<&str>,
    value: Option<Vec<u8>>,
    parts: Option<i32>,
) -> Result<Option<Checksum>, StoreError> {
    match (name, value) {
        (Some(name), Some(value)) => {
            Ok(Some(Checksum { algorithm: algorithm(name)?, kind: checksum_kind(parts)?, value }))
        }
        (None, None) => Ok(None),
        (name, _) => Err(corrupt("checksum", format!("{name:?} without its half"))),
    }
}

fn upload_checksum(
    name: Option<&str>,
    composite: Option<bool>,
) -> Result<Option<(ChecksumAlgorithm, UploadChecksumKind)>, StoreError> {
    let Some(name) = name else { return Ok(None) };
    let kind = match composite {
        Some(true) => UploadChecksumKind::Composite,
        _ => UploadChecksumKind::FullObject,
    };
    Ok(Some((algorithm(name)?, kind)))
}
