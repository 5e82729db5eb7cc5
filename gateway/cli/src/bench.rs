//! `holdfast bench s3`: a load of signed requests over kept-alive connections, and what it measured.
//!
//! Requests are written and answers parsed by hand, so that the generator costs a fraction of any server.

mod connection;
mod options;
mod report;
mod signer;
mod worker;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

pub use options::command;

use crate::Failure;
use options::Options;
use report::Report;
use signer::Signer;
use worker::{Plan, Worker};

/// Runs the load; fails when a request did.
pub fn run(matches: &clap::ArgMatches) -> Result<(), Failure> {
    let options = Options::read(matches)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(load(&options))?;
    match options.json {
        true => println!("{}", report.to_json(&options)),
        false => print!("{}", report.to_text(&options)),
    }
    match report.failed() {
        0 => Ok(()),
        failed => Err(format!("{failed} requests failed: {}", report.failures()).into()),
    }
}

async fn load(options: &Options) -> Result<Report, Failure> {
    let signer = Signer::new(&options.access_key, &options.secret_key, &options.region, &options.host);
    let plan = Arc::new(Plan::new(options, signer));
    if options.create_bucket {
        Worker::connect(&plan, 0).await?.create_bucket().await?;
    }
    if options.prefill > 0 {
        prefill(&plan, options).await?;
    }
    if options.warmup > Duration::ZERO {
        measure(&plan, options, options.warmup).await?;
    }
    measure(&plan, options, options.duration).await
}

/// Puts the keys `0..prefill`, whatever the mix.
async fn prefill(plan: &Arc<Plan>, options: &Options) -> Result<(), Failure> {
    let workers = (0..options.connections).map(|number| {
        let (plan, step, count) = (Arc::clone(plan), options.connections, options.prefill);
        tokio::spawn(async move {
            let mut worker = Worker::connect(&plan, number).await?;
            worker.prefill((number..count).step_by(step)).await
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await??;
    }
    Ok(())
}

async fn measure(plan: &Arc<Plan>, options: &Options, duration: Duration) -> Result<Report, Failure> {
    let start = Instant::now();
    let workers = (0..options.connections).map(|number| {
        let plan = Arc::clone(plan);
        tokio::spawn(async move { Worker::connect(&plan, number).await?.run(start + duration).await })
    });
    let mut report = Report::default();
    for worker in workers.collect::<Vec<_>>() {
        report.merge(worker.await??);
    }
    report.elapsed = start.elapsed();
    Ok(report)
}
