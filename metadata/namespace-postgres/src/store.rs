use std::{fmt, sync::Arc};

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
    list,
    load::{self, Found, ObjectName},
    lookups::{Lookups, Outcome},
    pool::Pool,
    rows::{self, Columns},
    wire::{Moment, RowTypes},
};

/// Statements of lookups at once: enough to keep a few cores of the server busy, few enough to gather.
const LOOKUPS_AT_ONCE: usize = 4;
/// Objects of one such statement.
const LOOKUPS_TOGETHER: usize = 256;

/// Rows in a PostgreSQL database, with other gateways or alone.
pub struct PostgresStore {
    pool: Pool,
    lookups: Lookups<Arc<ObjectName>, Result<Found, StoreError>>,
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
            lookups: Lookups::new(LOOKUPS_AT_ONCE),
            types: connected.types,
            server: connected.server,
        })
    }

    /// One object: together with others that are looked up now, where many are.
    async fn object(&self, name: ObjectName) -> Result<Found, StoreError> {
        let name = Arc::new(name);
        let turn = match self.lookups.enter(&name).await {
            Outcome::Answered(answer) => return answer,
            Outcome::Ask(turn) => turn,
        };
        let others = turn.take(LOOKUPS_TOGETHER - 1);
        let names: Vec<&ObjectName> =
            std::iter::once(&*name).chain(others.iter().map(|other| &*other.question)).collect();
        let sql = if others.is_empty() { load::ONE_OBJECT } else { load::OBJECTS };
        let found = self.rows(sql, || load::object_arguments(&names)).await;
        drop(turn); // the next statement need not wait until these answers are read
        match found.and_then(|found| load::objects(names.len(), &found)) {
            Ok(objects) => {
                let mut objects = objects.into_iter();
                let own = objects.next().unwrap_or(Ok(None));
                others.into_iter().zip(objects).for_each(|(other, object)| other.answer(object));
                own
            }
            Err(error) => {
                others.into_iter().for_each(|other| other.answer(Err(copy_of(&error))));
                Err(error)
            }
        }
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
        match keys {
            [] => Ok(Loaded { rows: Vec::new(), snapshot: Snapshot::default() }),
            [RowKey::Object(bucket, key)] => {
                let found = self.object((bucket.clone(), key.clone())).await?;
                Ok(Loaded { rows: vec![found], snapshot: Snapshot::default() })
            }
            keys => {
                let found = self.rows(load::statement(keys), || load::arguments(keys)).await?;
                load::loaded(keys, &found)
            }
        }
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

/// For everybody who was in the same statement.
fn copy_of(error: &StoreError) -> StoreError {
    match error {
        StoreError::Unavailable(why) => StoreError::Unavailable(why.clone()),
        StoreError::Corrupt(why) => StoreError::Corrupt(why.clone()),
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
