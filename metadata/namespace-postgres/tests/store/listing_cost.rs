//! What a page costs, in blocks that the server looks at: the same in a small bucket and in a large one, and the same
//! whatever lies under the common prefixes that it skips.

use namespace::{Change, Store};
use postgres_fixture::Cluster;

use crate::fixture::{bucket_name, commit, fresh_database, key, object, open, put_bucket};

const SMALL: u32 = 10;
const LARGE: u32 = 4000;
const DIRECTORIES: u32 = 5;

#[tokio::test(flavor = "multi_thread")]
async fn pages_cost_what_they_show() {
    let url = fresh_database().await;
    let store = open(&url).await;
    for (bucket, keys) in [("small", SMALL), ("large", LARGE)] {
        fill(&store, bucket, keys).await;
    }
    Cluster::shared().psql(&url, "VACUUM ANALYZE holdfast.objects");
    for page in [
        "SELECT * FROM holdfast.list_objects('BUCKET', 0, '/', '0', '', '\\xff', 1001)",
        "SELECT * FROM holdfast.list_objects('BUCKET', 0, '/', '0', '003', '\\xff', 1001)",
        "SELECT key FROM holdfast.objects WHERE bucket = 'BUCKET' AND key >= '' AND key < '\\xff' ORDER BY key LIMIT 11",
        "SELECT key FROM holdfast.objects WHERE bucket = 'BUCKET' AND key >= '004' AND key < '\\xff' ORDER BY key LIMIT 11",
        "SELECT EXISTS (SELECT FROM holdfast.objects WHERE bucket = 'BUCKET')",
    ] {
        let small = blocks(&url, &page.replace("BUCKET", "small"));
        let large = blocks(&url, &page.replace("BUCKET", "large"));
        assert!(large <= small + 4 * DIRECTORIES, "{page}: {small} blocks, and {large} in the large bucket");
    }
}

/// `keys` keys in each directory.
async fn fill(store: &dyn Store, bucket: &str, keys: u32) {
    commit(store, vec![put_bucket(bucket)]).await.expect("a commit");
    for directory in 0..DIRECTORIES {
        let puts = (0..keys).map(|number| {
            let key = key(&format!("{directory:03}/{number:08}"));
            Change::PutObject(bucket_name(bucket), key, Box::new(object(number)))
        });
        commit(store, puts.collect()).await.expect("a commit");
    }
}

/// Blocks that a statement looks at, by the store's own plans; planning not counted.
fn blocks(url: &str, sql: &str) -> u32 {
    let plans =
        "SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan;";
    let explain =
        format!("{plans} {sql}; EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) {sql}");
    let plan = Cluster::shared().psql(url, &explain);
    let buffers =
        plan.lines().find(|line| line.contains("Buffers: shared hit=")).expect("the plan tells its blocks");
    let number = |name: &str| {
        let digits = buffers.split(name).nth(1).map(|rest| rest.split(' ').next().unwrap_or_default());
        digits.map_or(0, |digits| digits.parse().expect("a number"))
    };
    number("hit=") + number("read=")
}
