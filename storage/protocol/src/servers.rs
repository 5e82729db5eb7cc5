use std::{collections::HashMap, sync::Arc};

use parking_lot::RwLock;

use crate::{HttpClient, HttpVolumes, Location, Volumes};

/// Volume servers by address: the ones in this process directly, all others over HTTP. Cheap to clone; clones
/// share connections.
#[derive(Clone, Default)]
pub struct Servers {
    local: HashMap<String, Arc<dyn Volumes>>,
    remote: Arc<RwLock<HashMap<String, Arc<dyn Volumes>>>>,
    client: HttpClient,
}

/// Past this many addresses the cache starts anew: a cluster whose servers change ports must not fill memory.
const MAX_CACHED: usize = 4096;

impl Servers {
    /// No local servers; others are reached with `client`.
    pub fn new(client: HttpClient) -> Self {
        Self { client, ..Self::default() }
    }

    /// Adds a server that runs in this process and is known to the master as `location`.
    pub fn with_local(mut self, location: &Location, server: Arc<dyn Volumes>) -> Self {
        self.local.insert(location.url.clone(), server);
        self
    }

    /// The server that answers at `location`.
    pub fn at(&self, location: &Location) -> Arc<dyn Volumes> {
        if let Some(server) = self.local.get(&location.url) {
            return Arc::clone(server);
        }
        if let Some(server) = self.remote.read().get(&location.url) {
            return Arc::clone(server);
        }
        self.connect(location)
    }

    fn connect(&self, location: &Location) -> Arc<dyn Volumes> {
        let mut remote = self.remote.write();
        if remote.len() >= MAX_CACHED {
            remote.clear();
        }
        let server = remote
            .entry(location.url.clone())
            .or_insert_with(|| Arc::new(HttpVolumes::new(location.url.clone(), self.client.clone())));
        Arc::clone(server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str) -> Location {
        Location { url: url.into(), public_url: url.into() }
    }

    #[test]
    fn local_servers_are_called_in_process_and_clients_are_shared() {
        let local: Arc<dyn Volumes> = Arc::new(HttpVolumes::new("stands:in", HttpClient::default()));
        let servers = Servers::default().with_local(&at("a:1"), Arc::clone(&local));
        assert!(Arc::ptr_eq(&servers.at(&at("a:1")), &local));
        let remote = servers.at(&at("b:1"));
        assert!(!Arc::ptr_eq(&remote, &local));
        assert!(Arc::ptr_eq(&remote, &servers.clone().at(&at("b:1"))));
    }

    #[test]
    fn the_cache_is_bounded() {
        let servers = Servers::default();
        for port in 0..=MAX_CACHED {
            servers.at(&at(&format!("a:{port}")));
        }
        assert!(servers.remote.read().len() <= MAX_CACHED);
    }
}
