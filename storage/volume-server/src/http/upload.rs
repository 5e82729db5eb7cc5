//! `POST` and `PUT /<fid>`: a form with a file, or the bare bytes.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_TYPE, ETAG},
};
use md5::{Digest, Md5};
use protocol::{
    CollectError, NewNeedle, Volumes, WriteError, Written, collect_bounded,
    wire::{self, UploadAnswer},
};
use tokio::sync::OwnedSemaphorePermit;
use types::FileId;

use super::{
    address::Address,
    answer::{Refusal, json},
    compression, disposition,
    manifest::Manifest,
    multipart::{self, Part},
    query::Query,
};
use crate::{VolumeServer, server::in_kib};

/// Headers with this prefix are stored with the needle, without it.
pub(super) const PAIR_PREFIX: &str = "Seaweed-";

/// A stored upload.
pub(super) struct Uploaded {
    answer: UploadAnswer,
    written: Written,
}

/// What no media type says: the bytes are bytes.
const NO_TYPE: &str = "application/octet-stream";

/// What curl says of any `--data`: of the bytes it says nothing.
const CURLS_TYPE: &str = "application/x-www-form-urlencoded";

/// Stores the body of a request.
pub(super) async fn put(
    server: &Arc<VolumeServer>,
    address: Address,
    query: &Query,
    headers: &HeaderMap,
    body: Body,
) -> Result<Uploaded, Refusal> {
    let fid = address.fid;
    server.find(fid.volume).map_err(WriteError::from)?;
    let (body, _room) = receive(server, fid, body).await?;
    let part = file_part(headers, body)?;
    let plain = plain_data(&part, server.settings.max_body_bytes).await?;
    check_md5(headers, &plain)?;
    let size = plain.len() as u64;
    let mut needle = NewNeedle {
        name: part.file_name.or(address.name).unwrap_or_default(),
        mime: part.content_type.filter(|mime| says_something(mime)).unwrap_or_default(),
        pairs: pairs(headers),
        modified_secs: query.ts,
        ttl: query.ttl,
        gzipped: part.content_encoding.as_deref().is_some_and(is_gzip),
        chunk_manifest: query.is_manifest(),
        data: part.data,
    };
    if needle.chunk_manifest {
        Manifest::parse(&plain).map_err(|error| Refusal::bad(StatusCode::BAD_REQUEST, error.to_string()))?;
    } else if !needle.gzipped
        && compression::is_compressible(&needle.name, &needle.mime, &plain)
        && let Some(packed) = compression::gzip_if_smaller(plain).await
    {
        needle.data = packed;
        needle.gzipped = true;
    }
    let (name, mime) = (needle.name.clone(), needle.mime.clone());
    let written = server.write(fid, needle).await?;
    let answer = UploadAnswer { name, size, e_tag: format!("{:08x}", written.crc), mime };
    Ok(Uploaded { answer, written })
}

