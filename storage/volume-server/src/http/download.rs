//! `GET` and `HEAD /<fid>`: conditions, encodings, ranges, chunk manifests.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE,
        ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE, VARY,
    },
};
use protocol::{NewNeedle, ReadError, StoredNeedle, Volumes, wire};
use types::FileId;

use super::{
    answer::Refusal,
    compression::{self, GunzipError},
    disposition,
    manifest::{self, Chunk, Manifest},
    query::Query,
    range::{self, Selection},
    upload::PAIR_PREFIX,
};
use crate::VolumeServer;

/// What is said of bytes whose type nobody named.
const UNKNOWN_TYPE: HeaderValue = HeaderValue::from_static("application/octet-stream");

pub(super) async fn get(
    server: &Arc<VolumeServer>,
    fid: FileId,
    query: &Query,
    asked: &HeaderMap,
) -> Result<Response, Refusal> {
    let Answer { status, headers, pieces } = decide(server, fid, query, asked, asked.get(RANGE)).await?;
    Ok(response(status, headers, body_of(server, pieces).await?))
}

/// As `get` would answer, without the body: no chunk is fetched. A range means nothing here (RFC 9110, 14.2).
pub(super) async fn head(
    server: &Arc<VolumeServer>,
    fid: FileId,
    query: &Query,
    asked: &HeaderMap,
) -> Result<Response, Refusal> {
    let Answer { status, headers, .. } = decide(server, fid, query, asked, None).await?;
    Ok(response(status, headers, Body::empty()))
}

/// An answer whose body is still to be fetched.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    pieces: Vec<Piece>,
}

async fn decide(
    server: &VolumeServer,
    fid: FileId,
    query: &Query,
    asked: &HeaderMap,
    range: Option<&HeaderValue>,
) -> Result<Answer, Refusal> {
    let stored = server.read(fid).await?;
    let mut headers = describe(&stored);
    if is_not_modified(asked, &headers) {
        return Ok(Answer { status: StatusCode::NOT_MODIFIED, headers, pieces: Vec::new() });
    }
    let range = range.filter(|_| range_applies(asked, &headers));
    let source = if stored.needle.chunk_manifest && query.resolves_manifest() {
        let manifest = manifest::of(&stored.needle, fid, server.settings.max_body_bytes).await?;
        if !manifest.mime().is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(manifest.mime()).unwrap_or(UNKNOWN_TYPE));
        }
        Source::Chunks(manifest)
    } else if stored.needle.gzipped {
        headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
        // Ranges are of what was uploaded, not of its packing.
        if range.is_none() && compression::takes_gzip(asked) {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Source::Whole(stored.needle.data)
        } else {
            Source::Whole(unpack(stored.needle, fid, server.settings.max_body_bytes).await?)
        }
    } else {
        Source::Whole(stored.needle.data)
    };
    let selection = match range {
        Some(range) => range::select(&String::from_utf8_lossy(range.as_bytes()), source.len_bytes()),
        None => Selection::Whole,
    };
    Ok(select(headers, &source, selection))
}

/// The bytes of a representation.
enum Source {
    Whole(Bytes),
    Chunks(Manifest),
}

/// The body of an answer is made of these, one after the other.
enum Piece {
    Ready(Bytes),
    /// A part of a chunk, fetched when it is its turn: one chunk is in memory at a time.
    Chunk(Chunk, std::ops::Range<u64>),
}

impl Source {
    fn len_bytes(&self) -> u64 {
        match self {
            Self::Whole(data) => data.len() as u64,
            Self::Chunks(manifest) => manifest.size_bytes(),
        }
    }

    /// `range` lies within the source.
    fn pieces(&self, range: std::ops::Range<u64>) -> Vec<Piece> {
        match self {
            Self::Whole(data) => vec![Piece::Ready(slice(data, range))],
            Self::Chunks(manifest) => {
                manifest.within(range).map(|(chunk, range)| Piece::Chunk(chunk, range)).collect()
            }
        }
    }
}

/// `data` is in memory, so every offset in it is a `usize`.
fn slice(data: &Bytes, range: std::ops::Range<u64>) -> Bytes {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(data.len());
    data.slice(at(range.start)..at(range.end))
}

