//! Connections, at most so many, each in use by one operation at a time.
//!
//! The driver's own pool asks the server for a sign of life whenever a connection comes back, which would double the
//! round trips of a lookup. Here a connection that ended its operation well is trusted for a second.

use std::time::{Duration, Instant};

use namespace::StoreError;
use parking_lot::Mutex;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, postgres::PgConnectOptions};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{Settings, failure};

/// After this long unused a connection is asked for a sign of life.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
const PING_TIMEOUT: Duration = Duration::from_secs(1);
/// A server process keeps what it once cached; a new one starts small.
const MAX_AGE: Duration = Duration::from_secs(3600);

pub(crate) struct Pool {
    options: PgConnectOptions,
    settings: Settings,
    slots: Semaphore,
    /// The last one given back is taken first: the others may grow old.
    idle: Mutex<Vec<Idle>>,
    /// When a connection was last lost: the others of that time may be lost, too.
    last_loss: Mutex<Option<Instant>>,
}

struct Idle {
    connection: PgConnection,
    opened: Instant,
    since: Instant,
}

/// A connection in use. Closed when it is dropped without [`Lease::give_back`]: an operation that was cancelled or
/// failed may have left half an answer in it.
pub(crate) struct Lease<'p> {
    pool: &'p Pool,
    connection: PgConnection,
    opened: Instant,
    _slot: SemaphorePermit<'p>,
}

impl Pool {
    pub(crate) fn new(options: PgConnectOptions, settings: Settings) -> Self {
        let slots = Semaphore::new(settings.connections.max(1) as usize);
        Self { options, settings, slots, idle: Mutex::default(), last_loss: Mutex::default() }
    }

    /// Waits for a connection that is not in use, or opens one.
    pub(crate) async fn acquire(&self) -> Result<Lease<'_>, StoreError> {
        let slot = match timeout(self.settings.acquire_timeout, self.slots.acquire()).await {
            Ok(Ok(slot)) => slot,
            Ok(Err(_)) => return Err(StoreError::Unavailable("the store is closed".to_owned())),
            Err(_) => return Err(self.exhausted()),
        };
        while let Some(mut idle) = self.take_idle() {
            if self.is_trusted(&idle) || is_alive(&mut idle.connection).await {
                return Ok(Lease {
                    pool: self,
                    connection: idle.connection,
                    opened: idle.opened,
                    _slot: slot,
                });
            }
        }
        let connection = self.open().await?;
        Ok(Lease { pool: self, connection, opened: Instant::now(), _slot: slot })
    }

    /// How long an operation may take before the connection is given up: the server should have ended it earlier.
    pub(crate) fn patience(&self) -> Duration {
        self.settings.statement_timeout + self.settings.acquire_timeout
    }

    /// A connection broke: the idle ones of its time are asked before they are used again.
    pub(crate) fn note_loss(&self) {
        *self.last_loss.lock() = Some(Instant::now());
    }

    fn take_idle(&self) -> Option<Idle> {
        self.idle.lock().pop()
    }

    fn is_trusted(&self, idle: &Idle) -> bool {
        idle.since.elapsed() < TRUSTED_FOR && self.last_loss.lock().is_none_or(|loss| idle.opened > loss)
    }

    async fn open(&self) -> Result<PgConnection, StoreError> {
        let opening = async {
            let mut connection = self.options.connect().await?;
            prepare(&mut connection, &self.settings).await?;
            Ok::<_, sqlx::Error>(connection)
        };
        match timeout(self.settings.acquire_timeout, opening).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => {
                self.note_loss();
                Err(StoreError::Unavailable(format!("no connection: {}", failure::one_line(&error))))
            }
            Err(_) => Err(StoreError::Unavailable("the server does not answer".to_owned())),
        }
    }

    fn exhausted(&self) -> StoreError {
        let Settings { connections, acquire_timeout, .. } = &self.settings;
        StoreError::Unavailable(format!("all {connections} connections were busy for {acquire_timeout:?}"))
    }
}

impl Lease<'_> {
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// After an operation that ended with an answer of the server, be it an error.
    pub(crate) fn give_back(self) {
        if self.opened.elapsed() < MAX_AGE {
            let idle = Idle { connection: self.connection, opened: self.opened, since: Instant::now() };
            self.pool.idle.lock().push(idle);
        }
    }
}

async fn is_alive(connection: &mut PgConnection) -> bool {
    matches!(timeout(PING_TIMEOUT, connection.ping()).await, Ok(Ok(())))
}

/// What a session needs, in one round trip.
///
/// Plans are generic: a lookup would be planned anew each time otherwise. Such a plan outlives the size its tables
/// had, so only those that never scan a table are allowed; and a forbidden plan's cost would start the compiler (`jit`).
async fn prepare(connection: &mut PgConnection, settings: &Settings) -> Result<(), sqlx::Error> {
    let timeout_ms = settings.statement_timeout.as_millis().max(1);
    let sql = format!(
        "SET statement_timeout = {timeout_ms}; SET lock_timeout = 0; SET default_transaction_isolation = 'read committed'; \
         SET default_transaction_read_only = off; SET plan_cache_mode = force_generic_plan; SET jit = off; \
         SET enable_indexscan = on; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off"
    );
    connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.map(drop)
}
