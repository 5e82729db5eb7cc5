use objects::PutError;
use types::VolumeId;

use super::{
    fakes::{Fixture, Mode},
    support::*,
};

#[tokio::test]
async fn keys_are_leased_ahead() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(1, 1);
    for _ in 0..3_000 {
        put(&fixture.objects, "k", &data).await.expect("stores");
    }
    let state = fixture.cluster.state.lock();
    assert!(state.assigns <= 5, "{} questions to the master", state.assigns);
    assert_eq!(state.writes, 3_000);
}

#[tokio::test]
async fn no_address_is_used_twice() {
    let fixture = Fixture::new(settings()).await;
    fixture.cluster.name_writable(&[1, 2]);
    let puts = (0..2_000).map(|i| {
        let objects = fixture.objects.clone();
        async move { put(&objects, &format!("k{i}"), &bytes(1, 1)).await.expect("stores") }
    });
    let mut keys: Vec<_> = futures::future::join_all(puts)
        .await
        .iter()
        .flat_map(|stored| stored.object.needles().map(|fid| fid.key).collect::<Vec<_>>())
        .collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 2_000);
}

#[tokio::test]
async fn a_volume_that_takes_no_writes_is_left() {
    for mode in [Mode::ReadOnly, Mode::Moved, Mode::Away] {
        let fixture = Fixture::new(settings()).await;
        let data = bytes(10, 1);
        put(&fixture.objects, "before", &data).await.expect("stores");
        fixture.cluster.set(0, 1, mode);
        fixture.cluster.name_writable(&[1, 2]);
        let stored = put(&fixture.objects, "after", &data).await.expect("stores elsewhere");
        assert_eq!(stored.object.needles().next().unwrap().volume, VolumeId(2), "{mode:?}");
        let writes = fixture.cluster.state.lock().writes;
        for _ in 0..10 {
            put(&fixture.objects, "after", &data).await.expect("stores elsewhere");
        }
        assert_eq!(fixture.cluster.state.lock().writes, writes + 10, "nobody asks volume 1 again");
    }
}

#[tokio::test]
async fn without_any_volume_nothing_is_stored() {
    let fixture = Fixture::new(settings()).await;
    fixture.cluster.name_writable(&[]);
    let error = put(&fixture.objects, "k", &bytes(10, 1)).await.expect_err("no volumes");
    assert!(matches!(error, PutError::Unavailable(_)), "{error:?}");
    fixture.cluster.name_writable(&[1]);
    fixture.cluster.set(0, 1, Mode::ReadOnly);
    let error = put(&fixture.objects, "k", &bytes(10, 1)).await.expect_err("no volume takes it");
    assert!(matches!(error, PutError::Unavailable(_)), "{error:?}");
    assert_eq!(fixture.cluster.needles(0), []);
}
