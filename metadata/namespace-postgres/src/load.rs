//! `Store::load`: any rows by key, of one moment, in one round trip.

use namespace::{
    BucketName, Loaded, ObjectKey, PartNumber, Row, RowKey, RowVersion, Snapshot, StoreError, UploadId,
};
use sqlx::{
    Arguments,
    error::BoxDynError,
    postgres::{PgArguments, PgRow},
};

use crate::rows::{
    self, BUCKET_WIDTH, Columns, OBJECT_WIDTH, UPLOAD_WIDTH, bucket_columns, object_columns, part_columns,
    upload_columns,
};

/// The way of a GET.
pub(crate) const ONE_OBJECT: &str = concat!(
    "SELECT 1::bigint, ",
    object_columns!(),
    " FROM holdfast.objects AS o WHERE o.bucket = $1 AND o.key = $2"
);

/// The way of many GETs.
pub(crate) const OBJECTS: &str = concat!(
    "SELECT k.place, ",
    object_columns!(),
    " FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS k(bucket, key, place) \
     JOIN holdfast.objects AS o ON o.bucket = k.bucket AND o.key = k.key"
);

/// The way of a PUT or a DELETE: objects and buckets, with the first columns of [`ANY_ROWS`] and its first arguments.
const OBJECTS_AND_BUCKETS: &str = concat!(
    "SELECT k.place, false, ",
    object_columns!(),
    ", ",
    bucket_columns!(),
    " FROM unnest($1::text[], $2::bytea[], $3::text[]) WITH ORDINALITY AS k(object_bucket, object_key, bucket, place) \
     LEFT JOIN holdfast.objects AS o ON o.bucket = k.object_bucket AND o.key = k.object_key \
     LEFT JOIN holdfast.buckets AS b ON b.name = k.bucket"
);

/// One line of `k` a key; the columns that are not of its kind are null and match nothing.
const ANY_ROWS: &str = concat!(
    "SELECT k.place, k.occupied IS NOT NULL AND (\
       EXISTS (SELECT FROM holdfast.objects AS x WHERE x.bucket = k.occupied) \
       OR EXISTS (SELECT FROM holdfast.uploads AS x WHERE x.bucket = k.occupied)), ",
    object_columns!(),
    ", ",
    bucket_columns!(),
    ", ",
    upload_columns!(),
    ", ",
    part_columns!(),
    " FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::bytea[], $6::bytea[], $7::integer[], \
       $8::integer[]) WITH ORDINALITY \
       AS k(object_bucket, object_key, bucket, occupied, upload, part_of, part_from, part_to, place) \
     LEFT JOIN holdfast.objects AS o ON o.bucket = k.object_bucket AND o.key = k.object_key \
     LEFT JOIN holdfast.buckets AS b ON b.name = k.bucket \
     LEFT JOIN holdfast.uploads AS u ON u.id = k.upload \
     LEFT JOIN holdfast.parts AS p ON p.upload_id = k.part_of AND p.number BETWEEN k.part_from AND k.part_to"
);

const PLACE_AT: usize = 0;
const OCCUPIED_AT: usize = 1;
const OBJECT_AT: usize = 2;
const BUCKET_AT: usize = OBJECT_AT + OBJECT_WIDTH;
const UPLOAD_AT: usize = BUCKET_AT + BUCKET_WIDTH;
const PART_AT: usize = UPLOAD_AT + UPLOAD_WIDTH;

/// Of rows that others guard.
const UNGUARDED: RowVersion = RowVersion(0);

/// Of one object.
pub(crate) type ObjectName = (BucketName, ObjectKey);

/// The statement that loads these keys.
pub(crate) fn statement(keys: &[RowKey]) -> &'static str {
    if are_plain(keys) { OBJECTS_AND_BUCKETS } else { ANY_ROWS }
}

/// Its arguments.
pub(crate) fn arguments(keys: &[RowKey]) -> Result<PgArguments, BoxDynError> {
    let mut lines = Lines::default();
    keys.iter().for_each(|key| lines.push(key));
    lines.into_arguments(are_plain(keys))
}

fn are_plain(keys: &[RowKey]) -> bool {
    keys.iter().all(|key| matches!(key, RowKey::Object(..) | RowKey::Bucket(_)))
}

/// Of [`ONE_OBJECT`], or of [`OBJECTS`].
pub(crate) fn object_arguments(names: &[&ObjectName]) -> Result<PgArguments, BoxDynError> {
    let mut arguments = PgArguments::default();
    if let [(bucket, key)] = names {
        arguments.add(bucket.as_str())?;
        arguments.add(key.as_str().as_bytes())?;
    } else {
        arguments.add(names.iter().map(|(bucket, _)| bucket.as_str()).collect::<Vec<_>>())?;
        arguments.add(names.iter().map(|(_, key)| key.as_str().as_bytes()).collect::<Vec<_>>())?;
    }
    Ok(arguments)
}

/// What [`statement`] found, in the order of the keys.
pub(crate) fn loaded(keys: &[RowKey], found: &[PgRow]) -> Result<Loaded, StoreError> {
    let mut rows: Vec<_> = keys.iter().map(absent).collect();
    for row in found {
        let place = place(row, keys.len())?;
        match &keys[place] {
            RowKey::Parts(_) => push_part(&mut rows[place], row)?,
            key => rows[place] = row_of(key, row)?,
        }
    }
    Ok(Loaded { rows, snapshot: Snapshot::default() })
}

