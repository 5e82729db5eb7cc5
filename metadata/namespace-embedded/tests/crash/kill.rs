//! A process that is killed in the midst of commits.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use namespace::{Namespace, Store};
use rand::Rng;
use types::Durability;

use super::workload::{self, Steps, WORKERS};

/// Kills a writing process again and again, at random moments, and looks at what it left.
pub(crate) fn rounds(durability: Durability, rounds: u32) {
    let dir = tempfile::tempdir().expect("a directory");
    let mut stands: Steps = (0..WORKERS).map(|worker| (worker, 0)).collect();
    for round in 0..rounds {
        let longest = if round % 3 == 0 { 1500 } else { 300 };
        let life = Duration::from_millis(rand::rng().random_range(1..longest));
        let acknowledged = write_until_killed(dir.path(), durability, &stands, life);
        stands = runtime().block_on(workload::verify(workload::open(dir.path(), durability), &acknowledged));
    }
    let steps: u64 = stands.values().sum();
    assert!(steps > 500, "only {steps} steps in {rounds} rounds: this shows nothing");
}

/// Kills a process while it makes a store, and expects the next to make it.
pub(crate) fn first_starts() {
    for millis in [0, 2, 4, 6, 8, 10, 15, 20, 30, 50, 80, 120] {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = dir.path().join("not/yet/there");
        let stands: Steps = [(0, 0)].into();
        let acknowledged =
            write_until_killed_at(&dir, Durability::Disk, &stands, Duration::from_millis(millis), false);
        runtime().block_on(workload::verify(workload::open(&dir, Durability::Disk), &acknowledged));
    }
}

fn write_until_killed(dir: &Path, durability: Durability, stands: &Steps, life: Duration) -> Steps {
    write_until_killed_at(dir, durability, stands, life, true)
}

/// `from_ready`: the process lives on for `life` after its store is open; else after its start.
fn write_until_killed_at(
    dir: &Path,
    durability: Durability,
    stands: &Steps,
    life: Duration,
    from_ready: bool,
) -> Steps {
    let mut child = spawn(dir, durability, stands);
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    if from_ready {
        let ready = lines.next().expect("the child says that it is ready").expect("a line");
        assert_eq!(ready, "ready");
    }
    let killer = std::thread::spawn(move || {
        std::thread::sleep(life);
        child.kill().expect("it runs until it is killed");
        child.wait().expect("it is dead");
    });
    let mut acknowledged = stands.clone();
    for line in lines {
        let line = line.expect("a line");
        // The last line may be cut by the kill: then it tells nothing.
        let numbers: Option<Vec<u64>> = line
            .strip_suffix(';')
            .map(|line| line.split(' ').filter_map(|number| number.parse().ok()).collect());
        if let Some([worker, step]) = numbers.as_deref() {
            acknowledged.insert(*worker, *step);
        }
    }
    killer.join().expect("it was killed");
    acknowledged
}

fn spawn(dir: &Path, durability: Durability, stands: &Steps) -> Child {
    let stands: Vec<_> = stands.iter().map(|(worker, step)| format!("{worker}:{step}")).collect();
    Command::new(std::env::current_exe().expect("this program"))
        .env("HOLDFAST_CRASH_CHILD", "kill")
        .env("DIR", dir)
        .env("DURABILITY", durability.to_string())
        .env("STANDS", stands.join(","))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts")
}

/// Writes until it is killed, and says what was acknowledged.
pub(crate) fn child() {
    let variable = |name| std::env::var(name).expect("set by the parent");
    let dir = PathBuf::from(variable("DIR"));
    let durability: Durability = variable("DURABILITY").parse().expect("a durability");
    let stands: Steps = variable("STANDS")
        .split(',')
        .filter_map(|pair| pair.split_once(':'))
        .map(|(worker, step)| (worker.parse().expect("a number"), step.parse().expect("a number")))
        .collect();
    runtime().block_on(async move {
        let namespace = Namespace::new(workload::open(&dir, durability) as Arc<dyn Store>, 1);
        say("ready");
        workload::make_bucket(&namespace).await;
        let workers: Vec<_> = stands
            .into_iter()
            .map(|(worker, last)| {
                let namespace = namespace.clone();
                tokio::spawn(async move {
                    for step in last + 1.. {
                        workload::step(&namespace, worker, step).await.expect("nothing refuses it");
                        say(&format!("{worker} {step};"));
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.expect("it runs until it is killed");
        }
    });
}

fn say(line: &str) {
    // The parent may be gone; then this process is about to be.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}
