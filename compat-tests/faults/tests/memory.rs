//! Memory stays bounded, whatever the size of an object.

use std::time::Duration;

use harness::{Options, S3, Server};

const MIB: u64 = 1 << 20;
const SIZE_BYTES: u64 = 5 << 30;

#[tokio::test]
async fn idle_is_small_and_five_gibibytes_go_through_a_little_memory() {
    let server = Server::start(Options::default());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = server.rss_bytes();
    assert!(idle < 60 * MIB, "idle: {} MiB", idle / MIB);

    let s3 = S3::new(&server);
    s3.make_bucket("large").await;
    let sent = s3.put_noise("large", "5g", SIZE_BYTES, 11).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let after_put = server.peak_rss_bytes();
    let digest = s3.get_noise("large", "5g", 11).await;
    assert_eq!(digest, SIZE_BYTES, "bytes that were the same");
    let after_get = server.peak_rss_bytes();
    println!("idle {} MiB, after PUT {} MiB, after GET {} MiB", idle / MIB, after_put / MIB, after_get / MIB);
    assert!(after_get < 300 * MIB, "peak: {} MiB", after_get / MIB);
}
