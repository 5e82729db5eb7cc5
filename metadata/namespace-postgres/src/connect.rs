use std::{str::FromStr, time::Duration};

use sqlx::{
    ConnectOptions, Connection, Executor, PgConnection, Row, migrate::MigrateError,
    postgres::PgConnectOptions,
};
use tokio::time::timeout;
use types::Durability;

use crate::{Settings, failure::one_line, migrations, wire::RowTypes};

/// The first answer of a server, and each question of the start.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// `server_version_num` of the oldest server whose features are used.
const OLDEST: u32 = 130_000;

/// Whatever the role or the database has set: a migration takes as long as it takes, also in waiting for that of
/// another gateway.
const FOR_MIGRATIONS: &str =
    "SET statement_timeout = 0; SET lock_timeout = 0; SET default_transaction_read_only = off";

/// Why the store could not be opened: one line for whoever started the program. Never holds the password.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The setting is wrong.
    #[error("PostgreSQL URL: {reason}; it has the form postgres://user:password@host:5432/database")]
    InvalidUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers there. It may be on its way up.
    #[error("PostgreSQL at {server} cannot be reached: {reason}")]
    Unreachable {
        /// Host and port, or the socket.
        server: String,
        /// What the system says.
        reason: String,
    },
    /// Somebody answers, in another language.
    #[error("the server at {server} does not answer like PostgreSQL: {reason}")]
    NotPostgres {
        /// Host and port.
        server: String,
        /// What it did.
        reason: String,
    },
    /// The server does not let us in: user, password, database or its own state.
    #[error("PostgreSQL at {server} refuses user {user:?}: {reason}")]
    Refused {
        /// Host and port.
        server: String,
        /// The user that was named.
        user: String,
        /// The server's words.
        reason: String,
    },
    /// A server or database that cannot keep what the settings promise.
    #[error("PostgreSQL at {server} cannot be used: {reason}")]
    Unsuitable {
        /// Host and port.
        server: String,
        /// What must be changed.
        reason: String,
    },
    /// The schema could not be brought up to date, or is newer than this program.
    #[error("schema of the database at {server}: {reason}")]
    Schema {
        /// Host and port.
        server: String,
        /// Which migration, and why.
        reason: String,
    },
}

/// A server that was looked at: where it is, and what is needed to speak to it.
pub(crate) struct Connected {
    pub(crate) options: PgConnectOptions,
    pub(crate) server: String,
    pub(crate) types: RowTypes,
}

/// Connects once, looks at the server and brings the schema up to date.
pub(crate) async fn connect(url: &str, settings: &Settings) -> Result<Connected, ConnectError> {
    let options = parse(url)?;
    let server = address(&options);
    let mut connection = reach(&options, &server).await?;
    check_server(&mut connection, settings, &server).await?;
    connection
        .execute(FOR_MIGRATIONS)
        .await
        .map_err(|error| ConnectError::Unsuitable { server: server.clone(), reason: one_line(&error) })?;
    migrations::run(&mut connection).await.map_err(|error| schema_error(&server, &error))?;
    let types = RowTypes::look_up(&mut connection)
        .await
        .map_err(|error| ConnectError::Schema { server: server.clone(), reason: one_line(&error) })?;
    // Whether the server hears the farewell or finds the connection closed is the same to it.
    let _ = connection.close().await;
    Ok(Connected { options, server, types })
}

fn parse(url: &str) -> Result<PgConnectOptions, ConnectError> {
    let invalid = |reason: String| ConnectError::InvalidUrl { reason };
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err(invalid("it does not start with postgres://".to_owned()));
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| match error {
        sqlx::Error::Configuration(reason) => invalid(reason.to_string()),
        other => invalid(other.to_string()),
    })?;
    Ok(options.application_name("holdfast").disable_statement_logging())
}

fn address(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

async fn reach(options: &PgConnectOptions, server: &str) -> Result<PgConnection, ConnectError> {
    match timeout(ANSWER_WITHIN, options.connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(reach_error(options, server.to_owned(), &error)),
        Err(_) => {
            let reason = format!("no answer within {} s", ANSWER_WITHIN.as_secs());
            Err(ConnectError::Unreachable { server: server.to_owned(), reason })
        }
    }
}

fn reach_error(options: &PgConnectOptions, server: String, error: &sqlx::Error) -> ConnectError {
    match error {
        sqlx::Error::Database(_) => {
            ConnectError::Refused { server, user: options.get_username().to_owned(), reason: one_line(error) }
        }
        sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            ConnectError::NotPostgres { server, reason: "it closed the connection".to_owned() }
        }
        sqlx::Error::Protocol(_) => ConnectError::NotPostgres { server, reason: one_line(error) },
        _ => ConnectError::Unreachable { server, reason: one_line(error) },
    }
}

async fn check_server(
    connection: &mut PgConnection,
    settings: &Settings,
    server: &str,
) -> Result<(), ConnectError> {
    let unsuitable = |reason: String| ConnectError::Unsuitable { server: server.to_owned(), reason };
    if connection.server_version_num().is_some_and(|version| version < OLDEST) {
        return Err(unsuitable("it is older than PostgreSQL 13".to_owned()));
    }
    let sql = "SELECT current_setting('server_encoding'), current_setting('fsync'), pg_is_in_recovery()";
    let row = timeout(ANSWER_WITHIN, sqlx::query(sql).fetch_one(connection)).await;
    let row = row.map_err(|_| unsuitable("it does not answer queries".to_owned()))?;
    let looked = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)));
    let (encoding, fsync, in_recovery): (String, String, bool) =
        looked.map_err(|error| unsuitable(one_line(&error)))?;
    if encoding != "UTF8" {
        return Err(unsuitable(format!("the database's encoding is {encoding}, and must be UTF8")));
    }
    if in_recovery {
        return Err(unsuitable("it is a standby and takes no writes".to_owned()));
    }
    if settings.durability == Durability::Disk && fsync != "on" {
        let reason = "it runs with fsync = off: switch that on, or ask for durability memory";
        return Err(unsuitable(reason.to_owned()));
    }
    Ok(())
}

fn schema_error(server: &str, error: &MigrateError) -> ConnectError {
    let reason = match error {
        MigrateError::VersionMissing(version) => {
            format!("it has migration {version}, which this program does not know: a newer one was here")
        }
        MigrateError::VersionMismatch(version) => {
            format!("its migration {version} is not the one of this program")
        }
        MigrateError::Execute(error) => one_line(error),
        MigrateError::ExecuteMigration(error, version) => format!("migration {version}: {}", one_line(error)),
        other => other.to_string(),
    };
    ConnectError::Schema { server: server.to_owned(), reason }
}
