//! Rows by key, all of one moment.

use fjall::{Readable, Slice};
use namespace::{Loaded, Row, RowKey, RowVersion, StoreError, StoredPart, UploadId};

use crate::{
    commit::is_occupied,
    keys, rows,
    spaces::{Space, Spaces, read_error},
    store::Inner,
};

/// `Occupied`, `Part` and `Parts` rows are guarded by others.
const UNGUARDED: RowVersion = RowVersion(0);

pub(crate) fn load(inner: &Inner, keys: &[RowKey]) -> Result<Loaded, StoreError> {
    let moment = inner.writer.moment();
    // One row that lies in one space is of one moment by itself.
    if let [RowKey::Object(bucket, key)] = keys
        && let Some(found) = small_object(&inner.spaces, &keys::object(bucket, key))?
    {
        return Ok(Loaded { rows: vec![found], snapshot: moment });
    }
    let reader = Reader { spaces: &inner.spaces, snapshot: inner.db.snapshot() };
    let rows = keys.iter().map(|key| reader.row(key)).collect::<Result<_, _>>()?;
    Ok(Loaded { rows, snapshot: moment })
}

/// An object that has no detail apart, or that is absent; `None`: it has one.
#[expect(clippy::option_option, reason = "not found out, found absent, found")]
fn small_object(spaces: &Spaces, key: &[u8]) -> Result<Option<Option<(Row, RowVersion)>>, StoreError> {
    let Some(row) = spaces.get(Space::Objects).get(key).map_err(read_error)? else { return Ok(Some(None)) };
    if rows::has_detail_apart(&row)? {
        return Ok(None);
    }
    let (object, version) = rows::decode_object(&row, || Ok(None::<Slice>))?;
    Ok(Some(Some((Row::Object(object), version))))
}

struct Reader<'s> {
    spaces: &'s Spaces,
    snapshot: fjall::Snapshot,
}

impl Reader<'_> {
    fn row(&self, key: &RowKey) -> Result<Option<(Row, RowVersion)>, StoreError> {
        match key {
            RowKey::Bucket(name) => {
                let row = self.get(Space::Buckets, name.as_str().as_bytes())?;
                let found = row.map(|row| rows::decode_bucket(&row)).transpose()?;
                Ok(found.map(|(bucket, version)| (Row::Bucket(bucket), version)))
            }
            RowKey::Occupancy(name) => {
                Ok(is_occupied(self.spaces, name)?.then_some((Row::Occupied, UNGUARDED)))
            }
            RowKey::Object(bucket, key) => self.object(&keys::object(bucket, key)),
            RowKey::Upload(id) => {
                let row = self.get(Space::Uploads, &id.0)?;
                let found = row.map(|row| rows::decode_upload(&row)).transpose()?;
                Ok(found.map(|(upload, version)| (Row::Upload(upload), version)))
            }
            RowKey::Part(id, number) => {
                let row = self.get(Space::Parts, &keys::part(id, *number))?;
                let found = row.map(|row| rows::decode_part(&row)).transpose()?;
                Ok(found.map(|(part, _)| (Row::Part(part), UNGUARDED)))
            }
            RowKey::Parts(id) => Ok(Some((Row::Parts(self.parts(id)?), UNGUARDED))),
        }
    }

    fn object(&self, key: &[u8]) -> Result<Option<(Row, RowVersion)>, StoreError> {
        let Some(row) = self.get(Space::Objects, key)? else { return Ok(None) };
        let (object, version) = rows::decode_object(&row, || self.get(Space::Details, key))?;
        Ok(Some((Row::Object(object), version)))
    }

    fn parts(&self, id: &UploadId) -> Result<Vec<StoredPart>, StoreError> {
        let rows = self.snapshot.prefix(self.spaces.get(Space::Parts), id.0);
        rows.map(|row| Ok(rows::decode_part(&row.value().map_err(read_error)?)?.0)).collect()
    }

    fn get(&self, space: Space, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        self.snapshot.get(self.spaces.get(space), key).map_err(read_error)
    }
}
