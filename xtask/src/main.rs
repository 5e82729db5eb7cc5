//! `cargo xtask`: what a developer and CI run. `test` is everything that must pass; `bench` measures.
//!
//! Deliberately absent: tests themselves (they stand beside the code and in `compat-tests/`).

mod bench;
mod prerequisites;
mod run;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a step of xtask failed on, as one line.
type Failure = Box<dyn std::error::Error>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Build-time tasks of Holdfast")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing, then run everything that must pass
    Test,
    /// Only install what the tests need
    Setup,
    /// Measure the release build and write docs/benchmarks.md
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Test => test::run(),
        Task::Bench(options) => bench::run(&options).map(|()| true),
        Task::Setup => prerequisites::install().map(|()| true),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}
