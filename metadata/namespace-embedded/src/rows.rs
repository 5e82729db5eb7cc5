//! Rows as bytes: the version of the form, the row's version, the row.

use namespace::{
    Bucket, Checksum, ChecksumAlgorithm, ChecksumKind, ContentHeaders, ETag, Entry, Object, ObjectKey, Part,
    RowVersion, StoreError, StoredPart, Upload, UploadId,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use types::{FileId, Timestamp};

/// The form that this release writes, and the only one so far.
const FORM: u8 = 1;
/// The form, and the row's version.
const HEAD_BYTES: usize = 9;
/// A detail longer than this lies in a row of its own, so that listings need not read it.
const INLINE_BYTES: usize = 1024;

/// What listings show of an object.
#[derive(Serialize, Deserialize)]
struct Summary<S> {
    size_bytes: u64,
    etag: ETag,
    modified: Timestamp,
    storage_class: S,
    checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
    detail: DetailPlace,
}

/// Where the rest of an object's row is.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
enum DetailPlace {
    /// After the summary.
    Here,
    /// In a row of its own, under the same key.
    Apart,
}

#[derive(Serialize)]
struct DetailRef<'o> {
    checksum: &'o [u8],
    headers: &'o ContentHeaders,
    metadata: &'o [(String, String)],
    parts: &'o [Part],
    upload: Option<UploadId>,
}

#[derive(Deserialize)]
struct Detail {
    checksum: Vec<u8>,
    headers: ContentHeaders,
    metadata: Vec<(String, String)>,
    parts: Vec<Part>,
    upload: Option<UploadId>,
}

/// An object's row as it is written.
pub(crate) struct EncodedObject {
    pub(crate) row: Vec<u8>,
    /// To be written under the same key; `None`: none may be there.
    pub(crate) detail: Option<Vec<u8>>,
}

/// The version of a row.
pub(crate) fn version(row: &[u8]) -> Result<RowVersion, StoreError> {
    Ok(split(row)?.0)
}

pub(crate) fn encode_object(object: &Object, version: RowVersion) -> Result<EncodedObject, StoreError> {
    let detail = postcard::to_extend(
        &DetailRef {
            checksum: object.checksum.as_ref().map_or(&[], |checksum| &checksum.value),
            headers: &object.headers,
            metadata: &object.metadata,
            parts: &object.parts,
            upload: object.upload,
        },
        Vec::with_capacity(256),
    )
    .map_err(|error| unwritable(&error))?;
    let place = if detail.len() <= INLINE_BYTES { DetailPlace::Here } else { DetailPlace::Apart };
    let summary = Summary {
        size_bytes: object.size_bytes,
        etag: object.etag,
        modified: object.modified,
        storage_class: object.storage_class.as_str(),
        checksum: object.checksum.as_ref().map(|checksum| (checksum.algorithm, checksum.kind)),
        detail: place,
    };
    let mut row = postcard::to_extend(&summary, head(version)).map_err(|error| unwritable(&error))?;
    if place == DetailPlace::Here {
        row.extend_from_slice(&detail);
        return Ok(EncodedObject { row, detail: None });
    }
    let mut apart = head(version);
    apart.extend_from_slice(&detail);
    Ok(EncodedObject { row, detail: Some(apart) })
}

/// Whether an object's detail has a row of its own.
pub(crate) fn has_detail_apart(row: &[u8]) -> Result<bool, StoreError> {
    let (summary, _) =
        postcard::take_from_bytes::<Summary<&str>>(split(row)?.1).map_err(|error| unreadable(&error))?;
    Ok(summary.detail == DetailPlace::Apart)
}

