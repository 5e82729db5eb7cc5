use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use protocol::{
    AssignError, AssignRequest, Master as _,
    wire::{AssignAnswer, Code, Remote},
};
use serde::Serialize;
use topology::Class;

use super::{
    answer::{Failure, json},
    params::Params,
};
use crate::{Master, role::MAX_KEYS_PER_LEASE};

/// `/dir/assign?count=&collection=&replication=&ttl=`
pub(super) async fn assign(State(master): State<Arc<Master>>, params: Params) -> Result<Response, Failure> {
    params.refuse_unsupported(&[])?;
    let Class { collection, placement, ttl } = params.class(master.settings.default_placement)?;
    let count = params.count(MAX_KEYS_PER_LEASE)?;
    let request = AssignRequest { count, collection, placement, ttl };
    let assignment = master.assign(&request).await.map_err(|error| Failure::of(&error))?;
    Ok(json(StatusCode::OK, &AssignAnswer::from(&assignment), params.pretty()))
}

/// What `/vol/grow` answers: how many volumes were made, and what stopped it before all were.
#[derive(Serialize)]
struct Grown {
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
}

const MAX_GROWTH: u64 = 1000;

/// `/vol/grow?count=&collection=&replication=&ttl=&dataCenter=`
pub(super) async fn grow(State(master): State<Arc<Master>>, params: Params) -> Result<Response, Failure> {
    params.refuse_unsupported(&["dataCenter"])?;
    let class = params.class(master.settings.default_placement)?;
    let wanted = params.count(MAX_GROWTH)?;
    for count in 0..wanted {
        if let Err(error) = master.grower.grow(&class, params.get("dataCenter")).await {
            let answer = AssignError::from(error).to_answer();
            let grown = Grown { count, error: Some(answer.error), code: Some(answer.code) };
            return Ok(json(answer.code.status(), &grown, params.pretty()));
        }
    }
    Ok(json(StatusCode::OK, &Grown { count: wanted, error: None, code: None }, params.pretty()))
}
