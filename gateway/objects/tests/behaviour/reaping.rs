use types::VolumeId;

use super::{
    fakes::{Fixture, Mode},
    support::*,
};

#[tokio::test]
async fn replaced_and_deleted_needles_go_after_the_delay() {
    let delay = std::time::Duration::from_millis(400);
    let settings = objects::Settings { reap_delay: delay, ..settings() };
    let fixture = Fixture::new(settings).await;
    put(&fixture.objects, "replaced", &bytes(2 * CHUNK, 1)).await.expect("stores");
    put(&fixture.objects, "deleted", &bytes(10, 2)).await.expect("stores");
    let freed = std::time::Instant::now();
    put(&fixture.objects, "replaced", &bytes(10, 3)).await.expect("stores");
    fixture.objects.delete(&bucket(), &key("deleted"), Default::default()).await.expect("deletes");
    let needles = fixture.cluster.needles(0).len();
    assert!(needles == 4 || freed.elapsed() >= delay, "requests under way may still read them");
    fixture.reaped().await;
    assert!(freed.elapsed() >= delay);
    let kept = fixture.objects.lookup(&bucket(), &key("replaced")).await.expect("is there");
    assert_eq!(fixture.cluster.needles(0), kept.needles().collect::<Vec<_>>());
    eventually("they are counted", || async {
        let stats = fixture.objects.reaper_stats();
        (stats.needles_deleted, stats.intents_kept) == (3, 0)
    })
    .await;
}

#[tokio::test]
async fn needles_of_a_volume_that_is_away_wait_and_others_do_not() {
    let fixture = Fixture::new(settings()).await;
    let data = bytes(10, 1);
    for i in 0..40 {
        put(&fixture.objects, &format!("a{i}"), &data).await.expect("stores");
    }
    for mode in [Mode::Away, Mode::ReadOnly] {
        fixture.cluster.set(0, 1, Mode::ReadOnly);
        fixture.cluster.name_writable(&[2]);
        put(&fixture.objects, "b", &data).await.expect("stores on volume 2");
        fixture.cluster.set(0, 1, mode);
        for i in 0..20 {
            let key = key(&format!("a{}", i + 20 * usize::from(mode == Mode::Away)));
            fixture.objects.delete(&bucket(), &key, Default::default()).await.expect("deletes");
        }
        fixture.objects.delete(&bucket(), &key("b"), Default::default()).await.expect("deletes");
        let on_volume_2 = || async { fixture.cluster.needles(0).iter().any(|fid| fid.volume == VolumeId(2)) };
        eventually("volume 2 is reaped", || async { !on_volume_2().await }).await;
        eventually("volume 1 is told of", || async {
            let stats = fixture.objects.reaper_stats();
            stats.intents_kept == 20 && stats.failing.iter().any(|(volume, _)| *volume == VolumeId(1))
        })
        .await;
        assert_eq!(fixture.intents().await.len(), 20);
        fixture.cluster.set(0, 1, Mode::Well);
        fixture.reaped().await;
    }
    assert_eq!(fixture.cluster.needles(0), []);
}

#[tokio::test]
async fn needles_of_a_volume_that_is_gone_are_gone() {
    let fixture = Fixture::new(settings()).await;
    put(&fixture.objects, "k", &bytes(10, 1)).await.expect("stores");
    fixture.cluster.set(0, 1, Mode::Moved);
    fixture.cluster.state.lock().gone = vec![VolumeId(1)];
    fixture.objects.delete(&bucket(), &key("k"), Default::default()).await.expect("deletes");
    fixture.reaped().await;
}

#[tokio::test]
async fn a_copy_that_missed_a_delete_gets_it_later() {
    let fixture = Fixture::with_copies(2, settings()).await;
    let stored = put(&fixture.objects, "k", &bytes(10, 1)).await.expect("stores");
    let needle = stored.object.needles().next().unwrap();
    fixture.cluster.lose(0, needle);
    fixture.cluster.set(1, 1, Mode::Away);
    fixture.objects.delete(&bucket(), &key("k"), Default::default()).await.expect("deletes");
    eventually("the intent waits", || async { fixture.objects.reaper_stats().intents_kept == 1 }).await;
    assert_eq!(fixture.cluster.needles(1), [needle]);
    fixture.cluster.set(1, 1, Mode::Well);
    fixture.reaped().await;
    assert_eq!(fixture.cluster.needles(1), []);
}

#[tokio::test]
async fn many_intents_are_struck_in_pages() {
    let fixture = Fixture::new(settings()).await;
    let deletes = (0..1_500).map(|i| {
        let objects = fixture.objects.clone();
        async move {
            let name = format!("k{i}");
            put(&objects, &name, &bytes(1, 1)).await.expect("stores");
            (key(&name), Default::default())
        }
    });
    let keys = futures::future::join_all(deletes).await;
    for deleted in fixture.objects.delete_many(&bucket(), keys).await {
        deleted.expect("deletes");
    }
    fixture.reaped().await;
    assert_eq!(fixture.cluster.needles(0), []);
    eventually("all are counted", || async {
        let stats = fixture.objects.reaper_stats();
        (stats.needles_deleted, stats.intents_struck, stats.intents_kept) == (1_500, 1_500, 0)
    })
    .await;
}
