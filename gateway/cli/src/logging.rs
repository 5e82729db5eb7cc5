//! Logs go to standard error; what a door answers is never logged twice.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use crate::{Failure, settings::Resolved};

/// Libraries tell every step of theirs at `info`; with a filter of one's own they can be turned up again.
const LIBRARIES: &str = "fjall=warn,lsm_tree=warn,openraft=warn,sqlx=warn";

/// Starts logging as the settings say.
pub fn start(settings: &Resolved) -> Result<(), Failure> {
    // Later directives win, so a filter such as `info,openraft=debug` is heard.
    let directives = format!("{LIBRARIES},{},{}", s3::LOG_DIRECTIVE, settings.text("log"));
    let filter = EnvFilter::try_new(&directives).map_err(|error| format!("setting log: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal());
    let started = match settings.text("log-format") {
        "json" => builder.json().try_init(),
        "text" => builder.try_init(),
        other => return Err(format!("setting log-format = {other:?}: text or json").into()),
    };
    started.map_err(|error| format!("logging: {error}").into())
}
