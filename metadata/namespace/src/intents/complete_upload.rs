use std::{cmp::Ordering, iter::once};

use md5::{Digest, Md5};
use types::Timestamp;

use super::{
    freed,
    put_object::{moment_after, replace},
};
use crate::{
    BucketName, Change, Checksum, Decision, ETag, Intent, Object, ObjectKey, Part, PartNumber,
    PreconditionFailure, RowKey, Rows, StoredPart, Upload, UploadId, WritePreconditions,
    assembly::{self, MissingChecksum},
};

/// Makes an object of an upload's parts. Repeating one that succeeded succeeds, while its object is current.
///
/// The outcome is the row as it was committed.
#[derive(Debug, Clone)]
pub struct CompleteUpload {
    /// The bucket that the request names.
    pub bucket: BucketName,
    /// The key that the request names.
    pub key: ObjectKey,
    /// Which upload.
    pub upload: UploadId,
    /// Which parts, as the client lists them.
    pub parts: Vec<CompletedPart>,
    /// The checksum of the whole that the client expects.
    pub checksum: Option<Checksum>,
    /// The size of the whole that the client expects (`x-amz-mp-object-size`).
    pub size_bytes: Option<u64>,
    /// What must hold of the object before.
    pub preconditions: WritePreconditions,
}

/// One line of a client's Complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedPart {
    /// Its number.
    pub number: PartNumber,
    /// Without quotes.
    pub etag: String,
    /// Checksums it names, if any.
    pub checksum: Option<Checksum>,
}

/// Why an upload was not completed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompleteUploadRefusal {
    /// There is no such bucket.
    NoSuchBucket,
    /// Completed and since overwritten, aborted, never started, or of another key.
    NoSuchUpload,
    /// No parts are listed.
    NoParts,
    /// A part is not there, or its ETag or checksum is another.
    InvalidPart(PartNumber),
    /// Numbers do not rise.
    InvalidPartOrder,
    /// A part that is not the last is under 5 MiB.
    TooSmall {
        /// Which.
        part: PartNumber,
        /// Its size.
        size_bytes: u64,
    },
    /// The whole is over 5 TiB.
    TooLarge,
    /// The checksum of the whole is another.
    BadChecksum,
    /// The size of the whole is another.
    WrongSize {
        /// The size it has.
        actual_bytes: u64,
    },
    /// `If-Match` of a key that has no object.
    NoSuchKey,
    /// 412
    PreconditionFailed,
}

/// The least size of a part that is not the last.
const MIN_PART_BYTES: u64 = 5 * 1024 * 1024;
/// The most of an object: 10,000 parts of 5 GiB would be ten times that.
const MAX_OBJECT_BYTES: u64 = 5 << 40;

impl Intent for CompleteUpload {
    type Outcome = Object;
    type Refusal = CompleteUploadRefusal;

    fn rows(&self) -> Vec<RowKey> {
        vec![
            RowKey::Bucket(self.bucket.clone()),
            RowKey::Object(self.bucket.clone(), self.key.clone()),
            RowKey::Upload(self.upload),
            RowKey::Parts(self.upload),
        ]
    }

    fn weight(&self) -> usize {
        1 + self.parts.len() / 8
    }

    fn decide(&self, rows: &Rows, now: Timestamp) -> Result<Decision<Object>, CompleteUploadRefusal> {
        if rows.bucket(&self.bucket).is_none() {
            return Err(CompleteUploadRefusal::NoSuchBucket);
        }
        let before = rows.object(&self.bucket, &self.key);
        let Some(upload) = rows.upload(&self.upload).filter(|upload| upload.is_of(&self.bucket, &self.key))
        else {
            return self.repeated(before);
        };
        self.check_order()?;
        let (listed, unlisted) = self.sort_out(rows.parts(&self.upload))?;
        check_sizes(&listed)?;
        let object = self.assemble(upload, &listed, moment_after(before, now))?;
        self.preconditions.check(before)?;
        let changes = replace(&self.bucket, &self.key, before, &object, now)
            .into_iter()
            .chain(once(Change::DeleteUpload(self.upload)))
            .chain(freed(unlisted.into_iter().flat_map(StoredPart::needles), now))
            .collect();
        Ok(Decision { changes, outcome: object })
    }
}

impl CompleteUpload {
    /// The upload is gone: a repeat succeeds if the current object was made by it, of the parts named now.
    fn repeated(&self, current: Option<&Object>) -> Result<Decision<Object>, CompleteUploadRefusal> {
        current
            .filter(|object| object.upload == Some(self.upload) && self.names_parts_of(object))
            .map(|object| Decision { changes: Vec::new(), outcome: object.clone() })
            .ok_or(CompleteUploadRefusal::NoSuchUpload)
    }

    fn names_parts_of(&self, object: &Object) -> bool {
        let numbers = object.parts.iter().map(|part| part.number);
        let md5s = self.parts.iter().map(CompletedPart::md5).collect::<Option<Vec<_>>>();
        numbers.eq(self.parts.iter().map(|part| Some(part.number)))
            && md5s.is_some_and(|md5s| multipart_etag(&md5s) == object.etag)
    }

    fn check_order(&self) -> Result<(), CompleteUploadRefusal> {
        if self.parts.is_empty() {
            return Err(CompleteUploadRefusal::NoParts);
        }
        if self.parts.windows(2).any(|pair| pair[0].number >= pair[1].number) {
            return Err(CompleteUploadRefusal::InvalidPartOrder);
        }
        Ok(())
    }

