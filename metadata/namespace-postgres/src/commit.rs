//! `Store::commit`: a batch becomes the arguments of one call of `holdfast.apply`.

mod batch;

use futures::TryStreamExt;
use sqlx::{Arguments, Either, Executor, PgConnection, error::BoxDynError, postgres::PgArguments};

pub(crate) use batch::Batch;

use crate::wire::{Record, Records, RowType, RowTypes};

const APPLY: &str = "SELECT holdfast.apply($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, \
    $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)";

/// What the server said, and whether the statement was done by then.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: sqlx::Error,
    /// Only the end of the transaction was missing: it may or may not have come.
    pub(crate) executed: bool,
}

/// One round trip. Returns when the server is ready for the next statement, which is after the transaction's end.
pub(crate) async fn execute(connection: &mut PgConnection, arguments: PgArguments) -> Result<(), Failed> {
    let mut executed = false;
    let mut answers = connection.fetch_many(sqlx::query_with(APPLY, arguments));
    loop {
        match answers.try_next().await {
            Ok(Some(Either::Left(_done))) => executed = true,
            Ok(Some(Either::Right(_row))) => {}
            Ok(None) => return Ok(()),
            Err(error) => return Err(Failed { error, executed }),
        }
    }
}

impl Batch<'_> {
    /// In the order of the function's parameters.
    pub(crate) fn arguments(&self, durable: bool, types: &RowTypes) -> Result<PgArguments, BoxDynError> {
        let mut arguments = PgArguments::default();
        arguments.add(durable)?;
        for buckets in [&self.held_buckets, &self.changed_buckets] {
            arguments.add(column(buckets, |(name, _)| *name))?;
            arguments.add(column(buckets, |(_, version)| *version))?;
        }
        add_rows(&mut arguments, types.bucket, &self.new_buckets)?;
        add_rows(&mut arguments, types.object, &self.new_objects)?;
        add_rows(&mut arguments, types.upload, &self.new_uploads)?;
        arguments.add(column(&self.guarded_objects, |((bucket, _), _)| *bucket))?;
        arguments.add(column(&self.guarded_objects, |((_, key), _)| key.as_bytes()))?;
        arguments.add(column(&self.guarded_objects, |(_, version)| *version))?;
        arguments.add(column(&self.guarded_uploads, |(id, _)| id.0))?;
        arguments.add(column(&self.guarded_uploads, |(_, version)| *version))?;
        arguments.add(column(&self.deleted_objects, |(bucket, _)| *bucket))?;
        arguments.add(column(&self.deleted_objects, |(_, key)| key.as_bytes()))?;
        arguments.add(column(&self.deleted_uploads, |id| id.0))?;
        arguments.add(&self.deleted_buckets)?;
        add_rows(&mut arguments, types.bucket, &self.put_buckets)?;
        add_rows(&mut arguments, types.object, &self.put_objects)?;
        add_rows(&mut arguments, types.upload, &self.put_uploads)?;
        add_rows(&mut arguments, types.part, &self.put_parts)?;
        add_rows(&mut arguments, types.freed, &self.freed)?;
        arguments.add(&self.struck)?;
        arguments.add(&self.absent_buckets)?;
        arguments.add(column(&self.absent_objects, |(bucket, _)| *bucket))?;
        arguments.add(column(&self.absent_objects, |(_, key)| key.as_bytes()))?;
        arguments.add(column(&self.absent_uploads, |id| id.0))?;
        Ok(arguments)
    }
}

fn add_rows<R: Record>(
    arguments: &mut PgArguments,
    row_type: RowType,
    rows: &[R],
) -> Result<(), BoxDynError> {
    arguments.add(Records { row_type, rows })
}

fn column<'r, T, C>(rows: &'r [T], column: impl Fn(&'r T) -> C) -> Vec<C> {
    rows.iter().map(column).collect()
}
