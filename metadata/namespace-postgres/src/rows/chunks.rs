use namespace::{Chunk, Object, Part, PartNumber, StoreError};
use types::{Cookie, FileId, NeedleKey, VolumeId};

use super::{Columns, read::corrupt};

/// The needle of an object that is one part of one chunk by a plain PUT: most objects by far. Its columns are plain
/// numbers, and the arrays are null.
pub(super) fn sole_needle(object: &Object) -> Option<FileId> {
    let [Part { number: None, size_bytes, checksum, chunks }] = &object.parts[..] else { return None };
    let [chunk] = chunks[..] else { return None };
    let plain = *size_bytes == object.size_bytes
        && u64::from(chunk.size_bytes) == object.size_bytes
        && checksum.is_empty();
    plain.then_some(chunk.needle)
}

/// Columns `volume` to `part_chunks`: the reverse of [`sole_needle`] and of the arrays.
pub(super) fn parts(columns: &mut Columns<'_>, size_bytes: u64) -> Result<Vec<Part>, StoreError> {
    let (volume, needle, cookie): (Option<i64>, Option<i64>, Option<i64>) =
        (columns.next()?, columns.next()?, columns.next()?);
    if let (Some(volume), Some(needle), Some(cookie)) = (volume, needle, cookie) {
        columns.skip(8);
        let size_bytes_32 = u32::try_from(size_bytes).map_err(|_| corrupt("size of a needle", size_bytes))?;
        let chunk = Chunk { needle: file_id(volume, needle, cookie)?, size_bytes: size_bytes_32 };
        return Ok(vec![Part { number: None, size_bytes, checksum: Vec::new(), chunks: vec![chunk] }]);
    }
    let chunks = chunks(columns)?;
    let numbers: Vec<Option<i32>> = columns.next()?;
    let sizes: Vec<i64> = columns.next()?;
    let checksums: Vec<Vec<u8>> = columns.next()?;
    let counts: Vec<i32> = columns.next()?;
    let lengths = [sizes.len(), checksums.len(), counts.len()];
    let in_parts: i64 = counts.iter().map(|count| i64::from(*count)).sum();
    if lengths != [numbers.len(); 3] || usize::try_from(in_parts) != Ok(chunks.len()) {
        let found = format!("{} and {lengths:?} parts, {in_parts} of {} chunks", numbers.len(), chunks.len());
        return Err(corrupt("part columns", found));
    }
    let mut chunks = chunks.into_iter();
    let mut parts = Vec::with_capacity(numbers.len());
    for (((number, size), checksum), count) in numbers.into_iter().zip(sizes).zip(checksums).zip(counts) {
        let count = usize::try_from(count).map_err(|_| corrupt("number of chunks", count))?;
        let number = number.map(part_number).transpose()?;
        let chunks = chunks.by_ref().take(count).collect();
        parts.push(Part { number, size_bytes: unsigned(size)?, checksum, chunks });
    }
    Ok(parts)
}

/// The four columns of chunks.
pub(super) fn chunks(columns: &mut Columns<'_>) -> Result<Vec<Chunk>, StoreError> {
    let volumes: Vec<i64> = columns.next()?;
    let needles: Vec<i64> = columns.next()?;
    let cookies: Vec<i64> = columns.next()?;
    let sizes: Vec<i64> = columns.next()?;
    let needles = file_ids(&volumes, &needles, &cookies)?;
    if sizes.len() != needles.len() {
        return Err(corrupt(
            "lengths of the chunk columns",
            format!("{} and {}", needles.len(), sizes.len()),
        ));
    }
    let chunk = |(needle, size): (FileId, i64)| {
        let size_bytes = u32::try_from(size).map_err(|_| corrupt("size of a chunk", size))?;
        Ok(Chunk { needle, size_bytes })
    };
    needles.into_iter().zip(sizes).map(chunk).collect()
}

pub(super) fn file_ids(volumes: &[i64], needles: &[i64], cookies: &[i64]) -> Result<Vec<FileId>, StoreError> {
    if needles.len() != volumes.len() || cookies.len() != volumes.len() {
        let lengths = [volumes.len(), needles.len(), cookies.len()];
        return Err(corrupt("lengths of the needle columns", format!("{lengths:?}")));
    }
    let columns = volumes.iter().zip(needles).zip(cookies);
    columns.map(|((volume, needle), cookie)| file_id(*volume, *needle, *cookie)).collect()
}

/// A needle's key is an unsigned number in a signed column.
fn file_id(volume: i64, needle: i64, cookie: i64) -> Result<FileId, StoreError> {
    Ok(FileId {
        volume: VolumeId(u32::try_from(volume).map_err(|_| corrupt("volume", volume))?),
        key: NeedleKey(needle.cast_unsigned()),
        cookie: Cookie(u32::try_from(cookie).map_err(|_| corrupt("cookie", cookie))?),
    })
}

pub(super) fn part_number(number: i32) -> Result<PartNumber, StoreError> {
    let valid = u16::try_from(number).ok().and_then(PartNumber::new);
    valid.ok_or_else(|| corrupt("part number", number))
}

pub(super) fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| corrupt("size", number))
}
