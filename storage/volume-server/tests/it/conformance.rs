use std::sync::Arc;

use protocol::{HttpClient, HttpVolumes};
use types::VolumeId;

use crate::support::Fixture;

#[tokio::test(flavor = "multi_thread")]
async fn in_process() {
    let fixture = Fixture::start().await;
    protocol::conformance::volumes(fixture.server.clone(), VolumeId(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http() {
    let fixture = Fixture::start().await;
    let client = HttpVolumes::new(fixture.address.clone(), HttpClient::default());
    protocol::conformance::volumes(Arc::new(client), VolumeId(10)).await;
}
