//! Logs go to standard error; what a door answers is never logged twice.

use tracing_subscriber::EnvFilter;

use crate::{Failure, settings::Resolved};

/// Starts logging as the settings say.
pub fn start(settings: &Resolved) -> Result<(), Failure> {
    let directives = format!("{},{}", settings.text("log"), s3::LOG_DIRECTIVE);
    let filter = EnvFilter::try_new(&directives).map_err(|error| format!("setting log: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.text("log-format") {
        "json" => builder.json().try_init(),
        "text" => builder.try_init(),
        other => return Err(format!("setting log-format = {other:?}: text or json").into()),
    };
    started.map_err(|error| format!("logging: {error}").into())
}
