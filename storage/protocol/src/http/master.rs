use bytes::Bytes;
use http::{Request, header::CONTENT_TYPE};
use http_body_util::Full;
use types::VolumeId;

use super::client::{Answer, HttpClient, uri};
use crate::{
    AssignError, AssignRequest, Assignment, Heartbeat, HeartbeatReply, Location, LookupError, Master,
    MasterError,
    wire::{self, AssignAnswer, LookupAnswer, Remote},
};

/// A master in another process.
pub struct HttpMaster {
    address: String,
    client: HttpClient,
}

impl HttpMaster {
    /// The master that answers at `address`, `host:port`.
    pub fn new(address: impl Into<String>, client: HttpClient) -> Self {
        Self { address: address.into(), client }
    }

    async fn get(&self, path: &str) -> Result<Answer, String> {
        let request = Request::get(uri(&self.address, path)?).body(Full::default());
        self.client.send(request.map_err(|error| error.to_string())?).await
    }

    async fn post(&self, path: &str, body: impl serde::Serialize) -> Result<Answer, String> {
        let json = serde_json::to_vec(&body).map_err(|error| error.to_string())?;
        let request = Request::post(uri(&self.address, path)?)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(json)));
        self.client.send(request.map_err(|error| error.to_string())?).await
    }

    /// Says which master.
    fn at(&self, reason: impl std::fmt::Display) -> String {
        format!("master {}: {reason}", self.address)
    }
}

#[async_trait::async_trait]
impl Master for HttpMaster {
    async fn assign(&self, request: &AssignRequest) -> Result<Assignment, AssignError> {
        let unavailable = |reason: String| AssignError::unavailable(self.at(reason), ());
        let answer = self.get(&wire::assign_path(request)).await.map_err(unavailable)?;
        if !answer.status.is_success() {
            return Err(answer.error(()));
        }
        let assigned: AssignAnswer = answer.json().map_err(unavailable)?;
        if assigned.count < request.count || assigned.url.is_empty() {
            return Err(unavailable(format!("{} of {} keys", assigned.count, request.count)));
        }
        Assignment::try_from(assigned).map_err(|error| unavailable(error.to_string()))
    }

    async fn lookup(&self, volume: VolumeId) -> Result<Vec<Location>, LookupError> {
        let unavailable = |reason: String| LookupError::unavailable(self.at(reason), volume);
        let answer = self.get(&wire::lookup_path(volume)).await.map_err(unavailable)?;
        if !answer.status.is_success() {
            return Err(answer.error(volume));
        }
        let found: LookupAnswer = answer.json().map_err(unavailable)?;
        if found.locations.is_empty() {
            return Err(unavailable(format!("no locations for volume {volume}")));
        }
        Ok(found.locations)
    }

    async fn heartbeat(&self, heartbeat: Heartbeat) -> Result<HeartbeatReply, MasterError> {
        let unavailable = |reason: String| MasterError::unavailable(self.at(reason), ());
        let answer = self.post(wire::path::HEARTBEAT, &heartbeat).await.map_err(unavailable)?;
        if !answer.status.is_success() {
            return Err(answer.error(()));
        }
        answer.json().map_err(unavailable)
    }
}
