use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::LAST_MODIFIED};
use namespace::{Checksum, ChecksumKind, Object};
use s3s::{
    S3ErrorCode, S3Request, S3Response, S3Result,
    dto::{GetObjectAttributesInput, GetObjectAttributesOutput},
    header::{X_AMZ_EXPECTED_BUCKET_OWNER, X_AMZ_OBJECT_ATTRIBUTES},
};

use super::{
    Operations, checksums, errors, headers::Headers, listing, names, refusals, service, times, xml::Xml,
};
use crate::error::s3_error;

/// `x-amz-object-attributes`: which are asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Attributes {
    etag: bool,
    checksum: bool,
    parts: bool,
    storage_class: bool,
    size: bool,
}

/// `x-amz-part-number-marker` and `x-amz-max-parts`
struct PartsPage {
    after: i32,
    limit: usize,
}

/// `GET /{bucket}/{key}?attributes`
pub(super) async fn run(
    operations: &Operations,
    request: S3Request<GetObjectAttributesInput>,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let (request, input) = super::split(request);
    let headers = Headers::of(&request);
    refusals::of_read(&headers)?;
    names::only_null_version(input.version_id.as_deref())?;
    let attributes = Attributes::of(&headers)?;
    let page = PartsPage::of(&input)?;
    let (bucket, key) = (names::bucket(&input.bucket)?, names::key(&input.key)?);
    operations.expect_owner(&bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, &headers).await?;
    let object = operations.objects.lookup(&bucket, &key).await.map_err(errors::lookup)?;
    let mut answer = service::document(render(&object, &attributes, &page));
    answer.headers = last_modified(&object);
    Ok(answer)
}

impl Attributes {
    fn of(headers: &Headers<'_>) -> S3Result<Self> {
        let mut attributes = Self::default();
        for value in headers.all(&X_AMZ_OBJECT_ATTRIBUTES) {
            for name in value.to_str().unwrap_or("?").split(',').map(str::trim) {
                attributes.set(name)?;
            }
        }
        Ok(attributes)
    }

    fn set(&mut self, name: &str) -> S3Result<()> {
        match name {
            "ETag" => self.etag = true,
            "Checksum" => self.checksum = true,
            "ObjectParts" => self.parts = true,
            "StorageClass" => self.storage_class = true,
            "ObjectSize" => self.size = true,
            _ => {
                return Err(s3_error(
                    S3ErrorCode::InvalidArgument,
                    "Invalid attribute name specified: ETag, Checksum, ObjectParts, StorageClass or ObjectSize.",
                ));
            }
        }
        Ok(())
    }
}

impl PartsPage {
    fn of(input: &GetObjectAttributesInput) -> S3Result<Self> {
        let after = input.part_number_marker.unwrap_or(0);
        if after < 0 {
            return Err(s3_error(
                S3ErrorCode::InvalidArgument,
                "Argument x-amz-part-number-marker must be an integer between 0 and 2147483647.",
            ));
        }
        Ok(Self { after, limit: listing::limit("x-amz-max-parts", input.max_parts)? })
    }
}

fn last_modified(object: &Object) -> HeaderMap {
    let date = HeaderValue::try_from(times::http_date(object.modified));
    HeaderMap::from_iter(date.ok().map(|date| (LAST_MODIFIED, date)))
}

/// The ETag has no quotes here: so does AWS write it.
fn render(object: &Object, asked: &Attributes, page: &PartsPage) -> Bytes {
    let mut xml = Xml::new("GetObjectAttributesResponse", 512 + 160 * object.parts.len().min(page.limit));
    if asked.etag {
        xml.text("ETag", &object.etag.to_string());
    }
    if let Some(checksum) = object.checksum.as_ref().filter(|_| asked.checksum) {
        xml.open("Checksum");
        write_checksum(&mut xml, checksum);
        xml.text("ChecksumType", checksums::kind_name(checksum.kind));
        xml.close("Checksum");
    }
    if asked.parts && object.etag.parts.is_some() {
        write_parts(&mut xml, object, page);
    }
    if asked.storage_class {
        xml.text("StorageClass", &object.storage_class);
    }
    if asked.size {
        xml.number("ObjectSize", object.size_bytes);
    }
    xml.finish()
}

fn write_checksum(xml: &mut Xml, checksum: &Checksum) {
    let element = format!("Checksum{}", checksum.algorithm);
    xml.text(&element, &checksums::text(checksum));
}

fn write_parts(xml: &mut Xml, object: &Object, page: &PartsPage) {
    let number = |part: &namespace::Part| part.number.map_or(0, |number| i32::from(number.get()));
    let mut rest = object.parts.iter().filter(|part| number(part) > page.after).peekable();
    let shown: Vec<_> = rest.by_ref().take(page.limit).collect();
    xml.open("ObjectParts");
    xml.number("PartsCount", object.parts.len() as u64);
    xml.text("PartNumberMarker", &page.after.to_string());
    xml.text("NextPartNumberMarker", &shown.last().map_or(0, |part| number(part)).to_string());
    xml.number("MaxParts", page.limit as u64);
    xml.bool("IsTruncated", !shown.is_empty() && rest.peek().is_some());
    for part in shown {
        xml.open("Part");
        if let Some(whole) = object.checksum.as_ref().filter(|_| !part.checksum.is_empty()) {
            let (algorithm, kind) = (whole.algorithm, ChecksumKind::FullObject);
            write_checksum(xml, &Checksum { algorithm, kind, value: part.checksum.clone() });
        }
        xml.text("PartNumber", &number(part).to_string());
        xml.number("Size", part.size_bytes);
        xml.close("Part");
    }
    xml.close("ObjectParts");
}

#[cfg(test)]
mod tests {
    use http::Extensions;

    use super::*;

    #[test]
    fn attributes_are_listed_in_one_header_or_in_several() {
        let of = |values: &[&'static str]| {
            let headers: HeaderMap = values
                .iter()
                .map(|value| (X_AMZ_OBJECT_ATTRIBUTES, HeaderValue::from_static(value)))
                .collect::<Vec<_>>()
                .into_iter()
                .fold(HeaderMap::new(), |mut headers, (name, value)| {
                    headers.append(name, value);
                    headers
                });
            Attributes::of(&Headers::new(&headers, &Extensions::new()))
                .map_err(|error| error.code().as_str().to_owned())
        };
        let two = Attributes { etag: true, size: true, ..Default::default() };
        assert_eq!(of(&["ETag, ObjectSize"]), Ok(two));
        let two = Attributes { etag: true, size: true, ..Default::default() };
        assert_eq!(of(&["ETag", "ObjectSize"]), Ok(two));
        assert_eq!(of(&["ETag,Colour"]), Err("InvalidArgument".into()));
    }
}
