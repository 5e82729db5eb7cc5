//! `cargo xtask bench`: one server core, one generator core, everything in one run, ratios over figures.

mod servers;
mod table;

use std::{process::Command, time::Duration};

use clap::Args;
use serde_json::Value;

use crate::{
    Failure, prerequisites,
    run::{command, must, root},
};
use servers::{Kind, Running};
use table::Table;

/// What to measure.
#[derive(Args)]
pub struct Options {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Keys of the large bucket that is listed
    #[arg(long, default_value_t = 1_000_000)]
    large: u64,
    /// Only servers whose name contains this
    #[arg(long, default_value = "")]
    only: String,
}

/// The generator's core; servers have core 0.
const GENERATOR_CORE: &str = "1";

/// One measurement: a name, the object's size, and the load's flags.
struct Workload {
    name: &'static str,
    size_bytes: u64,
    flags: &'static [&'static str],
}

const WORKLOADS: &[Workload] = &[
    Workload { name: "GET 1 KiB", size_bytes: 1 << 10, flags: &["--mix=get=1", "--prefill=10000"] },
    Workload { name: "GET 4 KiB", size_bytes: 4 << 10, flags: &["--mix=get=1", "--prefill=10000"] },
    Workload { name: "PUT 4 KiB", size_bytes: 4 << 10, flags: &["--mix=put=1", "--keys=1000000"] },
    Workload {
        name: "PUT 4 KiB, 64 connections",
        size_bytes: 4 << 10,
        flags: &["--mix=put=1", "--keys=1000000", "--connections=64"],
    },
    Workload {
        name: "GET 1 MiB",
        size_bytes: 1 << 20,
        flags: &["--mix=get=1", "--keys=200", "--prefill=200", "--connections=8"],
    },
    Workload {
        name: "PUT 1 MiB",
        size_bytes: 1 << 20,
        flags: &["--mix=put=1", "--keys=200", "--connections=8"],
    },
    Workload {
        name: "mixed 16 KiB",
        size_bytes: 16 << 10,
        flags: &["--mix=put=30,get=50,head=15,delete=5", "--prefill=10000"],
    },
];

const LIST: [&str; 3] = ["--mix=list=1", "--connections=8", "--size=100"];

/// Measures and writes `docs/benchmarks.md`.
pub fn run(options: &Options) -> Result<(), Failure> {
    prerequisites::install()?;
    must(&mut command("cargo", &["build", "--release", "--package", "cli", "--package", "bench"]))?;
    let mut table = Table::new(md5_rate()?);
    for kind in Kind::ALL.into_iter().filter(|kind| kind.name().contains(&options.only)) {
        if !kind.is_available() {
            println!("{}: not installed, not measured", kind.name());
            continue;
        }
        for workload in WORKLOADS.iter().filter(|workload| kind.does(workload.name)) {
            let server = Running::start(kind, workload.size_bytes)?;
            let size = format!("--size={}", workload.size_bytes);
            let flags: Vec<_> = [size.as_str()].into_iter().chain(workload.flags.iter().copied()).collect();
            table.add(kind, workload.name, &load(&server, options, &flags)?);
        }
        if kind.lists() {
            list(kind, options, &mut table)?;
        }
    }
    // A part is no page.
    if options.only.is_empty() {
        std::fs::write(root().join("docs/benchmarks.md"), table.to_markdown())?;
    }
    println!("{}", table.to_markdown());
    Ok(())
}

/// A page of 1000 keys in a bucket of 10,000, and where that is quick to fill in a large one.
fn list(kind: Kind, options: &Options, table: &mut Table) -> Result<(), Failure> {
    let server = Running::start(kind, 0)?;
    let mut sizes = vec![("LIST 1000 of 10,000", 10_000, "small")];
    if kind.fills_quickly() {
        sizes.push(("LIST 1000 of the large bucket", options.large, "large"));
    }
    for (name, keys, bucket) in sizes {
        let (bucket, keys, prefill) = (
            format!("--bucket=list-{bucket}"),
            format!("--keys={}", keys - 1000),
            format!("--prefill={keys}"),
        );
        let fill = [&bucket, "--connections=64", "--size=100", "--mix=head=1", &prefill];
        load(&server, &Options { seconds: 1, ..Options::only(options) }, &fill)?;
        let flags: Vec<_> = LIST.into_iter().chain([bucket.as_str(), keys.as_str()]).collect();
        table.add(kind, name, &load(&server, options, &flags)?);
    }
    Ok(())
}

impl Options {
    fn only(options: &Self) -> Self {
        Self { seconds: options.seconds, large: options.large, only: options.only.clone() }
    }
}

/// Runs `holdfast bench s3` on the generator's core and returns its report.
fn load(server: &Running, options: &Options, flags: &[&str]) -> Result<Value, Failure> {
    let generator = root().join("target/release/holdfast");
    let output = Command::new("taskset")
        .args(["-c", GENERATOR_CORE])
        .arg(generator)
        .args(["bench", "s3", "--create-bucket", "--json", "--endpoint", &server.endpoint])
        .arg(format!("--duration={}s", options.seconds))
        .args(flags)
        .env("AWS_ACCESS_KEY_ID", servers::ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", servers::SECRET_KEY)
        .output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} {flags:?}: {error}", server.kind.name()).into());
    }
    // Let compaction and write-back of one load end before the next begins.
    std::thread::sleep(Duration::from_millis(500));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Bytes of MD5 in a second, on the server's core.
fn md5_rate() -> Result<f64, Failure> {
    let output =
        Command::new("taskset").args(["-c", "0"]).arg(root().join("target/release/md5-rate")).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}
