use std::borrow::Cow;

use sqlx::{
    PgConnection, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

/// By version. A released file is never edited: the server holds its checksum.
const FILES: [(i64, &str, &str); 4] = [
    (1, "tables", include_str!("../migrations/0001_tables.sql")),
    (2, "apply", include_str!("../migrations/0002_apply.sql")),
    (3, "listings", include_str!("../migrations/0003_listings.sql")),
    (4, "views", include_str!("../migrations/0004_views.sql")),
];

/// Brings the schema up to date. Safe when several gateways start at once: an advisory lock lets them in one by one.
pub(crate) async fn run(connection: &mut PgConnection) -> Result<(), MigrateError> {
    let migrations = FILES.map(|(version, name, sql)| {
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.into());
    migrator.create_schema("holdfast");
    migrator.dangerous_set_table_name("holdfast.migrations");
    migrator.run_direct(None, connection, false).await
}
