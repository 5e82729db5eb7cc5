use types::Timestamp;

use super::{
    Fixture, commit,
    samples::{moment, needle},
};
use crate::{Change, DeleteIntent, IntentId, Store};

/// Delete intents are listed by id, which is the order of their making; after an id, up to a moment and a limit.
pub async fn intents_are_listed_by_id(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    assert_eq!(intents(&*store, None, u64::MAX, 10).await, []);
    commit(&*store, vec![free(10, 0..3), free(10, 3..4)]).await;
    commit(&*store, vec![free(20, 4..1004)]).await;
    commit(&*store, vec![free(30, 1004..1005)]).await;
    let all = intents(&*store, None, 30, 10).await;
    let content: Vec<_> = all.iter().map(|intent| (intent.freed, intent.needles.clone())).collect();
    let expected = [(10, 0..3), (10, 3..4), (20, 4..1004), (30, 1004..1005)];
    assert_eq!(content, expected.map(|(millis, needles)| (moment(millis), needles.map(needle).collect())));
    assert!(all.is_sorted_by(|a, b| a.id < b.id));
    assert_eq!(intents(&*store, None, 29, 10).await, all[..3]);
    assert_eq!(intents(&*store, None, 10, 10).await, all[..2]);
    assert_eq!(intents(&*store, None, 9, 10).await, []);
    assert_eq!(intents(&*store, None, 30, 3).await, all[..3]);
    assert_eq!(intents(&*store, Some(all[0].id), 30, 2).await, all[1..3]);
    assert_eq!(intents(&*store, Some(all[2].id), 20, 10).await, []);
    assert_eq!(intents(&*store, Some(all[3].id), 30, 10).await, []);
}

/// A struck intent is gone; striking it again does no harm.
pub async fn struck_intents_are_gone(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, (0..5).map(|number| free(number, number..number + 1)).collect()).await;
    let all = intents(&*store, None, 10, 10).await;
    commit(&*store, vec![Change::Strike(all[0].id), Change::Strike(all[3].id)]).await;
    let left = [all[1].clone(), all[2].clone(), all[4].clone()];
    assert_eq!(intents(&*store, None, 10, 10).await, left);
    commit(&*store, vec![Change::Strike(all[0].id), free(9, 9..10)]).await;
    let later = intents(&*store, None, 10, 10).await;
    assert_eq!(later[..3], left);
    assert_eq!(later.len(), 4);
    commit(&*store, later.iter().map(|intent| Change::Strike(intent.id)).collect()).await;
    assert_eq!(intents(&*store, None, 10, 10).await, []);
    commit(&*store, vec![free(9, 9..10)]).await;
    assert_eq!(intents(&*store, None, 10, 10).await.len(), 1);
}

/// The id of a struck intent does not come back, not even after reopening an empty store.
pub async fn intent_ids_are_never_reused(fixture: &mut dyn Fixture) {
    let mut last: Option<IntentId> = None;
    for _ in 0..3 {
        let store = fixture.open().await;
        for _ in 0..2 {
            commit(&*store, vec![free(1, 0..1)]).await;
            let [DeleteIntent { id, .. }] = intents(&*store, None, 10, 10).await[..] else {
                panic!("one intent is there")
            };
            assert!(last.is_none_or(|last| id > last), "{id:?} after {last:?}");
            commit(&*store, vec![Change::Strike(id)]).await;
            last = Some(id);
        }
    }
}

fn free(millis: u64, needles: std::ops::Range<u64>) -> Change {
    Change::Free(moment(millis), needles.map(needle).collect())
}

async fn intents(store: &dyn Store, after: Option<IntentId>, millis: u64, limit: usize) -> Vec<DeleteIntent> {
    let until = if millis == u64::MAX { Timestamp::from_millis(i64::MAX as u64) } else { moment(millis) };
    store.delete_intents(after, until, limit).await.expect("a listing")
}
