//! What GET and HEAD have in common: which object, which of its bytes, with which headers.

use std::ops::Range;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE,
        CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPIRES, LAST_MODIFIED, RANGE,
    },
};
use namespace::{BucketName, Checksum, Object, ObjectKey, Part, PartNumber, ReadPreconditions};
use s3s::{
    S3Error, S3ErrorCode, S3Result,
    dto::{GetObjectInput, HeadObjectInput, Metadata},
    header::{
        X_AMZ_CHECKSUM_MODE, X_AMZ_EXPECTED_BUCKET_OWNER, X_AMZ_MP_PARTS_COUNT, X_AMZ_STORAGE_CLASS,
        X_AMZ_WEBSITE_REDIRECT_LOCATION,
    },
};

use super::{
    Operations, checksums, conditions, content, errors, headers::Headers, names, ranges::ByteRange, refusals,
    times,
};
use crate::error::s3_error;

/// A GET or a HEAD of an object, checked.
pub(super) struct Asked {
    pub(super) bucket: BucketName,
    pub(super) key: ObjectKey,
    selector: Selector,
    conditions: ReadPreconditions,
    overrides: Overrides,
    with_checksum: bool,
}

/// Which bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Selector {
    Whole,
    Range(ByteRange),
    Part(PartNumber),
}

/// `response-*`: headers in place of the stored ones.
#[derive(Default)]
struct Overrides {
    content_type: Option<String>,
    content_encoding: Option<String>,
    content_disposition: Option<String>,
    content_language: Option<String>,
    cache_control: Option<String>,
    expires: Option<s3s::dto::Timestamp>,
}

/// The bytes of an object that are sent, and as what.
pub(super) struct Selected<'a> {
    pub(super) range: Range<u64>,
    /// 206 with a `Content-Range`.
    pub(super) partial: bool,
    part: Option<&'a Part>,
}

/// GET and HEAD have the same fields in two types.
macro_rules! asked {
    ($input:expr, $headers:expr) => {{
        let (input, headers) = ($input, $headers);
        names::only_null_version(input.version_id.as_deref())?;
        refusals::of_read(headers)?;
        Asked {
            bucket: names::bucket(&input.bucket)?,
            key: names::key(&input.key)?,
            selector: Selector::of(input.part_number, headers)?,
            conditions: conditions::of_read(headers)?,
            overrides: Overrides {
                content_type: input.response_content_type,
                content_encoding: input.response_content_encoding,
                content_disposition: input.response_content_disposition,
                content_language: input.response_content_language,
                cache_control: input.response_cache_control,
                expires: input.response_expires,
            },
            with_checksum: headers
                .text(&X_AMZ_CHECKSUM_MODE)?
                .is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED")),
        }
    }};
}

impl Asked {
    pub(super) fn by_get(input: GetObjectInput, headers: &Headers<'_>) -> S3Result<Self> {
        Ok(asked!(input, headers))
    }

    pub(super) fn by_head(input: HeadObjectInput, headers: &Headers<'_>) -> S3Result<Self> {
        Ok(asked!(input, headers))
    }

    /// The object, when its bucket is whose the request says, and its conditions hold.
    pub(super) async fn lookup(&self, operations: &Operations, headers: &Headers<'_>) -> S3Result<Object> {
        operations.expect_owner(&self.bucket, &X_AMZ_EXPECTED_BUCKET_OWNER, headers).await?;
        let object = operations.objects.lookup(&self.bucket, &self.key).await.map_err(errors::lookup)?;
        conditions::check(&self.conditions, &object)?;
        Ok(object)
    }