async fn unpack(needle: NewNeedle, fid: FileId, limit_bytes: usize) -> Result<Bytes, Refusal> {
    compression::gunzip(needle.data, limit_bytes).await.map_err(|error| match error {
        GunzipError::Damaged(_) => ReadError::Corrupt { fid, reason: error.to_string() }.into(),
        GunzipError::TooLarge(_) => {
            Refusal::bad(StatusCode::NOT_ACCEPTABLE, format!("{error}: take it with Accept-Encoding: gzip"))
        }
    })
}

/// The headers that say what the needle is, whatever part of it is answered.
fn describe(stored: &StoredNeedle) -> HeaderMap {
    let needle = &stored.needle;
    let mut headers = HeaderMap::new();
    add_pairs(&mut headers, &needle.pairs);
    let mime = (!needle.mime.is_empty()).then(|| HeaderValue::from_str(&needle.mime).ok()).flatten();
    headers.insert(CONTENT_TYPE, mime.unwrap_or(UNKNOWN_TYPE));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(etag) = HeaderValue::from_str(&wire::etag(stored.crc)) {
        headers.insert(ETAG, etag);
    }
    if let Some(modified) = modified(needle.modified_secs) {
        headers.insert(LAST_MODIFIED, modified);
    }
    if let Some(disposition) = (!needle.name.is_empty()).then(|| disposition::inline(&needle.name)).flatten()
    {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    headers
}

/// `None` for no date, and for one that HTTP cannot say: its years end with 9999.
fn modified(secs: u64) -> Option<HeaderValue> {
    const END_OF_YEAR_9999: u64 = 253_402_300_799;
    let date = (1..=END_OF_YEAR_9999).contains(&secs).then(|| UNIX_EPOCH + Duration::from_secs(secs))?;
    HeaderValue::from_str(&httpdate::fmt_http_date(date)).ok()
}

/// Pairs come back under the prefix they were sent with. What is no header is left out.
fn add_pairs(headers: &mut HeaderMap, pairs: &[u8]) {
    if pairs.is_empty() {
        return;
    }
    let pairs: BTreeMap<String, serde_json::Value> = serde_json::from_slice(pairs).unwrap_or_default();
    for (name, value) in &pairs {
        let name = name.strip_prefix(PAIR_PREFIX).unwrap_or(name);
        let name = HeaderName::from_bytes(format!("{PAIR_PREFIX}{name}").as_bytes());
        let value = value.as_str().map(HeaderValue::from_str);
        if let (Ok(name), Some(Ok(value))) = (name, value) {
            headers.insert(name, value);
        }
    }
}

/// RFC 9110, 13.2.2: a list of ETags decides; the date counts only where there is none.
fn is_not_modified(asked: &HeaderMap, headers: &HeaderMap) -> bool {
    let etag = headers.get(ETAG).map_or(&b""[..], HeaderValue::as_bytes);
    if asked.contains_key(IF_NONE_MATCH) {
        let lists = asked.get_all(IF_NONE_MATCH).iter().map(HeaderValue::as_bytes);
        return lists.flat_map(|list| list.split(|byte| *byte == b',')).any(|listed| {
            let listed = listed.trim_ascii();
            listed == b"*" || listed.strip_prefix(b"W/").unwrap_or(listed) == etag
        });
    }
    match (date(asked, &IF_MODIFIED_SINCE), date(headers, &LAST_MODIFIED)) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// RFC 9110, 13.1.5: a range of another state of the needle is not wanted.
fn range_applies(asked: &HeaderMap, headers: &HeaderMap) -> bool {
    let Some(condition) = asked.get(IF_RANGE) else { return true };
    match date(asked, &IF_RANGE) {
        Some(since) => date(headers, &LAST_MODIFIED) == Some(since),
        None => headers.get(ETAG) == Some(condition),
    }
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// The status, headers and pieces of the part that is answered.
fn select(mut headers: HeaderMap, source: &Source, selection: Selection) -> Answer {
    let all_bytes = source.len_bytes();
    let (status, len_bytes, pieces) = match selection {
        Selection::Whole => (StatusCode::OK, all_bytes, source.pieces(0..all_bytes)),
        Selection::One(range) => {
            headers.insert(CONTENT_RANGE, content_range(&range, all_bytes));
            (StatusCode::PARTIAL_CONTENT, range.end - range.start, source.pieces(range))
        }
        Selection::Many(ranges) => {
            let parts = ByteRanges::new(headers.get(CONTENT_TYPE).cloned().unwrap_or(UNKNOWN_TYPE));
            headers.insert(CONTENT_TYPE, parts.content_type());
            let (len_bytes, pieces) = parts.pieces(source, ranges);
            (StatusCode::PARTIAL_CONTENT, len_bytes, pieces)
        }
        Selection::Unsatisfiable => {
            headers.insert(CONTENT_RANGE, value(&format!("bytes */{all_bytes}")));
            (StatusCode::RANGE_NOT_SATISFIABLE, 0, Vec::new())
        }
    };
    headers.insert(CONTENT_LENGTH, HeaderValue::from(len_bytes));
    Answer { status, headers, pieces }
}

fn response(status: StatusCode, headers: HeaderMap, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn content_range(range: &std::ops::Range<u64>, all_bytes: u64) -> HeaderValue {
    value(&format!("bytes {}-{}/{all_bytes}", range.start, range.end - 1))
}

/// Of text that is digits and letters only.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// The first piece is fetched before the answer begins, so that damage found there is still an answer of its own;
/// later damage breaks the connection.
async fn body_of(server: &Arc<VolumeServer>, pieces: Vec<Piece>) -> Result<Body, ReadError> {
    let mut pieces = pieces.into_iter();
    let first = match pieces.next() {
        None => return Ok(Body::empty()),
        Some(piece) => ready(server, piece).await?,
    };
    if pieces.len() == 0 {
        return Ok(Body::from(first));
    }
    let server = Arc::clone(server);
    let rest = stream::iter(pieces)
        .then(move |piece| {
            let server = Arc::clone(&server);
            async move { ready(&server, piece).await }
        })
        .inspect_err(|error| tracing::warn!(%error, "answer broken off"));
    Ok(Body::from_stream(stream::iter([Ok(first)]).chain(rest)))
}

async fn ready(server: &Arc<VolumeServer>, piece: Piece) -> Result<Bytes, ReadError> {
    match piece {
        Piece::Ready(bytes) => Ok(bytes),
        Piece::Chunk(chunk, range) => Ok(slice(&manifest::fetch(server, chunk).await?, range)),
    }
}

/// The form of an answer with several ranges. Source: RFC 9110, 14.6.
struct ByteRanges {
    /// Random: it must not occur in the data.
    boundary: String,
    content_type: HeaderValue,
}

impl ByteRanges {
    fn new(content_type: HeaderValue) -> Self {
        Self { boundary: format!("{:032x}", rand::random::<u128>()), content_type }
    }

    fn content_type(&self) -> HeaderValue {
        value(&format!("multipart/byteranges; boundary={}", self.boundary))
    }

    /// The whole body, and its length.
    fn pieces(&self, source: &Source, ranges: Vec<std::ops::Range<u64>>) -> (u64, Vec<Piece>) {
        let (mut len_bytes, mut pieces) = (0, Vec::new());
        for range in ranges {
            let head = self.part_head(&range, source.len_bytes());
            len_bytes += head.len() as u64 + (range.end - range.start);
            pieces.push(Piece::Ready(head));
            pieces.extend(source.pieces(range));
        }
        let end = Bytes::from(format!("\r\n--{}--\r\n", self.boundary));
        len_bytes += end.len() as u64;
        pieces.push(Piece::Ready(end));
        (len_bytes, pieces)
    }

    fn part_head(&self, range: &std::ops::Range<u64>, all_bytes: u64) -> Bytes {
        let mut head = format!("\r\n--{}\r\nContent-Type: ", self.boundary).into_bytes();
        head.extend_from_slice(self.content_type.as_bytes());
        head.extend_from_slice(b"\r\nContent-Range: ");
        head.extend_from_slice(content_range(range, all_bytes).as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        head.into()
    }
}
