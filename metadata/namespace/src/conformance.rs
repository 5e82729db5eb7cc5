//! The suite that every [`Store`] must pass. A store's tests hold one line:
//!
//! ```text
//! namespace::conformance_suite!(MyFixture::new().await);
//! ```
//!
//! which makes one test of every case. A case gets a [`Fixture`] of its own with an empty store behind it, and
//! panics where the store is wrong.

mod bucket_rows;
mod delete_intents;
mod durability;
mod guards;
mod object_listing;
mod races;
mod rows;
pub(crate) mod samples;
mod upload_rows;

use std::sync::Arc;

use crate::{Change, Commit, Loaded, RowKey, Snapshot, Store};

pub use bucket_rows::*;
pub use delete_intents::*;
pub use durability::*;
pub use guards::*;
pub use object_listing::*;
pub use races::*;
pub use rows::*;
pub use upload_rows::*;

/// One place where a store keeps its rows: a directory, a database.
#[async_trait::async_trait]
pub trait Fixture: Send {
    /// Opens the store. Again: the one before was dropped, and its rows must be there.
    async fn open(&mut self) -> Arc<dyn Store>;
}

/// One `#[tokio::test]` for every case of the suite. The argument is an expression that makes a
/// [`Fixture`](crate::conformance::Fixture); it may await.
#[macro_export]
macro_rules! conformance_suite {
    ($fixture:expr) => {
        $crate::conformance_suite! { $fixture =>
            buckets_round_trip, buckets_are_listed_by_name, occupied_buckets_stay, buckets_do_not_mix,
            objects_round_trip, large_objects_round_trip, later_changes_win, rows_are_loaded_in_the_order_asked,
            stale_guards_conflict, guards_hold_without_a_snapshot, conflicts_apply_nothing, versions_are_never_reused,
            loads_are_of_one_moment,
            hard_keys_are_listed_in_byte_order, listings_agree_with_the_model, pages_cover_a_listing,
            uploads_round_trip, parts_are_listed_by_number, parts_go_with_their_upload,
            upload_listings_agree_with_the_model,
            intents_are_listed_by_id, struck_intents_are_gone, intent_ids_are_never_reused,
            one_of_racing_creations_wins, no_increment_is_lost, no_object_without_a_bucket,
            parts_and_completion_do_not_cross,
            commits_survive_reopening, counters_survive_reopening,
        }
    };
    ($fixture:expr => $($case:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let mut fixture = $fixture;
                $crate::conformance::$case(&mut fixture).await;
            }
        )+
    };
}

/// Commits changes under no guards.
async fn commit(store: &dyn Store, changes: Vec<Change>) {
    let commit = Commit { guards: Vec::new(), snapshot: Snapshot::default(), changes };
    store.commit(commit).await.expect("an unguarded commit is applied");
}

async fn load(store: &dyn Store, keys: &[RowKey]) -> Loaded {
    let loaded = store.load(keys).await.expect("rows load");
    assert_eq!(loaded.rows.len(), keys.len(), "one entry a key");
    loaded
}

/// One row and its version.
async fn load_one(store: &dyn Store, key: &RowKey) -> Option<(crate::Row, crate::RowVersion)> {
    load(store, std::slice::from_ref(key)).await.rows.remove(0)
}
