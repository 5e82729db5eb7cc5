//! `holdfast server`: every role in one process, joined by their traits, nothing over loopback.

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::Instant,
};

use namespace::{AccountId, Namespace, Store};
use namespace_embedded::EmbeddedStore;
use namespace_postgres::PostgresStore;
use objects::Objects;
use protocol::{Location, Master as _, Servers};
use s3::{DoorSettings, RootCredentials, S3Door};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use types::Durability;

use crate::{
    Failure,
    config::without_password,
    credentials::RootKeys,
    data_dir::DataDir,
    logging,
    settings::{ByteSize, Resolved, Span},
};

/// Runs until SIGTERM or SIGINT, then drains.
pub fn run(settings: &Resolved) -> Result<(), Failure> {
    let started = Instant::now();
    logging::start(settings)?;
    let data = DataDir::open(Path::new(settings.text("data")))?;
    let keys = RootKeys::load(settings, &data.sub("credentials"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start(settings, &data, &keys).await?;
        server.announce(settings, &keys, started)?;
        stop_signal().await?;
        server.stop().await
    })
}

/// The roles while they run.
struct Server {
    s3: std::net::SocketAddr,
    master_address: std::net::SocketAddr,
    volume_address: std::net::SocketAddr,
    doors: Vec<JoinHandle<io::Result<()>>>,
    heartbeats: JoinHandle<()>,
    stop_doors: CancellationToken,
    stop_roles: CancellationToken,
    objects: Objects,
    master: Arc<master::Master>,
    volumes: Arc<volume_server::VolumeServer>,
}
