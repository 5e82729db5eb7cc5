//! What a load measured, by operation.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::{connection::Answer, options::Options, worker::Operation};

/// Counts and latencies; merged over the workers.
#[derive(Default)]
pub struct Report {
    /// How long the load lasted.
    pub elapsed: Duration,
    operations: BTreeMap<Operation, Measured>,
    failures: BTreeMap<u16, u64>,
}

struct Measured {
    latency_us: Histogram<u64>,
    bytes: u64,
}

const PERCENTILES: [(&str, f64); 6] =
    [("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0), ("p99.9", 99.9), ("max", 100.0)];

impl Default for Measured {
    fn default() -> Self {
        // Three digits, growing as needed.
        let latency_us = Histogram::new(3).unwrap_or_else(|_| unreachable!("3 digits are allowed"));
        Self { latency_us, bytes: 0 }
    }
}

impl Report {
    /// Counts one answer. A GET, HEAD or DELETE of a key that was never put, or is deleted, is no failure.
    pub fn record(&mut self, operation: Operation, took: Duration, answer: Answer, put_bytes: usize) {
        let absent = answer.status == 404 && matches!(operation, Operation::Get | Operation::Head);
        if !(200..300).contains(&answer.status) && !absent {
            *self.failures.entry(answer.status).or_default() += 1;
            return;
        }
        let measured = self.operations.entry(operation).or_default();
        // It grows as needed: nothing of 64 bits is out of range.
        let _ = measured.latency_us.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        measured.bytes += if operation == Operation::Put { put_bytes as u64 } else { answer.body_bytes };
    }

    /// Adds another worker's.
    pub fn merge(&mut self, other: Self) {
        for (operation, measured) in other.operations {
            let mine = self.operations.entry(operation).or_default();
            // Both grow as needed, so nothing is out of range.
            let _ = mine.latency_us.add(&measured.latency_us);
            mine.bytes += measured.bytes;
        }
        for (status, count) in other.failures {
            *self.failures.entry(status).or_default() += count;
        }
    }

    /// Requests that were answered with an error.
    pub fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    /// Those by status.
    pub fn failures(&self) -> String {
        let by_status: Vec<_> =
            self.failures.iter().map(|(status, count)| format!("{count} x {status}")).collect();
        by_status.join(", ")
    }

    /// For people.
    pub fn to_text(&self, options: &Options) -> String {
        let seconds = self.elapsed.as_secs_f64();
        let mut text = format!(
            "{} connections, {} bytes an object, {seconds:.1} s\n{:<8}{:>10}{:>12}{:>10}",
            options.connections, options.size_bytes, "", "requests", "per second", "MB/s"
        );
        for (name, _) in PERCENTILES {
            let _ = write!(text, "{name:>10}");
        }
        text.push_str("   (latency in ms)\n");
        for (operation, measured) in &self.operations {
            let count = measured.latency_us.len();
            let rate = count as f64 / seconds;
            let megabytes = measured.bytes as f64 / 1e6 / seconds;
            let _ = write!(text, "{:<8}{count:>10}{rate:>12.0}{megabytes:>10.1}", operation.name());
            for (_, percentile) in PERCENTILES {
                let _ = write!(
                    text,
                    "{:>10.2}",
                    measured.latency_us.value_at_percentile(percentile) as f64 / 1e3
                );
            }
            text.push('\n');
        }
        text
    }

    /// For programs.
    pub fn to_json(&self, options: &Options) -> Value {
        let seconds = self.elapsed.as_secs_f64();
        let operations: BTreeMap<_, _> = self
            .operations
            .iter()
            .map(|(operation, measured)| {
                let latency: BTreeMap<_, _> = PERCENTILES
                    .into_iter()
                    .map(|(name, at)| (name, measured.latency_us.value_at_percentile(at)))
                    .collect();
                let count = measured.latency_us.len();
                let value = json!({
                    "requests": count,
                    "per_second": count as f64 / seconds,
                    "bytes": measured.bytes,
                    "bytes_per_second": measured.bytes as f64 / seconds,
                    "latency_us": latency,
                });
                (operation.name(), value)
            })
            .collect();
        json!({
            "seconds": seconds,
            "connections": options.connections,
            "size_bytes": options.size_bytes,
            "failed": self.failed(),
            "operations": operations,
        })
    }
}
