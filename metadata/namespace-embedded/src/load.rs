//! Rows by key, all of one moment.

use fjall::Slice;
use namespace::{Loaded, Row, RowKey, RowVersion, Snapshot, StoreError, StoredPart, UploadId};

use crate::{
    keys, list, rows,
    spaces::{Space, Spaces, read_error},
    walk::View,
};

/// `Occupied`, `Part` and `Parts` rows are guarded by others.
const UNGUARDED: RowVersion = RowVersion(0);

/// Whether a load may have to walk over many rows.
pub(crate) fn is_long(keys: &[RowKey]) -> bool {
    keys.iter().any(|key| matches!(key, RowKey::Occupancy(_)))
}

/// A load of one row that lies in one space, which is of one moment by itself; `None`: it is not such a load.
pub(crate) fn load_single(
    spaces: &Spaces,
    keys: &[RowKey],
    moment: u64,
) -> Result<Option<Loaded>, StoreError> {
    let [RowKey::Object(bucket, key)] = keys else { return Ok(None) };
    let found = match spaces.get(Space::Objects).get(keys::object(bucket, key)).map_err(read_error)? {
        Some(row) if rows::has_detail_apart(&row)? => return Ok(None),
        Some(row) => {
            let (object, version) = rows::decode_object(&row, || Ok(None::<Slice>))?;
            Some((Row::Object(object), version))
        }
        None => None,
    };
    Ok(Some(Loaded { rows: vec![found], snapshot: Snapshot(Some(moment)) }))
}

pub(crate) fn load(view: &View<'_>, keys: &[RowKey]) -> Result<Loaded, StoreError> {
    let rows = keys.iter().map(|key| row(view, key)).collect::<Result<_, _>>()?;
    Ok(Loaded { rows, snapshot: Snapshot(Some(view.moment())) })
}

fn row(view: &View<'_>, key: &RowKey) -> Result<Option<(Row, RowVersion)>, StoreError> {
    match key {
        RowKey::Bucket(name) => {
            let row = view.get(Space::Buckets, name.as_str().as_bytes())?;
            let found = row.map(|row| rows::decode_bucket(&row)).transpose()?;
            Ok(found.map(|(bucket, version)| (Row::Bucket(bucket), version)))
        }
        RowKey::Occupancy(name) => Ok(list::is_occupied(view, name)?.then_some((Row::Occupied, UNGUARDED))),
        RowKey::Object(bucket, key) => object(view, &keys::object(bucket, key)),
        RowKey::Upload(id) => {
            let row = view.get(Space::Uploads, &id.0)?;
            let found = row.map(|row| rows::decode_upload(&row)).transpose()?;
            Ok(found.map(|(upload, version)| (Row::Upload(upload), version)))
        }
        RowKey::Part(id, number) => {
            let row = view.get(Space::Parts, &keys::part(id, *number))?;
            let found = row.map(|row| rows::decode_part(&row)).transpose()?;
            Ok(found.map(|(part, _)| (Row::Part(part), UNGUARDED)))
        }
        RowKey::Parts(id) => Ok(Some((Row::Parts(parts(view, id)?), UNGUARDED))),
    }
}

fn object(view: &View<'_>, key: &[u8]) -> Result<Option<(Row, RowVersion)>, StoreError> {
    let Some(row) = view.get(Space::Objects, key)? else { return Ok(None) };
    let (object, version) = rows::decode_object(&row, || view.get(Space::Details, key))?;
    Ok(Some((Row::Object(object), version)))
}

fn parts(view: &View<'_>, id: &UploadId) -> Result<Vec<StoredPart>, StoreError> {
    let rows = view.range(Space::Parts, id.0.to_vec(), keys::end_of_parts(id));
    rows.map(|row| Ok(rows::decode_part(&row.value().map_err(read_error)?)?.0)).collect()
}
