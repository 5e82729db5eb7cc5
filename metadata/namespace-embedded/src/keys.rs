//! Keys of rows, so that byte order is the order of listings.

use namespace::{BucketName, IntentId, ObjectKey, PartNumber, StoreError, UploadId};

/// Bucket names hold no NUL, so one ends the name: `bucket NUL key`.
pub(crate) fn object(bucket: &BucketName, key: &ObjectKey) -> Vec<u8> {
    in_bucket(bucket, key.as_str().as_bytes())
}

/// Where the bytes of a key, or what is left of them, stand in a bucket's range.
pub(crate) fn in_bucket(bucket: &BucketName, key: &[u8]) -> Vec<u8> {
    let bucket = bucket.as_str().as_bytes();
    let mut bytes = Vec::with_capacity(bucket.len() + 1 + key.len());
    bytes.extend_from_slice(bucket);
    bytes.push(0);
    bytes.extend_from_slice(key);
    bytes
}

/// The first bytes that are past all of a bucket's rows.
pub(crate) fn end_of(bucket: &BucketName) -> Vec<u8> {
    [bucket.as_str().as_bytes(), &[1]].concat()
}

/// The bytes of the object key in a row's key.
pub(crate) fn key_part<'k>(bucket: &BucketName, row_key: &'k [u8]) -> Option<&'k [u8]> {
    row_key.strip_prefix(bucket.as_str().as_bytes())?.strip_prefix(&[0])
}

/// `id number`
pub(crate) fn part(upload: &UploadId, number: PartNumber) -> [u8; 18] {
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&upload.0);
    bytes[16..].copy_from_slice(&number.get().to_be_bytes());
    bytes
}

/// The first bytes that are past all parts of an upload.
pub(crate) fn end_of_parts(upload: &UploadId) -> Vec<u8> {
    [&upload.0[..], &[0xff; 3]].concat()
}

/// In order of age.
pub(crate) fn intent(id: IntentId) -> [u8; 8] {
    id.0.to_be_bytes()
}

pub(crate) fn intent_id(row_key: &[u8]) -> Result<IntentId, StoreError> {
    let bytes =
        row_key.try_into().map_err(|_| StoreError::Corrupt("the key of a delete intent".to_owned()))?;
    Ok(IntentId(u64::from_be_bytes(bytes)))
}

/// A place in the names of uploads: `bucket NUL key END id`, where a NUL in the key is written `00 FF` and END is
/// `00 00`, so that uploads stand by key and then by id.
pub(crate) struct UploadName;

impl UploadName {
    const ID_BYTES: usize = 16;

    /// Of one upload.
    pub(crate) fn of(bucket: &BucketName, key: &str, id: &UploadId) -> Vec<u8> {
        let mut bytes = Self::at(bucket, key.as_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&id.0);
        bytes
    }

    /// The first whose key is not less than `key`.
    pub(crate) fn at(bucket: &BucketName, key: &[u8]) -> Vec<u8> {
        let mut bytes = in_bucket(bucket, b"");
        for byte in key {
            bytes.push(*byte);
            if *byte == 0 {
                bytes.push(0xff);
            }
        }
        bytes
    }

    /// After all of this key, or after the one of this id.
    pub(crate) fn after(bucket: &BucketName, key: &str, id: Option<&UploadId>) -> Vec<u8> {
        match id {
            Some(id) => [Self::of(bucket, key, id), vec![0]].concat(),
            None => [Self::at(bucket, key.as_bytes()), vec![0, 1]].concat(),
        }
    }

    /// The key and the id in a row's key.
    pub(crate) fn parse(bucket: &BucketName, row_key: &[u8]) -> Option<(String, UploadId)> {
        let (escaped, id) = key_part(bucket, row_key)?.split_last_chunk::<{ Self::ID_BYTES }>()?;
        let mut key = Vec::with_capacity(escaped.len());
        let mut bytes = escaped.strip_suffix(&[0, 0])?.iter();
        while let Some(byte) = bytes.next() {
            key.push(*byte);
            if *byte == 0 {
                bytes.next().filter(|mark| **mark == 0xff)?;
            }
        }
        Some((String::from_utf8(key).ok()?, UploadId(*id)))
    }
}
