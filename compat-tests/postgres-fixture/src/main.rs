//! `cargo run -p postgres-fixture`: a temporary cluster to try things on. Prints its URL; ends with its input.

use std::io::Read;

use postgres_fixture::{Cluster, Options};

fn main() -> std::io::Result<()> {
    let cluster = Cluster::start(Options::default());
    println!("{}", cluster.url());
    println!("data directory {}", cluster.psql("postgres", "SHOW data_directory"));
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop)
}
