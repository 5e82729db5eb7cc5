//! The suite of every store, on a database of its own for every case.

use std::sync::Arc;

use namespace::{Store, conformance::Fixture};

use crate::fixture;

struct Database {
    url: String,
}

#[async_trait::async_trait]
impl Fixture for Database {
    async fn open(&mut self) -> Arc<dyn Store> {
        Arc::new(fixture::open(&self.url).await)
    }
}

namespace::conformance_suite!(Database { url: fixture::fresh_database().await });
