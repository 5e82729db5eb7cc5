use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use protocol::{
    LookupError, Master as _,
    wire::{Code, LookupAnswer, Remote},
};
use serde::Serialize;
use types::{FileId, VolumeId};

use super::{
    answer::{Failure, json},
    params::Params,
};
use crate::Master;

/// `/dir/lookup?volumeId=3`, where `3,01637037d6` will do as well, or `?fileId=3,01637037d6`
pub(super) async fn lookup(State(master): State<Arc<Master>>, params: Params) -> Result<Response, Failure> {
    let asked = params.get("fileId").or_else(|| params.get("volumeId"));
    let asked = asked.ok_or_else(|| Failure::bad_request("volumeId: missing"))?;
    let volume: VolumeId = asked
        .split_once(',')
        .map_or(asked, |(volume, _)| volume)
        .parse()
        .map_err(|_| Failure::bad_request(format!("volumeId: {asked:?} is no volume or file id")))?;
    Ok(match master.lookup(volume).await {
        Ok(locations) => {
            let answer = LookupAnswer { volume_id: volume.to_string(), locations };
            json(StatusCode::OK, &answer, params.pretty())
        }
        Err(error @ LookupError::NotFound(_)) => not_found(volume, &error, params.pretty()),
        Err(error) => Failure::of(&error).into_response(),
    })
}

/// As weed says it: with the id.
fn not_found(volume: VolumeId, error: &LookupError, pretty: bool) -> Response {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        volume_id: String,
        error: String,
        code: Code,
    }
    let found = error.to_answer();
    let answer = Answer { volume_id: volume.to_string(), error: found.error, code: found.code };
    json(found.code.status(), &answer, pretty)
}

/// `GET /<fid>`: to a server that holds the volume; the copies take turns. A file ending is allowed after the id.
pub(super) async fn redirect(
    State(master): State<Arc<Master>>,
    Path(text): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let id = text.split_once('.').map_or(text.as_str(), |(id, _)| id);
    let fid: FileId = id.parse().map_err(|error| match text.contains(',') {
        true => Failure::bad_request(format!("{error}")),
        false => Failure::new(StatusCode::NOT_FOUND, "no such page"),
    })?;
    let locations = master.lookup(fid.volume).await.map_err(|error| Failure::of(&error))?;
    let turn = master.next_turn().checked_rem(locations.len()).and_then(|turn| locations.get(turn));
    let owner = turn.ok_or_else(|| Failure::of(&LookupError::NotFound(fid.volume)))?;
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let url = format!("http://{}/{id}{query}", owner.public_url);
    let page = format!("<a href=\"http://{}/{fid}\">Moved Permanently</a>.\n\n", owner.public_url);
    Ok((StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, url)], Html(page)).into_response())
}
