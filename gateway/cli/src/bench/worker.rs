//! One connection's part of the load.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{Rng, RngCore, SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};
use types::Timestamp;

use super::{
    connection::{Answer, Connection},
    options::Options,
    report::Report,
    signer::{Head, Moment, Signer, UNSIGNED},
};
use crate::Failure;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Put,
    Get,
    Head,
    List,
    Delete,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Put, Self::Get, Self::Head, Self::List, Self::Delete];

    /// As in `--mix` and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Head => "head",
            Self::List => "list",
            Self::Delete => "delete",
        }
    }
}

/// What all workers share.
pub struct Plan {
    options: Options,
    signer: Signer,
    body: Vec<u8>,
    body_sha256: String,
    empty_sha256: String,
    shares: u32,
}

impl Plan {
    /// Makes the body, random so that no server can compress it.
    pub fn new(options: &Options, signer: Signer) -> Self {
        let mut body = vec![0; options.size_bytes];
        StdRng::seed_from_u64(1).fill_bytes(&mut body);
        let body_sha256 = match options.signed_payload {
            true => hex::encode(Sha256::digest(&body)),
            false => UNSIGNED.to_owned(),
        };
        let empty_sha256 = hex::encode(Sha256::digest(b""));
        let shares = options.mix.iter().map(|(_, weight)| weight).sum();
        Self { options: options.clone(), signer, body, body_sha256, empty_sha256, shares }
    }

    fn pick(&self, rng: &mut StdRng) -> Operation {
        let mut left = rng.random_range(0..self.shares);
        for (operation, weight) in &self.options.mix {
            match left.checked_sub(*weight) {
                None => return *operation,
                Some(rest) => left = rest,
            }
        }
        Operation::Get
    }
}

/// A signature's date is renewed this often: far inside the 15 minutes that servers allow.
const MOMENT_LIFE: Duration = Duration::from_secs(60);

/// One connection and what it measured.
pub struct Worker {
    plan: Arc<Plan>,
    connection: Connection,
    rng: StdRng,
    moment: Moment,
    moment_made: Instant,
    head: String,
}

impl Worker {
    /// Connects.
    pub async fn connect(plan: &Arc<Plan>, number: usize) -> Result<Self, Failure> {
        let host = &plan.options.host;
        let connection = Connection::open(host).await.map_err(|error| format!("{host}: {error}"))?;
        Ok(Self {
            plan: Arc::clone(plan),
            connection,
            rng: StdRng::seed_from_u64(number as u64),
            moment: plan.signer.moment(Timestamp::now()),
            moment_made: Instant::now(),
            head: String::new(),
        })
    }

    /// Makes the bucket, unless it is there.
    pub async fn create_bucket(&mut self) -> Result<(), Failure> {
        let path = format!("/{}", self.plan.options.bucket);
        let answer = self.send("PUT", &path, "", true).await?;
        match answer.status {
            200 | 409 => Ok(()),
            status => Err(format!("bucket {}: status {status}", self.plan.options.bucket).into()),
        }
    }

    /// Puts these keys.
    pub async fn prefill(&mut self, keys: impl Iterator<Item = usize>) -> Result<(), Failure> {
        for key in keys {
            let answer = self.ask(Operation::Put, key).await?;
            if answer.status != 200 {
                return Err(format!("prefill: status {}", answer.status).into());
            }
        }
        Ok(())
    }

    /// Works until the deadline.
    pub async fn run(mut self, deadline: Instant) -> Result<Report, Failure> {
        let mut report = Report::default();
        let mut start = Instant::now();
        while start < deadline {
            let operation = self.plan.pick(&mut self.rng);
            let key = self.rng.random_range(0..self.plan.options.keys);
            let answer = self.ask(operation, key).await?;
            let end = Instant::now();
            report.record(operation, end - start, answer, self.plan.options.size_bytes);
            start = end;
        }
        Ok(report)
    }

    async fn ask(&mut self, operation: Operation, key: usize) -> Result<Answer, Failure> {
        let Options { bucket, prefix, list_keys, .. } = &self.plan.options;
        let path = format!("/{bucket}/{prefix}{key:010}");
        match operation {
            Operation::Put => self.send("PUT", &path, "", false).await,
            Operation::Get => self.send("GET", &path, "", true).await,
            Operation::Head => self.send("HEAD", &path, "", true).await,
            Operation::Delete => self.send("DELETE", &path, "", true).await,
            Operation::List => {
                let after = format!("{prefix}{key:010}").replace('/', "%2F");
                let query = format!("list-type=2&max-keys={list_keys}&start-after={after}");
                self.send("GET", &format!("/{bucket}"), &query, true).await
            }
        }
    }

    async fn send(&mut self, method: &str, path: &str, query: &str, empty: bool) -> Result<Answer, Failure> {
        if self.moment_made.elapsed() > MOMENT_LIFE {
            self.moment = self.plan.signer.moment(Timestamp::now());
            self.moment_made = Instant::now();
        }
        let plan = &self.plan;
        let (payload, body) =
            if empty { (&plan.empty_sha256, &[][..]) } else { (&plan.body_sha256, &plan.body[..]) };
        let content_length = (method == "PUT").then_some(body.len());
        self.head.clear();
        plan.signer.write_head(
            &mut self.head,
            &self.moment,
            &Head { method, path, query, payload, content_length },
        );
        let answer = self.connection.exchange(self.head.as_bytes(), body, method == "HEAD").await;
        answer.map_err(|error| format!("{method} {path}: {error}").into())
    }
}
