//! What was acknowledged survives a killed process, a power cut in a commit, and a disk that fails.
//!
//! This program starts itself again as the process that is killed, so it has a `main` of its own.

mod crash {
    pub(crate) mod full_disk;
    pub(crate) mod kill;
    pub(crate) mod power_cut;
    pub(crate) mod workload;
}

use crash::{full_disk, kill, power_cut};
use types::Durability;

fn main() {
    match std::env::var("HOLDFAST_CRASH_CHILD").as_deref() {
        Ok("kill") => kill::child(),
        Ok("full-disk") => full_disk::child(),
        Ok(other) => panic!("no child {other:?}"),
        Err(_) => {
            run("acknowledged commits survive kill -9, durability disk", || {
                kill::rounds(Durability::Disk, 10);
            });
            run("acknowledged commits survive kill -9, durability memory", || {
                kill::rounds(Durability::Memory, 10);
            });
            run("a first start that is killed can be repeated", kill::first_starts);
            run("a power cut in a commit leaves it whole or absent", power_cut::torn_commits);
            run("a failed write stops all writes, not reads", full_disk::writes_stop);
        }
    }
}

fn run(name: &str, case: impl FnOnce()) {
    case();
    println!("{name} ... ok");
}
