//! The binary `holdfast`: the only reader of flags, environment and config file; starts the roles.
//!
//! Deliberately absent: anything a role does. Settings are one table in [`settings`]; each command is a module.

mod bench;
mod command_line;
mod config;
mod credentials;
mod data_dir;
mod logging;
mod server;
mod settings;

use std::process::ExitCode;

/// What went wrong, as one line for the operator.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let matches = command_line::command().get_matches();
    match run(&matches) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("holdfast: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(matches: &clap::ArgMatches) -> Result<(), Failure> {
    match matches.subcommand() {
        Some(("server", flags)) => server::run(&settings::Resolved::read(flags)?),
        Some(("bench", bench)) => match bench.subcommand() {
            Some((_, flags)) => bench::run(flags),
            None => Err("nothing to load; see holdfast bench --help".into()),
        },
        Some(("config", flags)) => config::run(&settings::Resolved::read(flags)?),
        _ => Err("no such command; see holdfast --help".into()),
    }
}
