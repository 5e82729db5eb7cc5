//! Rows to try a store with.

use types::{Cookie, FileId, NeedleKey, Timestamp, VolumeId};

use crate::{
    AccountId, Bucket, BucketName, Change, Checksum, ChecksumAlgorithm, ChecksumKind, Chunk, ContentHeaders,
    ETag, Object, ObjectKey, Part, PartNumber, RowKey, StoredPart, Upload, UploadChecksumKind, UploadId,
};

pub(crate) const BUCKET: &str = "photos.2026";

pub(crate) fn bucket_name(name: &str) -> BucketName {
    name.parse().expect("a bucket name")
}

pub(crate) fn key(key: &str) -> ObjectKey {
    key.parse().expect("a key")
}

pub(crate) fn moment(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + millis)
}

pub(crate) fn needle(number: u64) -> FileId {
    let cookie = u32::try_from(number % 0xffff_fffb).unwrap_or_default();
    FileId { volume: VolumeId(7), key: NeedleKey(number), cookie: Cookie(!cookie) }
}

pub(crate) fn bucket(name: &str) -> Bucket {
    Bucket { name: bucket_name(name), owner: AccountId("0123abcd".to_owned()), created: moment(1) }
}

/// A small object; `number` makes it differ from others.
pub(crate) fn object(number: u64) -> Object {
    Object {
        size_bytes: number,
        etag: ETag { md5: number.to_be_bytes().repeat(2).try_into().expect("16 bytes"), parts: None },
        modified: moment(number),
        storage_class: "STANDARD".to_owned(),
        checksum: None,
        headers: ContentHeaders::default(),
        metadata: Vec::new(),
        parts: vec![Part {
            number: None,
            size_bytes: number,
            checksum: Vec::new(),
            chunks: vec![chunk(number)],
        }],
        upload: None,
    }
}

/// An object with every field filled.
pub(crate) fn full_object() -> Object {
    Object {
        checksum: Some(Checksum {
            algorithm: ChecksumAlgorithm::Sha256,
            kind: ChecksumKind::Composite { parts: 2 },
            value: (0..32).collect(),
        }),
        etag: ETag { md5: [0xff; 16], parts: Some(2) },
        size_bytes: 5 << 40,
        storage_class: "GLACIER_IR".to_owned(),
        headers: headers(),
        metadata: metadata(),
        parts: vec![part(1, 2), part(10_000, 0)],
        upload: Some(UploadId([0xa5; 16])),
        ..object(3)
    }
}

/// An object of as many parts as there can be.
pub(crate) fn large_object() -> Object {
    Object { parts: (1..=PartNumber::MAX).map(|number| part(number, 2)).collect(), ..full_object() }
}

pub(crate) fn headers() -> ContentHeaders {
    ContentHeaders {
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        content_encoding: Some("gzip".to_owned()),
        content_disposition: Some("attachment; filename=\"ü'\\.txt\"".to_owned()),
        content_language: Some("de, en".to_owned()),
        cache_control: Some(String::new()),
        expires: Some("Thu, 01 Dec 1994 16:00:00 GMT".to_owned()),
        website_redirect_location: Some("/elsewhere".to_owned()),
    }
}

/// In an order that is not theirs by name, with a name twice and an empty value.
pub(crate) fn metadata() -> Vec<(String, String)> {
    [("zebra", "1"), ("ant", "ünïcode ☃"), ("ant", ""), ("quote", "\"'{},\\")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}

fn part(number: u16, chunks: u32) -> Part {
    Part {
        number: PartNumber::new(number),
        size_bytes: 5 << 20,
        checksum: number.to_be_bytes().repeat(16),
        chunks: (0..chunks).map(|index| chunk(u64::from(number) * 10 + u64::from(index))).collect(),
    }
}

fn chunk(number: u64) -> Chunk {
    Chunk { needle: needle(number), size_bytes: u32::MAX }
}

/// An upload; `number` makes its id, in order.
pub(crate) fn upload(key_text: &str, number: u128) -> Upload {
    Upload {
        id: UploadId(number.to_be_bytes()),
        bucket: bucket_name(BUCKET),
        key: key(key_text),
        initiator: AccountId("someone".to_owned()),
        initiated: moment(5),
        storage_class: "STANDARD".to_owned(),
        headers: headers(),
        metadata: metadata(),
        checksum: Some((ChecksumAlgorithm::Crc32c, UploadChecksumKind::FullObject)),
    }
}

pub(crate) fn stored_part(number: u16, needle_number: u64) -> StoredPart {
    StoredPart {
        number: PartNumber::new(number).expect("a part number"),
        size_bytes: 5 << 20,
        md5: [u8::try_from(number % 251).unwrap_or_default(); 16],
        checksum: Some(Checksum {
            algorithm: ChecksumAlgorithm::Crc32c,
            kind: ChecksumKind::FullObject,
            value: vec![1, 2, 3, 4],
        }),
        modified: moment(u64::from(number)),
        chunks: vec![chunk(needle_number)],
    }
}

pub(crate) fn put_bucket() -> Change {
    Change::PutBucket(bucket(BUCKET))
}

pub(crate) fn put(key_text: &str, object: Object) -> Change {
    Change::PutObject(bucket_name(BUCKET), key(key_text), Box::new(object))
}

pub(crate) fn delete(key_text: &str) -> Change {
    Change::DeleteObject(bucket_name(BUCKET), key(key_text))
}

pub(crate) fn row_key(key_text: &str) -> RowKey {
    RowKey::Object(bucket_name(BUCKET), key(key_text))
}
