use namespace::{
    Bucket, Checksum, ChecksumKind, Chunk, Object, StoredPart, Upload, UploadChecksumKind, UploadId,
};
use sqlx::error::BoxDynError;
use types::{FileId, Timestamp};

use super::{chunks, headers};
use crate::wire::{Array, Fields, Moment, Record};

/// As `holdfast.bucket_row`.
pub(crate) struct BucketRow<'c>(pub(crate) &'c Bucket);

/// As `holdfast.object_row`.
pub(crate) struct ObjectRow<'c> {
    pub(crate) bucket: &'c str,
    pub(crate) key: &'c str,
    pub(crate) object: &'c Object,
}

/// As `holdfast.upload_row`.
pub(crate) struct UploadRow<'c>(pub(crate) &'c Upload);

/// As `holdfast.part_row`.
pub(crate) struct PartRow<'c> {
    pub(crate) upload: UploadId,
    pub(crate) part: &'c StoredPart,
}

/// As `holdfast.freed_row`.
pub(crate) struct FreedRow<'c> {
    pub(crate) freed: Timestamp,
    pub(crate) needles: &'c [FileId],
}

impl Record for BucketRow<'_> {
    const FIELDS: i32 = 3;

    fn write(&self, fields: &mut Fields<'_>) -> Result<(), BoxDynError> {
        fields.put(self.0.name.as_str())?;
        fields.put(self.0.owner.0.as_str())?;
        fields.put(moment(self.0.created)?)
    }
}

impl Record for ObjectRow<'_> {
    const FIELDS: i32 = 30;

    fn write(&self, fields: &mut Fields<'_>) -> Result<(), BoxDynError> {
        let object = self.object;
        fields.put(self.bucket)?;
        fields.put(self.key.as_bytes())?;
        fields.put(i64::try_from(object.size_bytes)?)?;
        fields.put(moment(object.modified)?)?;
        fields.put(object.etag.md5.as_slice())?;
        fields.put_or_null(object.etag.parts.map(i32::from))?;
        fields.put(object.storage_class.as_str())?;
        checksum(fields, object.checksum.as_ref())?;
        headers::write(fields, &object.headers)?;
        fields.put_or_null(headers::metadata_json(&object.metadata)?)?;
        write_parts(fields, object)?;
        fields.put_or_null(object.upload.as_ref().map(|upload| upload.0.as_slice()))
    }
}

impl Record for UploadRow<'_> {
    const FIELDS: i32 = 16;

    fn write(&self, fields: &mut Fields<'_>) -> Result<(), BoxDynError> {
        let upload = self.0;
        fields.put(upload.id.0.as_slice())?;
        fields.put(upload.bucket.as_str())?;
        fields.put(upload.key.as_str().as_bytes())?;
        fields.put(upload.initiator.0.as_str())?;
        fields.put(moment(upload.initiated)?)?;
        fields.put(upload.storage_class.as_str())?;
        headers::write(fields, &upload.headers)?;
        fields.put_or_null(headers::metadata_json(&upload.metadata)?)?;
        fields.put_or_null(upload.checksum.map(|(algorithm, _)| algorithm.as_str()))?;
        fields.put_or_null(upload.checksum.map(|(_, kind)| kind == UploadChecksumKind::Composite))
    }
}

impl Record for PartRow<'_> {
    const FIELDS: i32 = 12;

    fn write(&self, fields: &mut Fields<'_>) -> Result<(), BoxDynError> {
        fields.put(self.upload.0.as_slice())?;
        fields.put(i32::from(self.part.number.get()))?;
        fields.put(i64::try_from(self.part.size_bytes)?)?;
        fields.put(self.part.md5.as_slice())?;
        checksum(fields, self.part.checksum.as_ref())?;
        fields.put(moment(self.part.modified)?)?;
        write_chunks(fields, self.part.chunks.iter())
    }
}

impl Record for FreedRow<'_> {
    const FIELDS: i32 = 4;

    fn write(&self, fields: &mut Fields<'_>) -> Result<(), BoxDynError> {
        fields.put(moment(self.freed)?)?;
        write_needles(fields, self.needles.iter().copied())
    }
}

fn moment(timestamp: Timestamp) -> Result<Moment, BoxDynError> {
    Moment::exactly(timestamp).ok_or_else(|| "a moment after the year 294276".into())
}

/// Three columns.
fn checksum(fields: &mut Fields<'_>, checksum: Option<&Checksum>) -> Result<(), BoxDynError> {
    let parts = match checksum.map(|checksum| checksum.kind) {
        Some(ChecksumKind::Composite { parts }) => Some(i32::from(parts)),
        _ => None,
    };
    fields.put_or_null(checksum.map(|checksum| checksum.algorithm.as_str()))?;
    fields.put_or_null(checksum.map(|checksum| checksum.value.as_slice()))?;
    fields.put_or_null(parts)
}

/// Eleven columns: of the sole needle, or of chunks and parts.
fn write_parts(fields: &mut Fields<'_>, object: &Object) -> Result<(), BoxDynError> {
    let sole = chunks::sole_needle(object);
    fields.put_or_null(sole.map(|needle| i64::from(needle.volume.0)))?;
    fields.put_or_null(sole.map(|needle| needle.key.0.cast_signed()))?;
    fields.put_or_null(sole.map(|needle| i64::from(needle.cookie.0)))?;
    if sole.is_some() {
        return write_no_arrays(fields);
    }
    write_chunks(fields, object.parts.iter().flat_map(|part| &part.chunks))?;
    let mut counts = Vec::with_capacity(object.parts.len());
    let mut sizes = Vec::with_capacity(object.parts.len());
    for part in &object.parts {
        counts.push(i32::try_from(part.chunks.len())?);
        sizes.push(i64::try_from(part.size_bytes)?);
    }
    let parts = object.parts.iter();
    fields.put(Array(parts.clone().map(|part| part.number.map(|number| i32::from(number.get())))))?;
    fields.put(Array(sizes.iter().copied().map(Some)))?;
    fields.put(Array(parts.map(|part| Some(part.checksum.as_slice()))))?;
    fields.put(Array(counts.iter().copied().map(Some)))
}

fn write_no_arrays(fields: &mut Fields<'_>) -> Result<(), BoxDynError> {
    type Of<E> = Array<std::option::IntoIter<Option<E>>>;
    for _ in 0..4 {
        fields.put_or_null::<Of<i64>>(None)?;
    }
    fields.put_or_null::<Of<i32>>(None)?;
    fields.put_or_null::<Of<i64>>(None)?;
    fields.put_or_null::<Of<&[u8]>>(None)?;
    fields.put_or_null::<Of<i32>>(None)
}

/// Four columns.
fn write_chunks<'c>(
    fields: &mut Fields<'_>,
    chunks: impl Iterator<Item = &'c Chunk> + Clone,
) -> Result<(), BoxDynError> {
    write_needles(fields, chunks.clone().map(|chunk| chunk.needle))?;
    fields.put(Array(chunks.map(|chunk| Some(i64::from(chunk.size_bytes)))))
}

/// Three columns.
fn write_needles(
    fields: &mut Fields<'_>,
    needles: impl Iterator<Item = FileId> + Clone,
) -> Result<(), BoxDynError> {
    fields.put(Array(needles.clone().map(|needle| Some(i64::from(needle.volume.0)))))?;
    fields.put(Array(needles.clone().map(|needle| Some(needle.key.0.cast_signed()))))?;
    fields.put(Array(needles.map(|needle| Some(i64::from(needle.cookie.0)))))
}