/// What [`ONE_OBJECT`] or [`OBJECTS`] found, in the order of the names. A row that cannot be read is that one's error.
pub(crate) fn objects(count: usize, found: &[PgRow]) -> Result<Vec<Result<Found, StoreError>>, StoreError> {
    let mut objects: Vec<_> = (0..count).map(|_| Ok(None)).collect();
    for row in found {
        objects[place(row, count)?] = object_row(&mut Columns::from(row, 1));
    }
    Ok(objects)
}

/// The index of the key that a row answers; the server counts from 1.
fn place(row: &PgRow, count: usize) -> Result<usize, StoreError> {
    let place: i64 = Columns::from(row, PLACE_AT).next()?;
    let index = usize::try_from(place).ok().and_then(|place| place.checked_sub(1));
    let unasked = || StoreError::Corrupt(format!("an answer to key {place} of {count}"));
    index.filter(|index| *index < count).ok_or_else(unasked)
}

/// A row, if there is one, and its version.
pub(crate) type Found = Option<(Row, RowVersion)>;

/// Parts of an unknown upload are none, and yet a row.
fn absent(key: &RowKey) -> Found {
    matches!(key, RowKey::Parts(_)).then(|| (Row::Parts(Vec::new()), UNGUARDED))
}

fn object_row(columns: &mut Columns<'_>) -> Result<Found, StoreError> {
    Ok(rows::object(columns)?.map(|(object, version)| (Row::Object(object), version)))
}

fn row_of(key: &RowKey, row: &PgRow) -> Result<Found, StoreError> {
    Ok(match key {
        RowKey::Object(..) => object_row(&mut Columns::from(row, OBJECT_AT))?,
        RowKey::Bucket(_) => rows::bucket(&mut Columns::from(row, BUCKET_AT))?
            .map(|(bucket, version)| (Row::Bucket(bucket), version)),
        RowKey::Upload(_) => rows::upload(&mut Columns::from(row, UPLOAD_AT))?
            .map(|(upload, version)| (Row::Upload(upload), version)),
        RowKey::Part(..) | RowKey::Parts(_) => {
            rows::part(&mut Columns::from(row, PART_AT))?.map(|part| (Row::Part(part), UNGUARDED))
        }
        RowKey::Occupancy(_) => {
            let occupied: bool = Columns::from(row, OCCUPIED_AT).next()?;
            occupied.then_some((Row::Occupied, UNGUARDED))
        }
    })
}

/// The index of parts gives them by number.
fn push_part(held: &mut Found, row: &PgRow) -> Result<(), StoreError> {
    if let (Some((Row::Parts(parts), _)), Some(part)) = (held, rows::part(&mut Columns::from(row, PART_AT))?)
    {
        let place = parts.partition_point(|other| other.number < part.number);
        parts.insert(place, part);
    }
    Ok(())
}

/// The columns of `k`.
#[derive(Default)]
struct Lines<'k> {
    object_buckets: Vec<Option<&'k str>>,
    object_keys: Vec<Option<&'k [u8]>>,
    buckets: Vec<Option<&'k str>>,
    occupied: Vec<Option<&'k str>>,
    uploads: Vec<Option<&'k [u8]>>,
    parts_of: Vec<Option<&'k [u8]>>,
    parts_from: Vec<Option<i32>>,
    parts_to: Vec<Option<i32>>,
}

impl<'k> Lines<'k> {
    fn push(&mut self, key: &'k RowKey) {
        let (object_bucket, object_key) = match key {
            RowKey::Object(bucket, key) => (Some(bucket.as_str()), Some(key.as_str().as_bytes())),
            _ => (None, None),
        };
        let part = |number: &PartNumber| i32::from(number.get());
        let (part_of, numbers) = match key {
            RowKey::Part(upload, number) => (Some(upload), Some((part(number), part(number)))),
            RowKey::Parts(upload) => (Some(upload), Some((1, i32::from(PartNumber::MAX)))),
            _ => (None, None),
        };
        let bytes = |UploadId(id): &'k UploadId| id.as_slice();
        self.object_buckets.push(object_bucket);
        self.object_keys.push(object_key);
        self.buckets.push(if let RowKey::Bucket(name) = key { Some(name.as_str()) } else { None });
        self.occupied.push(if let RowKey::Occupancy(name) = key { Some(name.as_str()) } else { None });
        self.uploads.push(if let RowKey::Upload(id) = key { Some(bytes(id)) } else { None });
        self.parts_of.push(part_of.map(bytes));
        self.parts_from.push(numbers.map(|(first, _)| first));
        self.parts_to.push(numbers.map(|(_, last)| last));
    }

    fn into_arguments(self, plain: bool) -> Result<PgArguments, BoxDynError> {
        let mut arguments = PgArguments::default();
        arguments.add(self.object_buckets)?;
        arguments.add(self.object_keys)?;
        arguments.add(self.buckets)?;
        if plain {
            return Ok(arguments);
        }
        arguments.add(self.occupied)?;
        arguments.add(self.uploads)?;
        arguments.add(self.parts_of)?;
        arguments.add(self.parts_from)?;
        arguments.add(self.parts_to)?;
        Ok(arguments)
    }
}
