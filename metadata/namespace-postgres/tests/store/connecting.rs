//! Opening the store: what must work at once, and what must fail in one clear line.

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread,
};

use namespace::Store;
use namespace_postgres::{ConnectError, PostgresStore, Settings};
use postgres_fixture::{Cluster, Options};
use types::Durability;

use crate::fixture::{commit, fresh_database, get, object, open, put, put_bucket};

#[tokio::test(flavor = "multi_thread")]
async fn gateways_that_start_at_once_share_one_schema() {
    let url = fresh_database().await;
    let opening = (0..8).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { open(&url).await })
    });
    for (number, store) in futures::future::join_all(opening).await.into_iter().enumerate() {
        let store = store.expect("no panic");
        commit(&store, vec![put_bucket("photos"), put(&number.to_string(), object(1))])
            .await
            .expect("a commit");
    }
    let migrations = Cluster::shared().psql(&url, "SELECT count(*) FROM holdfast.migrations");
    assert_eq!(migrations, "4");
}

#[track_caller]
fn check(error: &ConnectError, expected: &str) {
    let line = error.to_string();
    assert!(line.contains(expected), "{line:?} does not tell {expected:?}");
    assert!(!line.contains(['\n', '\r']), "{line:?} has several lines");
    for secret in ["forest", "s3cret"] {
        assert!(
            !line.contains(secret) && !format!("{error:?}").contains(secret),
            "{line:?} tells the password"
        );
    }
}

async fn refusal(url: &str) -> ConnectError {
    PostgresStore::connect(url, Settings::default()).await.expect_err("it cannot be opened")
}

#[tokio::test]
async fn wrong_urls_are_told_apart() {
    for (url, expected) in [
        ("mysql://root:s3cret@localhost/db", "does not start with postgres://"),
        ("postgres://root:s3cret@localhost:99999/db", "port"),
        ("postgres://root:s3cret@localhost/db?sslmode=perhaps", "perhaps"),
    ] {
        let error = refusal(url).await;
        check(&error, expected);
        assert!(matches!(error, ConnectError::InvalidUrl { .. }), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_users_and_databases_are_refused_by_name() {
    let url = fresh_database().await;
    let error = refusal(&url.replace("forest", "s3cret")).await;
    check(&error, "password authentication failed");
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    let error = refusal(&Cluster::shared().url_for("nowhere")).await;
    check(&error, "database \"nowhere\" does not exist");
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let error = refusal(&format!("postgres://root:s3cret@127.0.0.1:{port}/db")).await;
    check(&error, &format!("127.0.0.1:{port} cannot be reached: "));
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_is_not_taken_for_postgres() {
    for answer in ["HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", ""] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = thread::spawn(move || {
            for connection in listener.incoming().take(2).flatten() {
                let mut connection = connection;
                let _ = connection.read(&mut [0; 1024]); // whatever it was
                let _ = connection.write_all(answer.as_bytes());
            }
        });
        let error = refusal(&format!("postgres://root:s3cret@127.0.0.1:{port}/db?sslmode=disable")).await;
        check(&error, "does not answer like PostgreSQL");
        assert!(matches!(error, ConnectError::NotPostgres { .. }), "{error:?}");
        drop(std::net::TcpStream::connect(("127.0.0.1", port))); // the second, which ends the server
        server.join().expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_a_newer_program_is_left_alone() {
    let url = fresh_database().await;
    drop(open(&url).await);
    let newer = "INSERT INTO holdfast.migrations SELECT 999, 'later', now(), true, '\\x00', 0";
    Cluster::shared().psql(&url, newer);
    let error = refusal(&url).await;
    check(&error, "migration 999");
    assert!(matches!(error, ConnectError::Schema { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encoding_that_cannot_hold_every_header_is_unsuitable() {
    let cluster = Cluster::shared();
    cluster.psql("postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
    let error = refusal(&cluster.url_for("latin")).await;
    check(&error, "encoding is LATIN1");
    assert!(matches!(error, ConnectError::Unsuitable { .. }), "{error:?}");
}

/// A server that lies about the disk is refused where the disk was asked for; memory is what it can do.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_fsync_is_no_disk() {
    let cluster = Cluster::start(Options { fsync: false, ..Options::default() });
    let error = refusal(&cluster.url()).await;
    check(&error, "fsync = off");
    let settings = Settings { durability: Durability::Memory, ..Settings::default() };
    let store = PostgresStore::connect(&cluster.url(), settings).await.expect("memory can be kept");
    assert_eq!(store.durability(), Durability::Memory);
    commit(&store, vec![put_bucket("photos"), put("k", object(1))]).await.expect("a commit");
}

/// The write-ahead log is flushed before a commit is acknowledged, or not, as the store was asked: whatever the
/// database's own setting is.
#[tokio::test(flavor = "multi_thread")]
async fn durability_is_the_stores_and_not_the_databases() {
    let settings = vec![
        ("wal_writer_delay".to_owned(), "10s".to_owned()),
        ("autovacuum".to_owned(), "off".to_owned()),
        ("bgwriter_delay".to_owned(), "10s".to_owned()),
    ];
    let cluster = Cluster::start(Options { settings, ..Options::default() });
    for (durability, database_setting, flushed) in
        [(Durability::Disk, "off", "t"), (Durability::Memory, "on", "f"), (Durability::Disk, "on", "t")]
    {
        let url = cluster.fresh_database();
        let name = url.rsplit('/').next().expect("a name");
        cluster.psql(&url, &format!("ALTER DATABASE {name} SET synchronous_commit = {database_setting}"));
        let store = PostgresStore::connect(&url, Settings { durability, ..Settings::default() }).await;
        let store = store.expect("the cluster runs");
        commit(&store, vec![put_bucket("photos")]).await.expect("a commit");
        cluster.psql("postgres", "CHECKPOINT"); // flushes what came before
        commit(&store, vec![put("k", object(1))]).await.expect("a commit");
        let all = cluster.psql(&url, "SELECT pg_current_wal_flush_lsn() >= pg_current_wal_insert_lsn()");
        assert_eq!(all, flushed, "{durability}, synchronous_commit = {database_setting} in the database");
        assert!(get(&store, "k").await.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn debug_hides_the_password() {
    let url = fresh_database().await;
    let store = open(&url).await;
    let text = format!("{store:?}");
    assert!(text.contains("127.0.0.1"), "{text}");
    assert!(!text.contains("forest"), "{text}");
}

/// What an administrator has set for the database does not reach the store's sessions.
#[tokio::test(flavor = "multi_thread")]
async fn settings_of_the_database_do_not_matter() {
    let cluster = Cluster::shared();
    let url = cluster.fresh_database();
    let name = url.rsplit('/').next().expect("a name").to_owned();
    for setting in [
        "default_transaction_read_only = on",
        "default_transaction_isolation = serializable",
        "statement_timeout = 1",
        "enable_indexscan = off",
    ] {
        cluster.psql("postgres", &format!("ALTER DATABASE {name} SET {setting}"));
    }
    let store = open(&url).await;
    commit(&store, vec![put_bucket("photos"), put("k", object(1))]).await.expect("a commit");
    assert_eq!(get(&store, "k").await, Some(object(1)));
}
