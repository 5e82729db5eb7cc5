//! The suite of every store, on a database of its own for every case.

use std::sync::Arc;

use namespace::{Store, conformance::Fixture};
use namespace_postgres::{PostgresStore, Settings};
use postgres_fixture::Cluster;

struct Database {
    url: String,
}

impl Database {
    async fn fresh() -> Self {
        let url = tokio::task::spawn_blocking(|| Cluster::shared().fresh_database()).await;
        Self { url: url.expect("a database") }
    }
}

#[async_trait::async_trait]
impl Fixture for Database {
    async fn open(&mut self) -> Arc<dyn Store> {
        let store = PostgresStore::connect(&self.url, Settings::default()).await;
        Arc::new(store.expect("the cluster runs"))
    }
}

namespace::conformance_suite!(Database::fresh().await);
