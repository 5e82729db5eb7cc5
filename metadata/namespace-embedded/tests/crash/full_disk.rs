//! A write that fails: the shell lets the process write files up to a size only.

use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    sync::Arc,
};

use namespace::{Namespace, Store};
use types::Durability;

use super::{
    kill::runtime,
    workload::{self, Steps},
};

/// Blocks of 512 bytes that a file may have: the journal soon has more.
const LIMIT_BLOCKS: u32 = 2048;
const WORKER: u64 = 1;

/// Lets a process write until the disk refuses, and looks at what it said and left.
pub(crate) fn writes_stop() {
    let dir = tempfile::tempdir().expect("a directory");
    // Made without the limit: fjall makes a journal larger than that.
    drop(workload::open(dir.path(), Durability::Disk));
    let script = format!("trap '' XFSZ; ulimit -f {LIMIT_BLOCKS}; exec \"$0\"");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().expect("this program"))
        .env("HOLDFAST_CRASH_CHILD", "full-disk")
        .env("DIR", dir.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines: Vec<String> = BufReader::new(child.stdout.take().expect("a pipe"))
        .lines()
        .map(|line| line.expect("a line"))
        .collect();
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{status}: {lines:?}");
    let [acknowledged, first, second, read] = &lines[..] else { panic!("{lines:?}") };
    let acknowledged: u64 = acknowledged.parse().expect("a number");
    assert!(acknowledged > 100, "{acknowledged}");
    assert!(first.starts_with("InDoubt"), "{first}");
    assert!(second.starts_with("Unavailable") && second.contains("read-only"), "{second}");
    assert_eq!(read, "read");
    let stands: Steps = [(WORKER, acknowledged)].into();
    runtime().block_on(workload::verify(workload::open(dir.path(), Durability::Disk), &stands));
}

/// Writes until a write fails, then says how often it did not, what failed, what failed next, and whether
/// reads still work.
pub(crate) fn child() {
    let dir = PathBuf::from(std::env::var("DIR").expect("set by the parent"));
    runtime().block_on(async move {
        let store = workload::open(&dir, Durability::Disk);
        let namespace = Namespace::new(Arc::clone(&store) as Arc<dyn Store>, 1);
        workload::make_bucket(&namespace).await;
        for step in 1.. {
            let Err(failure) = workload::step(&namespace, WORKER, step).await else { continue };
            println!("{}", step - 1);
            println!("{failure}");
            let next = workload::step(&namespace, WORKER, step).await;
            println!("{}", next.expect_err("nothing is written any more"));
            let found = namespace.object(&workload::bucket(), &workload::key(WORKER)).await.expect("a read");
            let expected = workload::after(WORKER, step - 1);
            assert_eq!(found.map(|object| object.size_bytes), expected.map(|object| object.size_bytes));
            println!("read");
            return;
        }
    });
}