    /// The stored parts that the client lists, and those that it does not. Both sides rise by number.
    fn sort_out<'a>(
        &self,
        stored: &'a [StoredPart],
    ) -> Result<(Vec<&'a StoredPart>, Vec<&'a StoredPart>), CompleteUploadRefusal> {
        let (mut listed, mut unlisted) = (Vec::with_capacity(self.parts.len()), Vec::new());
        let mut wanted = self.parts.iter().peekable();
        for part in stored {
            match wanted.peek().map_or(Ordering::Greater, |next| next.number.cmp(&part.number)) {
                Ordering::Less => break,
                Ordering::Greater => unlisted.push(part),
                Ordering::Equal => {
                    listed.push(part);
                    wanted.next_if(|next| next.is(part));
                }
            }
        }
        match wanted.next() {
            Some(missing) => Err(CompleteUploadRefusal::InvalidPart(missing.number)),
            None => Ok((listed, unlisted)),
        }
    }

    fn assemble(
        &self,
        upload: &Upload,
        listed: &[&StoredPart],
        modified: Timestamp,
    ) -> Result<Object, CompleteUploadRefusal> {
        let actual_bytes = listed.iter().map(|part| part.size_bytes).sum();
        if self.size_bytes.is_some_and(|expected| expected != actual_bytes) {
            return Err(CompleteUploadRefusal::WrongSize { actual_bytes });
        }
        let checksum = assembly::checksum(upload.checksum, listed)
            .map_err(|MissingChecksum(part)| CompleteUploadRefusal::InvalidPart(part))?;
        if self.checksum.as_ref().is_some_and(|expected| !assembly::agree(expected, checksum.as_ref())) {
            return Err(CompleteUploadRefusal::BadChecksum);
        }
        let md5s: Vec<_> = listed.iter().map(|part| part.md5).collect();
        Ok(Object {
            size_bytes: actual_bytes,
            etag: multipart_etag(&md5s),
            modified,
            storage_class: upload.storage_class.clone(),
            parts: listed.iter().map(|part| object_part(part, checksum.as_ref())).collect(),
            checksum,
            headers: upload.headers.clone(),
            metadata: upload.metadata.clone(),
            upload: Some(upload.id),
        })
    }
}

impl CompletedPart {
    /// Whether this line means the stored part: by number, ETag, and checksum where one is named.
    fn is(&self, stored: &StoredPart) -> bool {
        self.number == stored.number
            && self.md5() == Some(stored.md5)
            && self.checksum.as_ref().is_none_or(|named| assembly::agree(named, stored.checksum.as_ref()))
    }

    fn md5(&self) -> Option<[u8; 16]> {
        let mut md5 = [0; 16];
        hex::decode_to_slice(&self.etag, &mut md5).ok()?;
        Some(md5)
    }
}

fn check_sizes(listed: &[&StoredPart]) -> Result<(), CompleteUploadRefusal> {
    if listed.iter().map(|part| part.size_bytes).sum::<u64>() > MAX_OBJECT_BYTES {
        return Err(CompleteUploadRefusal::TooLarge);
    }
    let all_but_last = listed.split_last().map_or(&[][..], |(_, before)| before);
    match all_but_last.iter().find(|part| part.size_bytes < MIN_PART_BYTES) {
        Some(part) => Err(CompleteUploadRefusal::TooSmall { part: part.number, size_bytes: part.size_bytes }),
        None => Ok(()),
    }
}

/// A part keeps its own checksum where it is of the object's algorithm.
fn object_part(part: &StoredPart, whole: Option<&Checksum>) -> Part {
    let own =
        part.checksum.as_ref().filter(|own| whole.is_some_and(|whole| whole.algorithm == own.algorithm));
    Part {
        number: Some(part.number),
        size_bytes: part.size_bytes,
        checksum: own.map(|own| own.value.clone()).unwrap_or_default(),
        chunks: part.chunks.clone(),
    }
}

/// The MD5 of the parts' MD5s, one after the other, and how many. Source: S3 API, `Object.ETag`.
fn multipart_etag(md5s: &[[u8; 16]]) -> ETag {
    let parts = u16::try_from(md5s.len()).unwrap_or(u16::MAX); // 10,000 at most: numbers rise up to that
    ETag { md5: Md5::digest(md5s.concat()).into(), parts: Some(parts) }
}

impl From<PreconditionFailure> for CompleteUploadRefusal {
    fn from(failure: PreconditionFailure) -> Self {
        match failure {
            PreconditionFailure::NoSuchKey => Self::NoSuchKey,
            PreconditionFailure::Failed => Self::PreconditionFailed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::samples;

    #[test]
    fn an_object_has_at_most_five_tebibytes() {
        let mut parts: Vec<_> = (1..=1025).map(|number| samples::stored_part(number, 1)).collect();
        let check = |parts: &[StoredPart]| check_sizes(&parts.iter().collect::<Vec<_>>());
        parts.iter_mut().for_each(|part| part.size_bytes = 5 << 30);
        assert_eq!(check(&parts[..1024]), Ok(()));
        parts[1024].size_bytes = 1;
        assert_eq!(check(&parts), Err(CompleteUploadRefusal::TooLarge));
    }
}
