//! Which uploads are stored as gzip, and how they come back.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use http::HeaderMap;

/// Smaller ones cannot win: gzip's own frame takes 20 bytes.
const MIN_BYTES: usize = 24;

/// Work on more than this leaves the async worker.
const INLINE_BYTES: usize = 16 << 10;

/// Why packed data did not unpack.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum GunzipError {
    #[error("gzip data is damaged: {0}")]
    Damaged(String),
    #[error("unpacked it is larger than {0} bytes")]
    TooLarge(usize),
}

/// Whether data of this kind is worth a try. Source: SeaweedFS `util/compression.go`.
pub(super) fn is_compressible(file_name: &str, mime: &str, data: &[u8]) -> bool {
    let extension = file_name.rsplit_once('.').map_or("", |(_, extension)| extension).to_ascii_lowercase();
    let mime = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if mime.starts_with("text/") {
        return true;
    }
    match extension.as_str() {
        "svg" | "bmp" | "wav" => return true,
        "zip" | "rar" | "gz" | "bz2" | "xz" | "zst" | "br" | "png" | "jpg" | "jpeg" => return false,
        _ if mime.starts_with("image/") => return false,
        "pdf" | "txt" | "html" | "htm" | "css" | "js" | "json" | "php" | "java" | "go" | "rb" | "c"
        | "cpp" | "h" | "hpp" => return true,
        _ => {}
    }
    match mime.split_once('/') {
        Some(("application", kind)) => kind.ends_with("xml") || kind.ends_with("script"),
        Some(("audio", kind)) => matches!(kind, "wave" | "wav" | "x-wav" | "x-pn-wav"),
        Some(_) => false,
        None => looks_like_text(data),
    }
}

/// Nothing is known but the bytes: text has no control characters but white space.
fn looks_like_text(data: &[u8]) -> bool {
    let start = &data[..data.len().min(512)];
    start.iter().all(|byte| *byte >= b' ' || matches!(byte, b'\t' | b'\n' | 0x0c | b'\r' | 0x1b))
}

/// `data` as gzip, where that saves more than a tenth.
pub(super) async fn gzip_if_smaller(data: Bytes) -> Option<Bytes> {
    if data.len() < MIN_BYTES {
        return None;
    }
    offload(data, |data| {
        let mut encoder = GzEncoder::new(Vec::with_capacity(data.len() / 2), Compression::fast());
        encoder.write_all(data).ok()?;
        let packed = encoder.finish().ok()?;
        (10 * packed.len() < 9 * data.len()).then(|| packed.into())
    })
    .await
    .ok()
    .flatten()
}

/// Unpacks gzip to at most `limit_bytes`.
pub(super) async fn gunzip(data: Bytes, limit_bytes: usize) -> Result<Bytes, GunzipError> {
    let unpacked = offload(data, move |data| unpack(data, limit_bytes)).await;
    unpacked.map_err(|error| GunzipError::Damaged(error.to_string()))?
}

fn unpack(data: &[u8], limit_bytes: usize) -> Result<Bytes, GunzipError> {
    let mut unpacked = Vec::new();
    let mut decoder = MultiGzDecoder::new(data).take(limit_bytes as u64 + 1);
    decoder.read_to_end(&mut unpacked).map_err(|error| GunzipError::Damaged(error.to_string()))?;
    match unpacked.len() > limit_bytes {
        true => Err(GunzipError::TooLarge(limit_bytes)),
        false => Ok(unpacked.into()),
    }
}

async fn offload<T: Send + 'static>(
    data: Bytes,
    work: impl FnOnce(&[u8]) -> T + Send + 'static,
) -> io::Result<T> {
    if data.len() <= INLINE_BYTES {
        return Ok(work(&data));
    }
    tokio::task::spawn_blocking(move || work(&data)).await.map_err(io::Error::other)
}

/// Whether the client takes gzip. Source: RFC 9110, 12.5.3.
pub(super) fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut any = false;
    let codings =
        headers.get_all(http::header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    for coding in codings.flat_map(|value| value.split(',')) {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let taken = !is_zero(weight);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => return taken,
            "*" => any = taken,
            _ => {}
        }
    }
    any
}

/// `q=0`, `q=0.000`
fn is_zero(weight: &str) -> bool {
    let value = weight.trim().strip_prefix(['q', 'Q']).and_then(|rest| rest.trim_start().strip_prefix('='));
    value.and_then(|value| value.trim().parse::<f32>().ok()).is_some_and(|value| value <= 0.0)
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header::ACCEPT_ENCODING};
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(file_name: &str, mime: &str, data: &[u8], expected: bool) {
        assert_eq!(is_compressible(file_name, mime, data), expected, "{file_name:?} {mime:?}");
    }

    #[test]
    fn kinds() {
        check("a.txt", "", b"", true);
        check("A.TXT", "application/octet-stream", b"", true);
        check("a", "text/html; charset=utf-8", b"", true);
        check("a.jpg", "", b"text", false);
        check("a.zip", "", b"text", false);
        check("a", "image/png", b"text", false);
        check("a.svg", "image/svg+xml", b"", true);
        check("a", "application/xml", b"", true);
        check("a", "application/x-javascript", b"", true);
        check("a", "application/octet-stream", b"text", false);
        check("a", "audio/wav", b"", true);
        check("", "", b"plain text\n", true);
        check("", "", b"\x00\x01", false);
    }

    #[test]
    fn accepted_encodings() {
        let check = |value: &str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(value).expect("a value"));
            assert_eq!(takes_gzip(&headers), expected, "{value}");
        };
        check("gzip", true);
        check("br, GZIP;q=0.5", true);
        check("gzip;q=0", false);
        check("gzip; q=0.000, *", false);
        check("*", true);
        check("*;q=0", false);
        check("identity", false);
        check("", false);
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn only_what_wins_is_packed() {
        assert!(gzip_if_smaller(vec![b'x'; 23].into()).await.is_none());
        assert!(gzip_if_smaller((0..=255).collect::<Vec<u8>>().into()).await.is_none());
        let packed = gzip_if_smaller(vec![b'x'; 100_000].into()).await.expect("wins");
        assert!(packed.len() < 1000);
        assert_eq!(gunzip(packed.clone(), 100_000).await.expect("unpacks"), vec![b'x'; 100_000]);
        assert_eq!(gunzip(packed.clone(), 99_999).await, Err(GunzipError::TooLarge(99_999)));
        let cut = gunzip(packed.slice(..packed.len() - 1), 100_000).await;
        assert!(matches!(cut, Err(GunzipError::Damaged(_))), "{cut:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(data: Vec<u8>) {
            let _ = unpack(&data, 1000);
        }
    }
}
