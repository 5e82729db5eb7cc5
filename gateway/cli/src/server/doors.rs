//! Where the doors of the process listen.

use std::{io, net::SocketAddr, sync::Arc};

use objects::Objects;
use s3::{DoorSettings, RootCredentials, S3Door, Secret};
use tokio::net::TcpListener;

use crate::{Failure, credentials::RootKeys, settings::Resolved};

/// One socket a door, bound before anything else is done.
pub struct Listeners {
    pub s3: TcpListener,
    pub master: TcpListener,
    pub volume: TcpListener,
}

/// The addresses that were bound: never with port 0.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    pub s3: SocketAddr,
    pub master: SocketAddr,
    pub volume: SocketAddr,
}

impl Listeners {
    /// As the settings say.
    pub async fn bind(settings: &Resolved) -> Result<Self, Failure> {
        Ok(Self {
            s3: bind(settings, "s3").await?,
            master: bind_loopback(settings, "master").await?,
            volume: bind_loopback(settings, "volume").await?,
        })
    }

    /// Where they listen.
    pub fn addresses(&self) -> io::Result<Addresses> {
        Ok(Addresses {
            s3: self.s3.local_addr()?,
            master: self.master.local_addr()?,
            volume: self.volume.local_addr()?,
        })
    }
}

async fn bind(settings: &Resolved, name: &str) -> Result<TcpListener, Failure> {
    let address: SocketAddr = settings.get(name)?;
    TcpListener::bind(address).await.map_err(|error| format!("{name} address {address}: {error}").into())
}

/// The inner doors ask nobody for a key, so nobody else may reach them.
async fn bind_loopback(settings: &Resolved, name: &str) -> Result<TcpListener, Failure> {
    let address: SocketAddr = settings.get(name)?;
    if !address.ip().is_loopback() {
        return Err(format!(
            "{name} address {address}: only loopback addresses, since this door has no lock"
        )
        .into());
    }
    bind(settings, name).await
}

/// The S3 door with the root account's keys.
pub fn s3_door(settings: &Resolved, keys: &RootKeys, objects: Objects) -> S3Door {
    let secret = Secret::new(keys.secret_key.as_str());
    let credentials = Arc::new(RootCredentials::new(keys.access_key.as_str(), secret));
    let domains = settings.text("domain").split(',').map(str::trim).filter(|domain| !domain.is_empty());
    let door = DoorSettings {
        region: settings.text("region").to_owned(),
        domains: domains.map(str::to_owned).collect(),
        ..DoorSettings::new(credentials)
    };
    S3Door::new(objects, door)
}