/// The whole body, and its share of the memory for uploads: to be held as long as the body is.
pub(super) async fn receive(
    server: &VolumeServer,
    fid: FileId,
    body: Body,
) -> Result<(Bytes, OwnedSemaphorePermit), Refusal> {
    use http_body::Body as _;

    let settings = &server.settings;
    let limit = settings.max_body_bytes;
    let too_large = || WriteError::TooLarge { fid, reason: format!("the body is larger than {limit} bytes") };
    // Refused by its Content-Length before a byte of it is read.
    let announced =
        body.size_hint().exact().map_or(limit, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if announced > limit {
        return Err(too_large().into());
    }
    let share = in_kib(announced).min(in_kib(settings.upload_budget_bytes));
    let room = Arc::clone(&server.upload_budget).acquire_many_owned(share).await;
    let room = room.map_err(|error| Refusal::bad(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    match tokio::time::timeout(settings.body_timeout, collect_bounded(body, limit)).await {
        Ok(Ok(body)) => Ok((body, room)),
        Ok(Err(CollectError::TooLarge { .. })) => Err(too_large().into()),
        Ok(Err(CollectError::Broken(error))) => {
            Err(Refusal::bad(StatusCode::BAD_REQUEST, format!("body: {error}")))
        }
        Err(_) => Err(Refusal::bad(StatusCode::REQUEST_TIMEOUT, "the body did not end in time")),
    }
}

/// The file of a form, or the whole body.
fn file_part(headers: &HeaderMap, body: Bytes) -> Result<Part, Refusal> {
    let content_type = text(headers, &CONTENT_TYPE);
    let bad_form = |error: multipart::BadMultipart| Refusal::bad(StatusCode::BAD_REQUEST, error.to_string());
    match content_type.and_then(multipart::boundary) {
        Some(boundary) => multipart::file(&body, &boundary.map_err(bad_form)?).map_err(bad_form),
        None => Ok(Part {
            file_name: text(headers, &CONTENT_DISPOSITION).and_then(disposition::file_name),
            content_type: content_type.map(str::to_owned),
            content_encoding: text(headers, &CONTENT_ENCODING).map(str::to_owned),
            data: body,
        }),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

fn is_gzip(encoding: &str) -> bool {
    encoding.eq_ignore_ascii_case("gzip")
}

fn says_something(mime: &str) -> bool {
    !mime.eq_ignore_ascii_case(NO_TYPE) && !mime.eq_ignore_ascii_case(CURLS_TYPE)
}

/// What the client means by the part: unpacked where it was sent packed. What would not come back is refused.
async fn plain_data(part: &Part, limit_bytes: usize) -> Result<Bytes, Refusal> {
    match part.content_encoding.as_deref() {
        None => Ok(part.data.clone()),
        Some(coding) if coding.is_empty() || coding.eq_ignore_ascii_case("identity") => Ok(part.data.clone()),
        Some(coding) if is_gzip(coding) => compression::gunzip(part.data.clone(), limit_bytes)
            .await
            .map_err(|error| Refusal::bad(StatusCode::BAD_REQUEST, error.to_string())),
        Some(coding) => {
            let coding: String = coding.chars().take(40).collect();
            Err(Refusal::bad(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!("Content-Encoding {coding:?}: gzip or none"),
            ))
        }
    }
}

fn check_md5(headers: &HeaderMap, plain: &[u8]) -> Result<(), Refusal> {
    let Some(expected) = headers.get("content-md5") else { return Ok(()) };
    let actual = BASE64.encode(Md5::digest(plain));
    match expected.as_bytes() == actual.as_bytes() {
        true => Ok(()),
        false => Err(Refusal::bad(
            StatusCode::BAD_REQUEST,
            format!(
                "Content-MD5: expected {:?}, the body's is {actual:?}",
                String::from_utf8_lossy(expected.as_bytes())
            ),
        )),
    }
}

/// `Seaweed-*` headers as a JSON object, the prefix cut; nothing where there are none.
fn pairs(headers: &HeaderMap) -> Bytes {
    let prefix = PAIR_PREFIX.to_ascii_lowercase();
    let pairs: BTreeMap<_, _> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().strip_prefix(&*prefix)?, value)))
        .map(|(name, value)| (canonical(name), String::from_utf8_lossy(value.as_bytes())))
        .collect();
    if pairs.is_empty() {
        return Bytes::new();
    }
    // A map of texts is always JSON.
    serde_json::to_vec(&pairs).unwrap_or_default().into()
}

/// As Go spells header names, so that both servers store the same: `user-name` is `User-Name`.
fn canonical(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(capital).collect::<Vec<_>>().join("-")
}

impl Uploaded {
    pub(super) fn into_response(self, pretty: bool) -> Response {
        let mut response = match self.written.unchanged {
            true => StatusCode::NO_CONTENT.into_response(),
            false => json(StatusCode::CREATED, &self.answer, pretty),
        };
        acknowledge(&mut response, &self.written);
        response
    }
}

/// The headers of any acknowledged write.
pub(super) fn acknowledge(response: &mut Response, written: &Written) {
    let durability = HeaderValue::from_static(match written.durability {
        types::Durability::Disk => "disk",
        types::Durability::Memory => "memory",
    });
    response.headers_mut().insert(wire::header::DURABILITY, durability);
    if let Ok(etag) = HeaderValue::from_str(&wire::etag(written.crc)) {
        response.headers_mut().insert(ETAG, etag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_spelt_as_go_does() {
        let mut headers = HeaderMap::new();
        headers.insert("seaweed-user-name", HeaderValue::from_static("b"));
        headers.insert("seaweed-key", HeaderValue::from_static("k/1"));
        headers.insert("x-other", HeaderValue::from_static("x"));
        assert_eq!(pairs(&headers), r#"{"Key":"k/1","User-Name":"b"}"#);
        assert_eq!(pairs(&HeaderMap::new()), "");
    }
}