/// An object, and its version. `detail_apart` reads the detail's own row, if there is one.
pub(crate) fn decode_object<R: AsRef<[u8]>>(
    row: &[u8],
    detail_apart: impl FnOnce() -> Result<Option<R>, StoreError>,
) -> Result<(Object, RowVersion), StoreError> {
    let (version, body) = split(row)?;
    let (summary, rest) =
        postcard::take_from_bytes::<Summary<String>>(body).map_err(|error| unreadable(&error))?;
    let detail: Detail = match summary.detail {
        DetailPlace::Here => postcard::from_bytes(rest).map_err(|error| unreadable(&error))?,
        DetailPlace::Apart => {
            let apart = detail_apart()?
                .ok_or_else(|| StoreError::Corrupt("an object's detail is missing".to_owned()))?;
            let (detail_version, detail) = split(apart.as_ref())?;
            if detail_version != version {
                return Err(StoreError::Corrupt("an object's detail is of another version".to_owned()));
            }
            postcard::from_bytes(detail).map_err(|error| unreadable(&error))?
        }
    };
    let object = Object {
        size_bytes: summary.size_bytes,
        etag: summary.etag,
        modified: summary.modified,
        storage_class: summary.storage_class,
        checksum: summary.checksum.map(|(algorithm, kind)| Checksum {
            algorithm,
            kind,
            value: detail.checksum,
        }),
        headers: detail.headers,
        metadata: detail.metadata,
        parts: detail.parts,
        upload: detail.upload,
    };
    Ok((object, version))
}

/// A line of a listing: the detail is not looked at.
pub(crate) fn decode_entry(key: &str, row: &[u8]) -> Result<Entry, StoreError> {
    let (_, body) = split(row)?;
    let (summary, _) =
        postcard::take_from_bytes::<Summary<String>>(body).map_err(|error| unreadable(&error))?;
    let key: ObjectKey = key.parse().map_err(|why| StoreError::Corrupt(format!("a stored key: {why}")))?;
    Ok(Entry::Object {
        key,
        size_bytes: summary.size_bytes,
        etag: summary.etag,
        modified: summary.modified,
        storage_class: summary.storage_class,
        checksum: summary.checksum,
    })
}

pub(crate) fn encode_bucket(bucket: &Bucket, version: RowVersion) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(bucket, head(version)).map_err(|error| unwritable(&error))
}

pub(crate) fn decode_bucket(row: &[u8]) -> Result<(Bucket, RowVersion), StoreError> {
    decode(row)
}

pub(crate) fn encode_upload(upload: &Upload, version: RowVersion) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(upload, head(version)).map_err(|error| unwritable(&error))
}

pub(crate) fn decode_upload(row: &[u8]) -> Result<(Upload, RowVersion), StoreError> {
    decode(row)
}

pub(crate) fn encode_part(part: &StoredPart, version: RowVersion) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(part, head(version)).map_err(|error| unwritable(&error))
}

pub(crate) fn decode_part(row: &[u8]) -> Result<(StoredPart, RowVersion), StoreError> {
    decode(row)
}

/// The moment comes first, so that an intent that is not due need not be decoded.
pub(crate) fn encode_intent(freed: Timestamp, needles: &[FileId]) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(needles, head(RowVersion(freed.as_millis()))).map_err(|error| unwritable(&error))
}

/// When an intent's needles were freed.
pub(crate) fn intent_freed(row: &[u8]) -> Result<Timestamp, StoreError> {
    Ok(Timestamp::from_millis(version(row)?.0))
}

pub(crate) fn intent_needles(row: &[u8]) -> Result<Vec<FileId>, StoreError> {
    Ok(decode(row)?.0)
}

fn decode<T: DeserializeOwned>(row: &[u8]) -> Result<(T, RowVersion), StoreError> {
    let (version, body) = split(row)?;
    Ok((postcard::from_bytes(body).map_err(|error| unreadable(&error))?, version))
}

fn head(version: RowVersion) -> Vec<u8> {
    let mut row = Vec::with_capacity(256);
    row.push(FORM);
    row.extend_from_slice(&version.0.to_be_bytes());
    row
}

fn split(row: &[u8]) -> Result<(RowVersion, &[u8]), StoreError> {
    let Some((head, body)) = row.split_first_chunk::<HEAD_BYTES>() else {
        return Err(StoreError::Corrupt(format!("a row of {} bytes", row.len())));
    };
    let [FORM, version @ ..] = *head else {
        return Err(StoreError::Corrupt(format!("a row of form {}, this release knows {FORM}", head[0])));
    };
    Ok((RowVersion(u64::from_be_bytes(version)), body))
}

fn unreadable(error: &postcard::Error) -> StoreError {
    StoreError::Corrupt(format!("a row cannot be decoded: {error}"))
}

fn unwritable(error: &postcard::Error) -> StoreError {
    StoreError::Corrupt(format!("a row cannot be encoded: {error}"))
}
