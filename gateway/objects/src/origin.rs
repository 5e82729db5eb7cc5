use bytes::Bytes;
use namespace::{BucketName, ObjectKey, PartNumber, UploadId};
use serde_json::Value;

/// What a body is for: written into each of its needles, so that names can be rebuilt from volumes.
///
/// The pairs are headers that SeaweedFS shows: `Seaweed-Bucket` and `Seaweed-Key`; `Seaweed-Upload` and
/// `Seaweed-Part` in an upload; `Seaweed-Offset` of the needle in the body where it is not 0. A body of several
/// needles also has `Seaweed-Write`, a random number that is the same in all of them, and `Seaweed-Last` in the
/// last. Keys are percent-free UTF-8 as they came: JSON holds them all.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) bucket: BucketName,
    pub(crate) key: ObjectKey,
    pub(crate) upload: Option<(UploadId, PartNumber)>,
    pub(crate) content_type: Option<String>,
}

/// Where a needle stands in its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) last: bool,
    /// `None`: the only needle of its body.
    pub(crate) write: Option<u64>,
}

impl Place {
    /// Of the only needle of a body.
    pub(crate) const WHOLE: Self = Self { offset: 0, last: true, write: None };
}

/// SeaweedFS cuts at this; a cut key would be a wrong name.
const MAX_NAME_BYTES: usize = 255;

impl Origin {
    /// The needle's pairs: a JSON object of texts.
    pub(crate) fn pairs(&self, place: Place) -> Bytes {
        let mut json = String::with_capacity(96 + self.key.as_str().len());
        json.push_str(r#"{"Seaweed-Bucket":""#); // a bucket's name needs no escapes
        json.push_str(self.bucket.as_str());
        json.push_str(r#"","Seaweed-Key":"#);
        push_text(&mut json, self.key.as_str());
        if let Some((upload, part)) = &self.upload {
            json.push_str(&format!(r#","Seaweed-Upload":"{upload}","Seaweed-Part":"{}""#, part.get()));
        }
        if place.offset > 0 {
            json.push_str(&format!(r#","Seaweed-Offset":"{}""#, place.offset));
        }
        if let Some(write) = place.write {
            json.push_str(&format!(r#","Seaweed-Write":"{write:016x}""#));
            if place.last {
                json.push_str(r#","Seaweed-Last":"true""#);
            }
        }
        json.push('}');
        Bytes::from(json)
    }

    /// The name to download under, of the only needle of an object; empty otherwise.
    pub(crate) fn name(&self, place: Place) -> String {
        let name = self.key.as_str().rsplit('/').next().unwrap_or_default();
        if self.is_whole_object(place) && name.len() <= MAX_NAME_BYTES {
            name.to_owned()
        } else {
            String::new()
        }
    }

    /// The content type of the only needle of an object; empty otherwise.
    pub(crate) fn mime(&self, place: Place) -> String {
        match &self.content_type {
            Some(mime) if self.is_whole_object(place) && mime.len() <= MAX_NAME_BYTES => mime.clone(),
            _ => String::new(),
        }
    }

    fn is_whole_object(&self, place: Place) -> bool {
        place.write.is_none() && self.upload.is_none()
    }
}

fn push_text(json: &mut String, text: &str) {
    if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(key: &str) -> Origin {
        Origin {
            bucket: "photos".parse().expect("a bucket name"),
            key: key.parse().expect("a key"),
            upload: None,
            content_type: Some("image/jpeg".into()),
        }
    }

    #[test]
    fn a_whole_object() {
        let origin = origin("2024/cat.jpg");
        assert_eq!(origin.pairs(Place::WHOLE), r#"{"Seaweed-Bucket":"photos","Seaweed-Key":"2024/cat.jpg"}"#);
        assert_eq!(origin.name(Place::WHOLE), "cat.jpg");
        assert_eq!(origin.mime(Place::WHOLE), "image/jpeg");
    }

    #[test]
    fn the_last_needle_of_a_part() {
        let upload = Some((UploadId([7; 16]), PartNumber::new(3).expect("a part number")));
        let origin = Origin { upload, ..origin("cat.jpg") };
        let place = Place { offset: 8, last: true, write: Some(0xabc) };
        assert_eq!(
            origin.pairs(place),
            concat!(
                r#"{"Seaweed-Bucket":"photos","Seaweed-Key":"cat.jpg","#,
                r#""Seaweed-Upload":"07070707070707070707070707070707","Seaweed-Part":"3","#,
                r#""Seaweed-Offset":"8","Seaweed-Write":"0000000000000abc","Seaweed-Last":"true"}"#
            )
        );
        assert_eq!(origin.name(place), "");
    }

    proptest! {
        #[test]
        fn every_key_survives(key in "\\PC{1,40}|[\\x00-\\x7f]{1,40}") {
            let pairs: Value = serde_json::from_slice(&origin(&key).pairs(Place::WHOLE))?;
            prop_assert_eq!(pairs["Seaweed-Key"].as_str(), Some(key.as_str()));
        }
    }
}
