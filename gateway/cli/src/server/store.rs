//! The namespace's store, as the setting `metadata` says.

use std::sync::Arc;

use namespace::Store;
use namespace_embedded::EmbeddedStore;
use namespace_postgres::PostgresStore;

use crate::{Failure, data_dir::DataDir, settings::Resolved};

/// A store and how many batches it takes at once.
pub struct Opened {
    pub store: Arc<dyn Store>,
    pub lanes: usize,
}

/// PostgreSQL commits two batches in the time of one; more only makes them smaller.
const POSTGRES_LANES: usize = 2;

/// Opens or makes it.
pub async fn open(settings: &Resolved, data: &DataDir) -> Result<Opened, Failure> {
    let durability = settings.get("durability")?;
    match settings.text("metadata") {
        "embedded" => {
            let dir = data.sub("namespace");
            let settings = namespace_embedded::Settings { durability, ..Default::default() };
            let open = move || EmbeddedStore::open(&dir, &settings);
            let store = tokio::task::spawn_blocking(open).await??;
            Ok(Opened { store: Arc::new(store), lanes: 1 })
        }
        url if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
            let settings = namespace_postgres::Settings { durability, ..Default::default() };
            let store = PostgresStore::connect(url, settings).await?;
            Ok(Opened { store: Arc::new(store), lanes: POSTGRES_LANES })
        }
        _ => Err("setting metadata: embedded, or postgres://user:password@host/database".into()),
    }
}
