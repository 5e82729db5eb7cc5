//! The suite that every store must pass, on the embedded one.

use std::sync::Arc;

use namespace::{Store, conformance::Fixture};
use namespace_embedded::{EmbeddedStore, Settings};
use tempfile::TempDir;
use types::Durability;

struct Directory {
    dir: TempDir,
    durability: Durability,
}

impl Directory {
    fn new(durability: Durability) -> Self {
        Self { dir: tempfile::tempdir().expect("a directory"), durability }
    }
}

#[async_trait::async_trait]
impl Fixture for Directory {
    async fn open(&mut self) -> Arc<dyn Store> {
        let settings = Settings { durability: self.durability, ..Settings::default() };
        Arc::new(EmbeddedStore::open(self.dir.path(), &settings).expect("the store opens"))
    }
}

mod disk {
    use super::{Directory, Durability};
    namespace::conformance_suite!(Directory::new(Durability::Disk));
}

mod memory {
    use super::{Directory, Durability};
    namespace::conformance_suite!(Directory::new(Durability::Memory));
}
