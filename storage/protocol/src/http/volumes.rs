use bytes::Bytes;
use http::{
    Method, Request, StatusCode,
    header::{CONTENT_TYPE, ETAG},
};
use http_body_util::Full;
use serde::Deserialize;
use types::{Durability, FileId};

use super::client::{Answer, HttpClient, uri};
use crate::{
    AllocateError, AllocateVolume, DeleteError, Deleted, NewNeedle, ReadError, StoredNeedle, Volumes,
    WriteError, Written,
    wire::{self, Remote, header, path},
};

/// A volume server in another process, over its data API.
pub struct HttpVolumes {
    address: String,
    client: HttpClient,
}

/// The part of a delete's answer that counts.
#[derive(Deserialize)]
struct DeleteAnswer {
    size: u32,
}

impl HttpVolumes {
    /// The volume server that answers at `address`, `host:port`.
    pub fn new(address: impl Into<String>, client: HttpClient) -> Self {
        Self { address: address.into(), client }
    }

    fn request(&self, method: Method, path: &str) -> Result<http::request::Builder, String> {
        Ok(Request::builder().method(method).uri(uri(&self.address, path)?))
    }

    async fn put(&self, fid: FileId, needle: &NewNeedle) -> Result<Answer, String> {
        let head = wire::needle_header(needle).map_err(|error| error.to_string())?;
        let request = self
            .request(Method::PUT, &format!("/{fid}"))?
            .header(header::NEEDLE, head)
            .body(Full::new(needle.data.clone()));
        self.client.send(request.map_err(|error| error.to_string())?).await
    }

    async fn get(&self, fid: FileId) -> Result<Answer, String> {
        let request = self.exact(Method::GET, fid)?;
        self.client.send_for_needle(request).await
    }

    fn exact(&self, method: Method, fid: FileId) -> Result<Request<Full<Bytes>>, String> {
        self.request(method, &format!("/{fid}"))?
            .header(header::NEEDLE, header::EXACT)
            .body(Full::default())
            .map_err(|error| error.to_string())
    }

    async fn post_json(&self, path: &str, body: impl serde::Serialize) -> Result<Answer, String> {
        let json = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
        let request = self
            .request(Method::POST, path)?
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(json)));
        self.client.send(request.map_err(|error| error.to_string())?).await
    }

    /// Says which server.
    fn at(&self, reason: impl std::fmt::Display) -> String {
        format!("volume server {}: {reason}", self.address)
    }
}

#[async_trait::async_trait]
impl Volumes for HttpVolumes {
    async fn write(&self, fid: FileId, needle: NewNeedle) -> Result<Written, WriteError> {
        let size_bytes = fitting_size(&needle, self.client.max_needle_bytes())
            .map_err(|reason| WriteError::TooLarge { fid, reason })?;
        let unavailable = |reason: String| WriteError::unavailable(self.at(reason), fid);
        let answer = self.put(fid, &needle).await.map_err(unavailable)?;
        if !answer.status.is_success() {
            return Err(answer.error(fid));
        }
        let written = read_written(&answer, size_bytes).map_err(unavailable)?;
        // An acknowledgement of other bytes is none.
        match wire::crc_of(&needle.data) == written.crc {
            true => Ok(written),
            false => Err(unavailable(format!("stored checksum {:08x} of other bytes", written.crc))),
        }
    }

    async fn read(&self, fid: FileId) -> Result<StoredNeedle, ReadError> {
        let unavailable = |reason: String| ReadError::unavailable(self.at(reason), fid);
        let answer = self.get(fid).await.map_err(unavailable)?;
        if !answer.status.is_success() {
            return Err(answer.error(fid));
        }
        let stored = read_stored(answer).map_err(unavailable)?;
        wire::check_needle(&stored).map_err(|reason| ReadError::Corrupt { fid, reason: self.at(reason) })?;
        Ok(stored)
    }

    async fn delete(&self, fid: FileId) -> Result<Deleted, DeleteError> {
        let unavailable = |reason: String| DeleteError::unavailable(self.at(reason), fid);
        let request = self.exact(Method::DELETE, fid).map_err(unavailable)?;
        let answer = self.client.send(request).await.map_err(unavailable)?;
        if !answer.status.is_success() {
            return Err(answer.error(fid));
        }
        let deleted: DeleteAnswer = answer.json().map_err(unavailable)?;
        Ok(Deleted { size_bytes: deleted.size })
    }

    async fn allocate(&self, volume: AllocateVolume) -> Result<(), AllocateError> {
        let unavailable = |reason: String| AllocateError::unavailable(self.at(reason), volume.id);
        let answer = self.post_json(path::ALLOCATE, &volume).await.map_err(unavailable)?;
        match answer.status {
            StatusCode::OK => Ok(()),
            _ => Err(answer.error(volume.id)),
        }
    }
}

/// The size of the data, where it is one that both ends take.
fn fitting_size(needle: &NewNeedle, max_bytes: usize) -> Result<u32, String> {
    if needle.data.len() > max_bytes {
        return Err(format!("{} bytes, at most {max_bytes} over HTTP", needle.data.len()));
    }
    // Past the format's own limits the header would be refused without a word.
    if needle.pairs.len() > MAX_PAIRS_BYTES || needle.mime.len() > MAX_TEXT_BYTES {
        return Err("pairs or media type too long".into());
    }
    u32::try_from(needle.data.len()).map_err(|_| "more than 4 GiB".into())
}

/// The format's limits on pairs and media type.
const MAX_PAIRS_BYTES: usize = u16::MAX as usize;
const MAX_TEXT_BYTES: usize = u8::MAX as usize;

/// 201 and 204 say it in headers, as 204 has no body.
fn read_written(answer: &Answer, size_bytes: u32) -> Result<Written, String> {
    let crc = answer.headers.get(ETAG).and_then(wire::crc_of_etag).ok_or("an answer without a checksum")?;
    let durability: Durability = answer
        .headers
        .get(header::DURABILITY)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .ok_or("an answer without a durability")?;
    let unchanged = answer.status == StatusCode::NO_CONTENT;
    Ok(Written { size_bytes, crc, unchanged, durability })
}

fn read_stored(answer: Answer) -> Result<StoredNeedle, String> {
    let crc = answer.headers.get(ETAG).and_then(wire::crc_of_etag).ok_or("an answer without a checksum")?;
    let head = answer.headers.get(header::NEEDLE).ok_or("an answer without a needle")?;
    let needle = wire::needle_from_header(head, answer.body).map_err(|error| error.to_string())?;
    Ok(StoredNeedle { needle, crc })
}
