use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use bytes::Bytes;
use protocol::{AssignRequest, Location, Master as _, NewNeedle, WriteError, Written, collect_bounded};
use serde::Serialize;
use topology::Class;
use types::FileId;

use super::{
    answer::{Failure, json},
    multipart,
    params::Params,
    status::unread,
};
use crate::Master;

/// As weed's volume servers have it.
const MAX_UPLOAD_BYTES: usize = 256 << 20;

/// A volume may fill between the assign and the write.
const ATTEMPTS: usize = 3;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Submitted {
    fid: String,
    file_name: String,
    file_url: String,
    size: u32,
    e_tag: String,
}

/// `POST /submit?collection=&replication=&ttl=`: assigns and writes in one. The body is a form with a file, or the file.
pub(super) async fn submit(
    State(master): State<Arc<Master>>,
    params: Params,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    params.refuse_unsupported(&[])?;
    let class = params.class(master.settings.default_placement)?;
    let needle = NewNeedle { ttl: class.ttl, ..read(&headers, body).await? };
    let file_name = needle.name.clone();
    let (fid, location, written) = store(&master, class, needle).await?;
    let answer = Submitted {
        file_url: format!("{}/{fid}", location.public_url),
        fid: fid.to_string(),
        file_name,
        size: written.size_bytes,
        e_tag: format!("{:08x}", written.crc),
    };
    Ok(json(StatusCode::CREATED, &answer, params.pretty()))
}

async fn read(headers: &HeaderMap, body: Body) -> Result<NewNeedle, Failure> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "content-encoding: send the file as it is",
        ));
    }
    let data: Bytes = collect_bounded(body, MAX_UPLOAD_BYTES).await.map_err(|error| unread(&error))?;
    let content_type = header(header::CONTENT_TYPE);
    if !content_type.trim_start().to_ascii_lowercase().starts_with("multipart/form-data") {
        return Ok(NewNeedle { data, mime: content_type.to_owned(), ..NewNeedle::default() });
    }
    let part = multipart::first_file(content_type, &data)
        .map_err(|error| Failure::bad_request(error.to_string()))?;
    Ok(NewNeedle { data: part.data, name: part.file_name, mime: part.mime, ..NewNeedle::default() })
}

async fn store(
    master: &Master,
    class: Class,
    needle: NewNeedle,
) -> Result<(FileId, Location, Written), Failure> {
    let Class { collection, placement, ttl } = class;
    let request = AssignRequest { count: 1, collection, placement, ttl };
    let mut failed = None;
    for _ in 0..ATTEMPTS {
        let assignment = master.assign(&request).await.map_err(|error| Failure::of(&error))?;
        let fid = assignment.first();
        let Some(location) = assignment.locations.into_iter().next() else { continue };
        match master.servers.at(&location).write(fid, needle.clone()).await {
            Ok(written) => return Ok((fid, location, written)),
            Err(error @ (WriteError::NoVolume(_) | WriteError::ReadOnly { .. })) => failed = Some(error),
            Err(error) => return Err(Failure::of(&error)),
        }
    }
    let last = failed.map(|error| format!(", the last: {error}")).unwrap_or_default();
    Err(Failure::unavailable(format!("{ATTEMPTS} volumes did not take the file{last}")))
}
