use std::fmt;

use namespace::{ContentHeaders, StoreError};
use serde::{
    Deserializer, Serializer,
    de::{MapAccess, Visitor},
};

use super::{Columns, read::corrupt};
use crate::wire::{Fields, Json};

/// Seven columns, in the order of the struct.
pub(super) fn read(columns: &mut Columns<'_>) -> Result<ContentHeaders, StoreError> {
    Ok(ContentHeaders {
        content_type: columns.next()?,
        content_encoding: columns.next()?,
        content_disposition: columns.next()?,
        content_language: columns.next()?,
        cache_control: columns.next()?,
        expires: columns.next()?,
        website_redirect_location: columns.next()?,
    })
}

pub(super) fn write(
    fields: &mut Fields<'_>,
    headers: &ContentHeaders,
) -> Result<(), sqlx::error::BoxDynError> {
    let ContentHeaders {
        content_type,
        content_encoding,
        content_disposition,
        content_language,
        cache_control,
        expires,
        website_redirect_location,
    } = headers;
    fields.put_or_null(content_type.as_deref())?;
    fields.put_or_null(content_encoding.as_deref())?;
    fields.put_or_null(content_disposition.as_deref())?;
    fields.put_or_null(content_language.as_deref())?;
    fields.put_or_null(cache_control.as_deref())?;
    fields.put_or_null(expires.as_deref())?;
    fields.put_or_null(website_redirect_location.as_deref())
}

/// One column: an object of JSON in the order given, names repeated where they were. Null: none.
pub(super) fn read_metadata(columns: &mut Columns<'_>) -> Result<Vec<(String, String)>, StoreError> {
    let text: Option<String> = columns.next()?;
    text.map_or_else(|| Ok(Vec::new()), |text| parse_metadata(&text))
}

fn parse_metadata(text: &str) -> Result<Vec<(String, String)>, StoreError> {
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Pairs).map_err(|error| corrupt("metadata", error))
}

pub(super) fn metadata_json(metadata: &[(String, String)]) -> Result<Option<Json>, serde_json::Error> {
    if metadata.is_empty() {
        return Ok(None);
    }
    let mut json = Vec::with_capacity(64);
    serde_json::Serializer::new(&mut json).collect_map(metadata.iter().map(|(name, value)| (name, value)))?;
    Ok(Some(Json(String::from_utf8_lossy(&json).into_owned())))
}

/// Keeps order and repetition, which a map would lose.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, String)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::with_capacity(map.size_hint().unwrap_or_default());
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn metadata_round_trips(metadata in prop::collection::vec(("[a-c]{0,2}", any::<String>()), 0..6)) {
            let json = metadata_json(&metadata).expect("text is JSON");
            let read = json.map_or(Vec::new(), |json| parse_metadata(&json.0).expect("it was just written"));
            prop_assert_eq!(read, metadata);
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse_metadata(&text);
        }
    }
}
