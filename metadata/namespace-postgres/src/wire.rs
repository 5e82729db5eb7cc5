//! PostgreSQL's binary forms that the driver does not bring: arrays of composite types, timestamps.
//!
//! A batch of rows travels as one array of a composite type, so that rows with arrays in them stay rows and the server
//! takes each apart once. Source of the forms: PostgreSQL `record_send`, `array_send`, `timestamptz_send`.

use sqlx::{
    Decode, Encode, PgConnection, Postgres, Row, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef, types::Oid},
};
use types::Timestamp;

/// One composite type of the schema and the array of it. Their numbers differ from database to database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowType {
    row: Oid,
    array: Oid,
}

/// The composite types that `holdfast.apply` takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowTypes {
    pub(crate) bucket: RowType,
    pub(crate) object: RowType,
    pub(crate) upload: RowType,
    pub(crate) part: RowType,
    pub(crate) freed: RowType,
}

impl RowTypes {
    pub(crate) async fn look_up(connection: &mut PgConnection) -> Result<Self, sqlx::Error> {
        Ok(Self {
            bucket: RowType::look_up(connection, "holdfast.bucket_row").await?,
            object: RowType::look_up(connection, "holdfast.object_row").await?,
            upload: RowType::look_up(connection, "holdfast.upload_row").await?,
            part: RowType::look_up(connection, "holdfast.part_row").await?,
            freed: RowType::look_up(connection, "holdfast.freed_row").await?,
        })
    }
}

impl RowType {
    async fn look_up(connection: &mut PgConnection, name: &str) -> Result<Self, sqlx::Error> {
        let sql = "SELECT oid, typarray FROM pg_type WHERE oid = to_regtype($1)";
        let row = sqlx::query(sql).bind(name).fetch_one(connection).await?;
        Ok(Self { row: row.try_get(0)?, array: row.try_get(1)? })
    }
}

/// A row that can be sent: writes its fields in the order of its composite type.
pub(crate) trait Record {
    /// How many fields it writes.
    const FIELDS: i32;
    /// Fails where a value is beyond what the column can hold.
    fn write(&self, fields: &mut Fields<'_>) -> Result<(), BoxDynError>;
}

/// The fields of one composite value.
pub(crate) struct Fields<'b> {
    buffer: &'b mut Vec<u8>,
}

/// A value that a field can hold.
pub(crate) trait Field {
    const TYPE: u32;
    fn write(self, buffer: &mut Vec<u8>) -> Result<(), BoxDynError>;
}

impl Fields<'_> {
    pub(crate) fn put<F: Field>(&mut self, value: F) -> Result<(), BoxDynError> {
        self.buffer.extend_from_slice(&F::TYPE.to_be_bytes());
        sized(self.buffer, |buffer| value.write(buffer))
    }

    pub(crate) fn put_or_null<F: Field>(&mut self, value: Option<F>) -> Result<(), BoxDynError> {
        match value {
            Some(value) => self.put(value),
            None => {
                self.buffer.extend_from_slice(&F::TYPE.to_be_bytes());
                self.buffer.extend_from_slice(&NULL);
                Ok(())
            }
        }
    }
}

const NULL: [u8; 4] = (-1i32).to_be_bytes();

/// Writes the length of what `write` writes, and that.
fn sized(
    buffer: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), BoxDynError>,
) -> Result<(), BoxDynError> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; 4]);
    write(buffer)?;
    let size = i32::try_from(buffer.len() - start - 4)?;
    buffer[start..start + 4].copy_from_slice(&size.to_be_bytes());
    Ok(())
}

impl Field for &str {
    const TYPE: u32 = 25;
    fn write(self, buffer: &mut Vec<u8>) -> Result<(), BoxDynError> {
        buffer.extend_from_slice(self.as_bytes());
        Ok(())
    }
}

impl Field for &[u8] {
    const TYPE: u32 = 17;
    fn write(self, buffer: &mut Vec<u8>) -> Result<(), BoxDynError> {
        buffer.extend_from_slice(self);
        Ok(())
    }
}

impl Field for i64 {
    const TYPE: u32 = 20;
    fn write(self, buffer: &mut Vec<u8>) -> Result<(), BoxDynError> {
        buffer.extend_from_slice(&self.to_be_bytes());
        Ok(())
    }
}

impl Field for i32 {
    const TYPE: u32 = 23;
    fn write(self, buffer: &mut Vec<u8>) -> Result<(), BoxDynError> {
        buffer.extend_from_slice(&self.to_be_bytes());
        Ok(())
    }
}

impl Field for bool {
    const TYPE: u32 = 16;
    fn write(self, buffer: &mut Vec<u8>) -> Result<(), BoxDynError> {
        buffer.push(u8::from(self));
        Ok(())
    }
}

/// Text of JSON.
pub(crate) struct Json(pub(crate) String);

impl Field for Json {
    const TYPE: u32 = 114;
    fn write(self, buffer: &mut Vec<u8>) -> Result<(), BoxDynError> {
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(())
    }
}

/// An array in a field: the values of an iterator that can be walked again.
pub(crate) struct Array<I>(pub(crate) I);

/// The number of the array type of an element.
pub(crate) trait Element: Field {
    const ARRAY_TYPE: u32;
}

impl Element for i64 {
    const ARRAY_TYPE: u32 = 1016;
}

