use std::fmt;

use namespace::{
    Bucket, Commit, CommitError, DeleteIntent, IntentId, Listing, Loaded, Page, PartNumber, PartPage, RowKey,
    Snapshot, Store, StoreError, UploadId, UploadListing, UploadPage,
};
use sqlx::{
    Arguments,
    error::BoxDynError,
    postgres::{PgArguments, PgRow},
};
use tokio::time::timeout;
use types::{Durability, Timestamp};

use crate::{
    ConnectError, Settings,
    commit::{self, Batch},
    connect,
    failure::{self, ReadFailure},
    list, load,
    pool::Pool,
    rows::{self, Columns},
    wire::{Moment, RowTypes},
};

/// Rows in a PostgreSQL database, with other gateways or alone.
pub struct PostgresStore {
    pool: Pool,
    types: RowTypes,
    durability: Durability,
    server: String,
}

impl PostgresStore {
    /// Opens the database that `url` names (`postgres://user:password@host:5432/database`) and brings its schema
    /// up to date. The role must own the database, or at least be allowed to create a schema in it.
    pub async fn connect(url: &str, settings: Settings) -> Result<Self, ConnectError> {
        let connected = connect::connect(url, &settings).await?;
        Ok(Self {
            durability: settings.durability,
            pool: Pool::new(connected.options, settings),
            types: connected.types,
            server: connected.server,
        })
    }

    /// Rows of a statement; once more on another connection where the first broke.
    async fn rows(
        &self,
        sql: &'static str,
        arguments: impl Fn() -> Result<PgArguments, BoxDynError> + Send,
    ) -> Result<Vec<PgRow>, StoreError> {
        let encoded = || arguments().map_err(|error| StoreError::Corrupt(error.to_string()));
        match self.try_rows(sql, encoded()?).await {
            Err(ReadFailure::Lost(error)) => {
                tracing::warn!(error = failure::one_line(&error), "connection lost, reading once more");
                Ok(self.try_rows(sql, encoded()?).await?)
            }
            result => Ok(result?),
        }
    }

    async fn try_rows(&self, sql: &'static str, arguments: PgArguments) -> Result<Vec<PgRow>, ReadFailure> {
        let mut lease = self.pool.acquire().await?;
        let query = sqlx::query_with(sql, arguments).fetch_all(lease.connection());
        let Ok(answer) = timeout(self.pool.patience(), query).await else {
            self.pool.note_loss();
            return Err(StoreError::Unavailable("the server did not answer in time".to_owned()).into());
        };
        let answer = answer.map_err(ReadFailure::from);
        match &answer {
            Err(ReadFailure::Lost(_)) => self.pool.note_loss(),
            _ => lease.give_back(),
        }
        answer
    }
}

/// Without the URL, which may hold a password.
impl fmt::Debug for PostgresStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("PostgresStore");
        debug.field("server", &self.server).field("durability", &self.durability).finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl Store for PostgresStore {
    fn durability(&self) -> Durability {
        self.durability
    }

    async fn load(&self, keys: &[RowKey]) -> Result<Loaded, StoreError> {
        if keys.is_empty() {
            return Ok(Loaded { rows: Vec::new(), snapshot: Snapshot::default() });
        }
        let found = self.rows(load::statement(keys), || load::arguments(keys)).await?;
        load::loaded(keys, &found)
    }

    async fn list_objects(&self, listing: &Listing) -> Result<Page, StoreError> {
        if listing.limit == 0 {
            return Ok(Page::default());
        }
        let arguments = || list::objects_arguments(listing);
        let found = self.rows(list::objects_statement(listing), arguments).await?;
        list::objects_page(listing, &found)
    }

    async fn list_buckets(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Bucket>, StoreError> {
        if prefix.contains('\0') {
            return Ok(Vec::new()); // no name has one, and text cannot be sent with one
        }
        // A name is after `abc\0...` if it is after `abc`.
        let after = after.and_then(|after| after.split('\0').next()).unwrap_or_default();
        let arguments = || {
            let mut arguments = PgArguments::default();
            arguments.add(prefix)?;
            arguments.add(after)?;
            arguments.add(i64::try_from(limit).unwrap_or(i64::MAX))?;
            Ok(arguments)
        };
        let found = self.rows(list::BUCKETS, arguments).await?;
        let buckets = found.iter().map(|row| rows::bucket(&mut Columns::from(row, 0)));
        buckets.filter_map(Result::transpose).map(|found| found.map(|(bucket, _)| bucket)).collect()
    }

    async fn list_uploads(&self, listing: &UploadListing) -> Result<UploadPage, StoreError> {
        if listing.limit == 0 {
            return Ok(UploadPage::default());
        }
        let found = self.rows(list::UPLOADS, || list::uploads_arguments(listing)).await?;
        list::uploads_page(listing, &found)
    }

    async fn list_parts(
        &self,
        upload: &UploadId,
        after: Option<PartNumber>,
        limit: usize,
    ) -> Result<PartPage, StoreError> {
        if limit == 0 {
            return Ok(PartPage::default());
        }
        let arguments = || {
            let mut arguments = PgArguments::default();
            arguments.add(upload.0)?;
            arguments.add(after.map_or(0, |number| i32::from(number.get())))?;
            arguments.add(list::one_more(limit))?;
            Ok(arguments)
        };
        let found = self.rows(list::PARTS, arguments).await?;
        let parts = found.iter().take(limit).map(|row| rows::part(&mut Columns::from(row, 0)));
        let parts = parts.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        Ok(PartPage { parts, truncated: found.len() > limit })
    }

    async fn delete_intents(
        &self,
        after: Option<IntentId>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<DeleteIntent>, StoreError> {
        let arguments = || {
            let mut arguments = PgArguments::default();
            arguments.add(after.map_or(0, |id| id.0.cast_signed()))?;
            arguments.add(Moment::or_infinity(until))?;
            arguments.add(i64::try_from(limit).unwrap_or(i64::MAX))?;
            Ok(arguments)
        };
        let found = self.rows(list::DELETE_INTENTS, arguments).await?;
        found.iter().map(delete_intent).collect()
    }

    async fn commit(&self, commit: Commit) -> Result<(), CommitError> {
        let arguments = Batch::of(&commit).arguments(self.durability == Durability::Disk, &self.types);
        let arguments =
            arguments.map_err(|error| CommitError::NotApplied(StoreError::Corrupt(error.to_string())))?;
        let mut lease = self.pool.acquire().await.map_err(CommitError::NotApplied)?;
        let applying = commit::execute(lease.connection(), arguments);
        match timeout(self.pool.patience(), applying).await {
            Ok(Ok(())) => {
                lease.give_back();
                Ok(())
            }
            Ok(Err(commit::Failed { error, executed })) => {
                if failure::is_connection_lost(&error) {
                    self.pool.note_loss();
                } else {
                    lease.give_back();
                }
                Err(failure::commit_error(&error, executed))
            }
            Err(_) => {
                self.pool.note_loss();
                Err(CommitError::InDoubt("the server did not answer in time".to_owned()))
            }
        }
    }
}

fn delete_intent(row: &PgRow) -> Result<DeleteIntent, StoreError> {
    let mut columns = Columns::from(row, 0);
    let id: i64 = columns.next()?;
    Ok(DeleteIntent {
        id: IntentId(id.cast_unsigned()),
        freed: rows::timestamp(columns.next()?)?,
        needles: rows::needles(&mut columns)?,
    })
}
