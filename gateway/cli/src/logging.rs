//! Logs go to standard error; what a door answers is never logged twice.

use tracing_subscriber::EnvFilter;

use crate::{Failure, settings::Resolved};

/// Starts logging as the settings say.
pub fn start(settings: &Resolved) -> Result<(), Failure> {
    // s3s logs every refused request as an error; our door logs it once, with its request id.
    let directives = format!("{},s3s=off", settings.text("log"));
    let filter = EnvFilter::try_new(&directives).map_err(|error| format!("setting log: {error}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.text("log-format") {
        "json" => builder.json().try_init(),
        "text" => builder.try_init(),
        other => return Err(format!("setting log-format = {other:?}: text or json").into()),
    };
    started.map_err(|error| format!("logging: {error}").into())
}