impl Element for i32 {
    const ARRAY_TYPE: u32 = 1007;
}

impl Element for &[u8] {
    const ARRAY_TYPE: u32 = 1001;
}

impl<I, E> Field for Array<I>
where
    I: Iterator<Item = Option<E>> + Clone,
    E: Element,
{
    const TYPE: u32 = E::ARRAY_TYPE;

    fn write(self, buffer: &mut Vec<u8>) -> Result<(), BoxDynError> {
        let count = i32::try_from(self.0.clone().count())?;
        array_head(buffer, E::TYPE, count);
        for value in self.0 {
            match value {
                Some(value) => sized(buffer, |buffer| value.write(buffer))?,
                None => buffer.extend_from_slice(&NULL),
            }
        }
        Ok(())
    }
}

/// Dimensions (none when empty), the flag "may hold nulls", the element type, the size and the first index.
fn array_head(buffer: &mut Vec<u8>, element: u32, count: i32) {
    buffer.extend_from_slice(&i32::from(count > 0).to_be_bytes());
    buffer.extend_from_slice(&1i32.to_be_bytes());
    buffer.extend_from_slice(&element.to_be_bytes());
    if count > 0 {
        buffer.extend_from_slice(&count.to_be_bytes());
        buffer.extend_from_slice(&1i32.to_be_bytes());
    }
}

/// Rows as one argument: an array of their composite type.
pub(crate) struct Records<'r, R> {
    pub(crate) row_type: RowType,
    pub(crate) rows: &'r [R],
}

impl<R> Type<Postgres> for Records<'_, R> {
    /// Never asked for: [`Encode::produces`] knows the type of this database.
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("record[]")
    }
}

impl<R: Record> Encode<'_, Postgres> for Records<'_, R> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        array_head(buffer, self.row_type.row.0, i32::try_from(self.rows.len())?);
        for row in self.rows {
            sized(buffer, |buffer| {
                buffer.extend_from_slice(&R::FIELDS.to_be_bytes());
                row.write(&mut Fields { buffer })
            })?;
        }
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(PgTypeInfo::with_oid(self.row_type.array))
    }
}

/// A moment as `timestamptz`: microseconds since 2000. Whole milliseconds are kept exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    micros: i64,
}

const MILLIS_TO_2000: i64 = 946_684_800_000;
/// `infinity` to the server: later than every moment.
const INFINITY: i64 = i64::MAX;
/// 294276-12-31, the server's last day.
const LAST: i64 = 9_223_371_331_199_999_999;

impl Moment {
    /// `None` for a moment that the server cannot hold: after the year 294276.
    pub(crate) fn exactly(timestamp: Timestamp) -> Option<Self> {
        let millis = i64::try_from(timestamp.as_millis()).ok()?.checked_sub(MILLIS_TO_2000)?;
        let micros = millis.checked_mul(1000).filter(|micros| *micros <= LAST)?;
        Some(Self { micros })
    }

    /// For comparisons: `infinity` where the server cannot hold it.
    pub(crate) fn or_infinity(timestamp: Timestamp) -> Self {
        Self::exactly(timestamp).unwrap_or(Self { micros: INFINITY })
    }

    /// `None` before 1970 and at infinity.
    pub(crate) fn timestamp(self) -> Option<Timestamp> {
        let millis = self.micros.div_euclid(1000).checked_add(MILLIS_TO_2000)?;
        (self.micros <= LAST).then_some(())?;
        u64::try_from(millis).ok().map(Timestamp::from_millis)
    }
}

impl Field for Moment {
    const TYPE: u32 = 1184;
    fn write(self, buffer: &mut Vec<u8>) -> Result<(), BoxDynError> {
        self.micros.write(buffer)
    }
}

impl Type<Postgres> for Moment {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(<Self as Field>::TYPE))
    }
}

impl PgHasArrayType for Moment {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1185))
    }
}

impl Encode<'_, Postgres> for Moment {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Field::write(*self, buffer)?;
        Ok(IsNull::No)
    }
}

impl Decode<'_, Postgres> for Moment {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let bytes = value.as_bytes()?.try_into()?;
        Ok(Self { micros: i64::from_be_bytes(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn moments_beyond_the_server_are_refused_or_infinite() {
        let last = Timestamp::from_millis(9_224_318_015_999_999);
        assert_eq!(Moment::exactly(last).and_then(Moment::timestamp), Some(last));
        for beyond in [last.as_millis() + 1, u64::MAX] {
            let beyond = Timestamp::from_millis(beyond);
            assert_eq!(Moment::exactly(beyond), None);
            assert_eq!(Moment::or_infinity(beyond).timestamp(), None);
        }
        assert_eq!(Moment { micros: i64::MIN }.timestamp(), None);
    }

    #[test]
    fn an_empty_array_has_no_dimensions() {
        let mut buffer = Vec::new();
        Array(std::iter::empty::<Option<i64>>()).write(&mut buffer).expect("it is short");
        assert_eq!(buffer, [[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 0, 20]].concat());
    }

    proptest! {
        #[test]
        fn moments_round_trip(millis in 0..9_224_318_016_000_000_u64) {
            let timestamp = Timestamp::from_millis(millis);
            prop_assert_eq!(Moment::exactly(timestamp).and_then(Moment::timestamp), Some(timestamp));
        }
    }
}
