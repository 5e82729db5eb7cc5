//! `holdfast server`: every role in one process, joined by their traits, nothing over loopback.

mod doors;
mod store;

use std::{
    io::{self, Write},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::Router;
use master::Master;
use namespace::Namespace;
use objects::Objects;
use protocol::{Location, Master as _, Servers};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use volume::IndexWidth;
use volume_server::VolumeServer;

use crate::{
    Failure,
    credentials::RootKeys,
    data_dir::DataDir,
    logging,
    settings::{ByteSize, Resolved, Span},
};
use doors::{Addresses, Listeners, s3_door};

/// Runs until SIGTERM or SIGINT, then drains.
pub fn run(settings: &Resolved) -> Result<(), Failure> {
    let started = Instant::now();
    logging::start(settings)?;
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        // Ports and directory first: what cannot be had is said before anything is made.
        let listeners = Listeners::bind(settings).await?;
        let data = DataDir::open(Path::new(settings.text("data")))?;
        let keys = RootKeys::load(settings, &data.sub("credentials"))?;
        let server = Server::start(settings, &data, &keys, listeners).await?;
        server.announce(settings, &keys, started)?;
        stop_signal().await?;
        tracing::info!("stopping: requests under way are finished");
        server.stop().await;
        Ok(())
    })
}

/// The roles while they run.
struct Server {
    addresses: Addresses,
    doors: Vec<JoinHandle<()>>,
    heartbeats: JoinHandle<()>,
    stop_doors: CancellationToken,
    stop_heartbeats: CancellationToken,
    objects: Objects,
    namespace: Namespace,
    master: Arc<Master>,
    volumes: Arc<VolumeServer>,
}

impl Server {
    async fn start(
        settings: &Resolved,
        data: &DataDir,
        keys: &RootKeys,
        listeners: Listeners,
    ) -> Result<Self, Failure> {
        let addresses = listeners.addresses()?;
        let (volumes, store) =
            tokio::try_join!(open_volumes(settings, data, &addresses), store::open(settings, data))?;
        let location = location(&addresses);
        let servers = Servers::default().with_local(&location, volumes.clone());
        let master = open_master(settings, data, &addresses, servers.clone()).await?;
        // The master must know every volume before the first request may ask it for one.
        master.heartbeat(volumes.heartbeat()).await?;

        let (stop_doors, stop_heartbeats) = (CancellationToken::new(), CancellationToken::new());
        let namespace = Namespace::new(store.store, store.lanes);
        let objects = Objects::new(namespace.clone(), master.clone(), servers, object_settings(settings)?);
        let door = s3_door(settings, keys, objects.clone());
        let doors = vec![
            tokio::spawn(serve(listeners.master, master::router(Arc::clone(&master)), stop_doors.clone())),
            tokio::spawn(serve(listeners.volume, volumes.router(), stop_doors.clone())),
            tokio::spawn(s3::serve(listeners.s3, door, stop_doors.clone())),
        ];
        let beats = Arc::clone(&volumes).run_heartbeats(master.clone(), stop_heartbeats.clone());
        let heartbeats = tokio::spawn(beats);
        Ok(Self {
            addresses,
            doors,
            heartbeats,
            stop_doors,
            stop_heartbeats,
            objects,
            namespace,
            master,
            volumes,
        })
    }

    /// Tells a person what to do next. The last line begins with `Ready`.
    fn announce(&self, settings: &Resolved, keys: &RootKeys, started: Instant) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let s3 = self.addresses.s3;
        writeln!(out, "Holdfast {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "  S3           http://{s3}")?;
        writeln!(out, "  Master       http://{}", self.addresses.master)?;
        writeln!(out, "  Volumes      http://{}", self.addresses.volume)?;
        writeln!(out, "  Data         {}", settings.text("data"))?;
        writeln!(out, "  Durability   {}", self.objects.durability())?;
        match &keys.file {
            Some(file) => {
                let file = file.display();
                writeln!(out, "  Credentials  {file}")?;
                writeln!(
                    out,
                    "  Try          AWS_SHARED_CREDENTIALS_FILE={file} aws --endpoint-url http://{s3} s3 ls"
                )?;
            }
            None => {
                writeln!(out, "  Credentials  as given, access key {}", keys.access_key)?;
                writeln!(out, "  Try          aws --endpoint-url http://{s3} s3 ls")?;
            }
        }
        writeln!(out, "Ready after {} ms", started.elapsed().as_millis())?;
        out.flush()
    }

    /// Doors first, then what they use, so that every request under way finds its roles.
    async fn stop(self) {
        self.stop_doors.cancel();
        for door in self.doors {
            // A door that panicked has nothing left to drain.
            let _ = door.await;
        }
        self.objects.close().await;
        self.namespace.close().await;
        self.stop_heartbeats.cancel();
        let _ = self.heartbeats.await;
        self.master.close().await;
        self.volumes.close().await;
    }
}

async fn open_volumes(
    settings: &Resolved,
    data: &DataDir,
    addresses: &Addresses,
) -> Result<Arc<VolumeServer>, Failure> {
    let max_volumes = match settings.text("max-volumes") {
        "auto" => None,
        _ => Some(settings.get("max-volumes")?),
    };
    let index_width = match settings.text("offset-width") {
        "4" => IndexWidth::Four,
        "5" => IndexWidth::Five,
        other => return Err(format!("setting offset-width = {other:?}: 4 or 5").into()),
    };
    let settings = volume_server::Settings {
        index_width,
        durability: settings.get("durability")?,
        max_volumes,
        ..volume_server::Settings::new(vec![data.sub("volumes")], location(addresses))
    };
    Ok(VolumeServer::open(settings).await?)
}

async fn open_master(
    settings: &Resolved,
    data: &DataDir,
    addresses: &Addresses,
    servers: Servers,
) -> Result<Arc<Master>, Failure> {
    let ByteSize(volume_size_limit_bytes) = settings.get("volume-size-limit")?;
    let settings = master::Settings {
        volume_size_limit_bytes,
        // The one volume server reports before the doors open.
        warm_up: Duration::ZERO,
        ..master::Settings::new(data.sub("master"), addresses.master.to_string())
    };
    Ok(Master::open(settings, servers).await?)
}

fn object_settings(settings: &Resolved) -> Result<objects::Settings, Failure> {
    let ByteSize(chunk_bytes) = settings.get("chunk-size")?;
    let ByteSize(buffer_budget_bytes) = settings.get("buffer-budget")?;
    let Span(reap_delay) = settings.get("reap-delay")?;
    Ok(objects::Settings {
        chunk_bytes: usize::try_from(chunk_bytes)?,
        buffer_budget_bytes: usize::try_from(buffer_budget_bytes)?,
        reap_delay,
        ..objects::Settings::default()
    })
}

fn location(addresses: &Addresses) -> Location {
    let url = addresses.volume.to_string();
    Location { public_url: url.clone(), url }
}

/// An inner door: answers until it is told to stop, then finishes what is under way, within bounds.
async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let served = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned());
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_LIMIT).await;
    };
    // Cancel-safe: a door that is dropped closes what it still had open.
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::error!(%error, "an inner door failed");
        },
        () = late => tracing::warn!("an inner door was closed on requests that did not end"),
    }
}

/// How long requests on the inner doors may take to end.
const DRAIN_LIMIT: Duration = Duration::from_secs(30);

/// Every volume keeps two files open, and shells allow 1,024 by default: takes all that the system grants.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Returns when the process is asked to stop.
async fn stop_signal() -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // Cancel-safe: a signal that is lost here has been received by the other branch.
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
