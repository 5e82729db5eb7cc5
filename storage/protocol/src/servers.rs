use std::{collections::HashMap, sync::Arc};

use crate::{Location, Volumes};

/// Volume servers by address: the ones in this process directly, all others over HTTP.
#[derive(Clone, Default)]
pub struct Servers {
    local: HashMap<String, Arc<dyn Volumes>>,
}

impl Servers {
    /// Adds a server that runs in this process and is known to the master as `location`.
    pub fn with_local(mut self, location: &Location, server: Arc<dyn Volumes>) -> Self {
        self.local.insert(location.url.clone(), server);
        self
    }

    /// The server that answers at `location`.
    pub fn at(&self, location: &Location) -> Arc<dyn Volumes> {
        match self.local.get(&location.url) {
            Some(server) => Arc::clone(server),
            None => todo!("the HTTP client"),
        }
    }
}
