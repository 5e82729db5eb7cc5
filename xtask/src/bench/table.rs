//! What a run measured, as the table of `docs/benchmarks.md`.

use std::{collections::BTreeMap, fmt::Write, fs};

use serde_json::Value;

use super::servers::Kind;

/// Rates by workload and server.
pub struct Table {
    md5_bytes_per_second: f64,
    workloads: Vec<&'static str>,
    cells: BTreeMap<(&'static str, Kind), Cell>,
}

struct Cell {
    per_second: f64,
    bytes_per_second: f64,
    p50_us: u64,
    p99_us: u64,
}

/// A ratio to reach: what it is called, and how it comes of the table.
struct Goal {
    what: &'static str,
    least: f64,
    workload: &'static str,
    ours: Kind,
    to: Other,
}

enum Other {
    Server(Kind),
    Md5,
    Workload(&'static str),
}

const GOALS: &[Goal] = &[
    Goal {
        what: "signed 1 KiB GET to bare hyper's",
        least: 0.30,
        workload: "GET 1 KiB",
        ours: Kind::Disk,
        to: Other::Server(Kind::Bare),
    },
    Goal {
        what: "4 KiB PUT, synced, to bare hyper's",
        least: 0.15,
        workload: "PUT 4 KiB",
        ours: Kind::Disk,
        to: Other::Server(Kind::Bare),
    },
    Goal {
        what: "4 KiB PUT, synced, 64 connections, to bare hyper's",
        least: 0.15,
        workload: "PUT 4 KiB, 64 connections",
        ours: Kind::Disk,
        to: Other::Server(Kind::Bare),
    },
    Goal {
        what: "4 KiB PUT, synced, to weed's with its defaults",
        least: 4.0,
        workload: "PUT 4 KiB",
        ours: Kind::Disk,
        to: Other::Server(Kind::Weed),
    },
    Goal {
        what: "4 KiB GET to weed's",
        least: 5.0,
        workload: "GET 4 KiB",
        ours: Kind::Disk,
        to: Other::Server(Kind::Weed),
    },
    Goal {
        what: "1 MiB PUT to one core's MD5",
        least: 0.75,
        workload: "PUT 1 MiB",
        ours: Kind::Disk,
        to: Other::Md5,
    },
    Goal {
        what: "1 MiB GET to bare hyper's",
        least: 0.50,
        workload: "GET 1 MiB",
        ours: Kind::Disk,
        to: Other::Server(Kind::Bare),
    },
    Goal {
        what: "a page of 1000 keys to weed's",
        least: 8.0,
        workload: "LIST 1000 of 10,000",
        ours: Kind::Disk,
        to: Other::Server(Kind::Weed),
    },
    Goal {
        what: "a page of the large bucket to one of 10,000 keys",
        least: 1.0 / 1.5,
        workload: "LIST 1000 of the large bucket",
        ours: Kind::Disk,
        to: Other::Workload("LIST 1000 of 10,000"),
    },
];

impl Table {
    /// An empty one.
    pub fn new(md5_bytes_per_second: f64) -> Self {
        Self { md5_bytes_per_second, workloads: Vec::new(), cells: BTreeMap::new() }
    }

    /// Adds a report of `holdfast bench s3`: its operations together, the latency of the most frequent one.
    pub fn add(&mut self, kind: Kind, workload: &'static str, report: &Value) {
        let operations = report["operations"].as_object().into_iter().flat_map(|all| all.values());
        let mut cell = Cell { per_second: 0.0, bytes_per_second: 0.0, p50_us: 0, p99_us: 0 };
        let mut most = 0.0;
        for operation in operations {
            let per_second = operation["per_second"].as_f64().unwrap_or_default();
            cell.per_second += per_second;
            cell.bytes_per_second += operation["bytes_per_second"].as_f64().unwrap_or_default();
            if per_second > most {
                most = per_second;
                cell.p50_us = operation["latency_us"]["p50"].as_u64().unwrap_or_default();
                cell.p99_us = operation["latency_us"]["p99"].as_u64().unwrap_or_default();
            }
        }
        println!(
            "{:<22} {workload:<30} {:>10.0}/s  p50 {} us  p99 {} us",
            kind.name(),
            cell.per_second,
            cell.p50_us,
            cell.p99_us
        );
        if !self.workloads.contains(&workload) {
            self.workloads.push(workload);
        }
        self.cells.insert((workload, kind), cell);
    }

    /// The whole page.
    pub fn to_markdown(&self) -> String {
        let mut page = String::from(
            "# Benchmarks\n\nWritten by `cargo xtask bench`, in one run: servers on one core, the generator (`holdfast bench s3`) on another, \
             loopback,\nkept-alive connections (32; 8 for 1 MiB and listings), signed requests, unsigned payloads. The machine is shared: \
             trust the ratios.\n\n",
        );
        let _ = writeln!(
            page,
            "Machine: {}. One core's MD5: {:.0} MB/s.\n",
            machine(),
            self.md5_bytes_per_second / 1e6
        );
        self.write_rates(&mut page);
        self.write_goals(&mut page);
        page
    }

    fn write_rates(&self, page: &mut String) {
        let kinds: Vec<_> =
            Kind::ALL.into_iter().filter(|kind| self.cells.keys().any(|(_, k)| k == kind)).collect();
        page.push_str("## Requests a second (p50 / p99 in ms)\n\n|");
        for kind in &kinds {
            let _ = write!(page, " | {}", kind.name());
        }
        let _ = writeln!(page, " |\n|---{} |", "|---".repeat(kinds.len()));
        for workload in &self.workloads {
            let _ = write!(page, "| {workload}");
            for kind in &kinds {
                let _ = match self.cells.get(&(*workload, *kind)) {
                    None => write!(page, " | "),
                    Some(cell) => {
                        let (p50, p99) = (cell.p50_us as f64 / 1e3, cell.p99_us as f64 / 1e3);
                        write!(page, " | {:.0} ({p50:.2} / {p99:.2})", cell.per_second)
                    }
                };
            }
            page.push_str(" |\n");
        }
    }

    fn write_goals(&self, page: &mut String) {
        page.push_str("\n## Ratios\n\n| ratio | goal | measured | |\n|---|---|---|---|\n");
        for goal in GOALS {
            let _ = match self.ratio(goal) {
                None => writeln!(page, "| {} | {:.2} | | not measured |", goal.what, goal.least),
                Some(measured) => {
                    let verdict = if measured >= goal.least { "reached" } else { "missed" };
                    writeln!(page, "| {} | {:.2} | {measured:.2} | {verdict} |", goal.what, goal.least)
                }
            };
        }
    }

    fn ratio(&self, goal: &Goal) -> Option<f64> {
        let ours = self.cells.get(&(goal.workload, goal.ours))?;
        Some(match goal.to {
            Other::Md5 => ours.bytes_per_second / self.md5_bytes_per_second,
            Other::Server(kind) => ours.per_second / self.cells.get(&(goal.workload, kind))?.per_second,
            Other::Workload(workload) => ours.per_second / self.cells.get(&(workload, goal.ours))?.per_second,
        })
    }
}

fn machine() -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{}, Linux {}", model.map_or("unknown", |(_, name)| name.trim()), kernel.trim())
}
