//! `cargo xtask test`: format, lints, then every test; closes with `N passed, N failed`.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Instant,
};

use crate::{
    Failure, prerequisites,
    run::{command, must, on_path},
};

#[derive(Clone, Copy, Default)]
struct Tally {
    passed: u64,
    failed: u64,
}

/// Whether everything passed.
pub fn run() -> Result<bool, Failure> {
    let mut tally = Tally::default();
    tally.step("prerequisites", prerequisites::install);
    if tally.failed > 0 {
        println!("{} passed, {} failed", tally.passed, tally.failed);
        return Ok(false);
    }
    tally.step("format", || must(&mut command("cargo", &["fmt", "--all", "--check"])));
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    tally.step("clippy", || must(&mut command("cargo", &clippy)));
    if on_path("cargo-deny") {
        tally.step("deny", || must(&mut command("cargo", &["deny", "check", "bans", "licenses", "sources"])));
    } else {
        println!("cargo deny is not installed: licenses and bans are not checked (cargo install cargo-deny)");
    }
    // The tests of compat-tests drive this binary.
    tally.step("build", || must(&mut command("cargo", &["build", "--package", "cli"])));
    tally.add(tests(&mut command("cargo", &["test", "--workspace", "--no-fail-fast"]))?);
    println!("{} passed, {} failed", tally.passed, tally.failed);
    Ok(tally.failed == 0)
}

impl Tally {
    fn step(&mut self, name: &str, step: impl FnOnce() -> Result<(), Failure>) {
        println!("== {name}");
        let start = Instant::now();
        match step() {
            Ok(()) => self.passed += 1,
            Err(failure) => {
                self.failed += 1;
                println!("FAILED {name}: {failure}");
            }
        }
        println!("== {name}: {:.0} s", start.elapsed().as_secs_f64());
    }

    fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs `cargo test`, shows what it prints, and counts what its test binaries report. A run that ends badly
/// without a failed test (it did not compile, say) counts as one failure.
fn tests(cargo: &mut Command) -> Result<Tally, Failure> {
    println!("== tests");
    let mut child = cargo.stdout(Stdio::piped()).spawn()?;
    let mut tally = Tally::default();
    if let Some(out) = child.stdout.take() {
        for line in BufReader::new(out).lines() {
            let line = line?;
            println!("{line}");
            tally.add(counted(&line));
        }
    }
    if !child.wait()?.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// What a line such as `test result: ok. 3 passed; 0 failed; 0 ignored; ...` reports. An ignored test is one
/// that did not run: it counts as failed, since nothing here may be skipped in silence.
fn counted(line: &str) -> Tally {
    let Some(report) = line.strip_prefix("test result: ") else { return Tally::default() };
    let count = |what: &str| {
        report
            .split([';', '.'])
            .find_map(|part| part.trim().strip_suffix(what)?.trim().parse::<u64>().ok())
            .unwrap_or(0)
    };
    Tally { passed: count("passed"), failed: count("failed") + count("ignored") }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn reports_are_counted() {
        let tally =
            counted("test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out");
        assert_eq!((tally.passed, tally.failed), (12, 3));
        assert_eq!(counted("test foo ... ok").passed, 0);
    }
}