    /// Which of the object's bytes are asked for.
    pub(super) fn select<'a>(&self, object: &'a Object) -> S3Result<Selected<'a>> {
        match self.selector {
            Selector::Whole => Ok(Selected { range: 0..object.size_bytes, partial: false, part: None }),
            Selector::Range(range) => {
                let range = range
                    .within(object.size_bytes)
                    .ok_or_else(|| errors::range_not_satisfiable(object.size_bytes))?;
                Ok(Selected { range, partial: true, part: None })
            }
            Selector::Part(number) => select_part(object, number),
        }
    }

    /// The headers of the answer; user metadata is left to [`metadata`].
    pub(super) fn headers(&self, object: &Object, selected: &Selected<'_>) -> S3Result<HeaderMap> {
        let mut headers = HeaderMap::with_capacity(16);
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(selected.range.end - selected.range.start));
        insert(&mut headers, ETAG, format!("\"{}\"", object.etag))?;
        insert(&mut headers, LAST_MODIFIED, times::http_date(object.modified))?;
        if let Some(range) = content_range(selected, object.size_bytes) {
            insert(&mut headers, CONTENT_RANGE, range)?;
        }
        self.insert_content_headers(&mut headers, object)?;
        if object.storage_class != content::STANDARD {
            insert(&mut headers, X_AMZ_STORAGE_CLASS, object.storage_class.as_str())?;
        }
        if matches!(self.selector, Selector::Part(_))
            && let Some(parts) = object.etag.parts
        {
            headers.insert(X_AMZ_MP_PARTS_COUNT, HeaderValue::from(parts));
        }
        if let Some(checksum) = self.checksum_of(object, selected) {
            checksums::show(&mut headers, &checksum, true);
        }
        Ok(headers)
    }

    fn insert_content_headers(&self, headers: &mut HeaderMap, object: &Object) -> S3Result<()> {
        let (stored, asked) = (&object.headers, &self.overrides);
        let expires = asked.expires.clone().map(|expires| http_date(&expires)).transpose()?;
        let fields = [
            (CONTENT_ENCODING, &asked.content_encoding, &stored.content_encoding),
            (CONTENT_DISPOSITION, &asked.content_disposition, &stored.content_disposition),
            (CONTENT_LANGUAGE, &asked.content_language, &stored.content_language),
            (CACHE_CONTROL, &asked.cache_control, &stored.cache_control),
            (EXPIRES, &expires, &stored.expires),
            (X_AMZ_WEBSITE_REDIRECT_LOCATION, &None, &stored.website_redirect_location),
        ];
        for (name, asked, stored) in fields {
            if let Some(value) = asked.as_deref().or(stored.as_deref()) {
                insert(headers, name, value)?;
            }
        }
        match asked.content_type.as_deref().or(stored.content_type.as_deref()) {
            Some(content_type) => insert(headers, CONTENT_TYPE, content_type),
            None => insert(headers, CONTENT_TYPE, "binary/octet-stream"),
        }
    }

    /// A client compares what it gets with the checksum: it is shown of exactly the bytes that are sent, or not at
    /// all.
    fn checksum_of(&self, object: &Object, selected: &Selected<'_>) -> Option<Checksum> {
        let checksum = object.checksum.as_ref().filter(|_| self.with_checksum)?;
        match (self.selector, selected.part) {
            (Selector::Whole, _) | (Selector::Part(_), None) => Some(checksum.clone()),
            (Selector::Range(_), _) => (selected.range == (0..object.size_bytes)).then(|| checksum.clone()),
            (Selector::Part(_), Some(part)) => (!part.checksum.is_empty()).then(|| Checksum {
                algorithm: checksum.algorithm,
                kind: namespace::ChecksumKind::FullObject,
                value: part.checksum.clone(),
            }),
        }
    }
}

impl Selector {
    fn of(part_number: Option<i32>, headers: &Headers<'_>) -> S3Result<Self> {
        let range = headers.text(&RANGE)?.and_then(ByteRange::parse);
        match (part_number, range) {
            (None, None) => Ok(Self::Whole),
            (None, Some(range)) => Ok(Self::Range(range)),
            (Some(number), None) => Ok(Self::Part(names::part_number(number)?)),
            (Some(_), Some(_)) => Err(s3_error(
                S3ErrorCode::InvalidRequest,
                "Cannot specify both Range header and partNumber query parameter.",
            )),
        }
    }
}

/// The bytes of one part. An object that was not uploaded in parts has one, number 1.
fn select_part(object: &Object, number: PartNumber) -> S3Result<Selected<'_>> {
    if object.etag.parts.is_none() {
        return match number.get() {
            1 => Ok(Selected { range: 0..object.size_bytes, partial: object.size_bytes > 0, part: None }),
            _ => Err(no_such_part(number)),
        };
    }
    let mut start = 0;
    for part in &object.parts {
        let range = start..start + part.size_bytes;
        if part.number == Some(number) {
            return Ok(Selected { partial: !range.is_empty(), range, part: Some(part) });
        }
        start = range.end;
    }
    Err(no_such_part(number))
}

fn no_such_part(number: PartNumber) -> S3Error {
    let mut error = s3_error(
        S3ErrorCode::Custom("InvalidPartNumber".into()),
        format!("The requested partnumber is not satisfiable: the object has no part {}.", number.get()),
    );
    error.set_status_code(http::StatusCode::RANGE_NOT_SATISFIABLE);
    error
}

/// `Content-Range`, where only a part of the object is sent.
pub(super) fn content_range(selected: &Selected<'_>, size_bytes: u64) -> Option<String> {
    let Range { start, end } = selected.range;
    selected.partial.then(|| format!("bytes {start}-{}/{size_bytes}", end.saturating_sub(1)))
}

/// User metadata, for s3s to encode as RFC 2047 has it.
pub(super) fn metadata(object: Object) -> Option<Metadata> {
    (!object.metadata.is_empty()).then(|| object.metadata.into_iter().collect())
}

fn http_date(moment: &s3s::dto::Timestamp) -> S3Result<String> {
    let mut text = Vec::new();
    moment.format(s3s::dto::TimestampFormat::HttpDate, &mut text).map_err(S3Error::internal_error)?;
    String::from_utf8(text).map_err(S3Error::internal_error)
}

fn insert<V>(headers: &mut HeaderMap, name: HeaderName, value: V) -> S3Result<()>
where
    HeaderValue: TryFrom<V>,
{
    let value = HeaderValue::try_from(value).map_err(|_| {
        s3_error(
            S3ErrorCode::InvalidArgument,
            format!("The value for the header {name} of the answer is not valid."),
        )
    })?;
    headers.insert(name, value);
    Ok(())
}
