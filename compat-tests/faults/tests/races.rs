//! Conditional writes: however many clients race, exactly one wins, and no update is lost.

use harness::{Metadata, Options, S3, Server};
use http::Method;

const CLIENTS: usize = 64;
const KEYS: usize = 500;

async fn one_winner_a_key(metadata: Metadata) {
    let server = Server::start(Options { metadata, ..Options::default() });
    let s3 = S3::new(&server);
    s3.make_bucket("races").await;
    for key in 0..KEYS {
        let racers: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let put = s3.object(Method::PUT, "races", &format!("key-{key}")).header("if-none-match", "*");
                tokio::spawn(put.body(format!("client {client}")).send())
            })
            .collect();
        let mut winners = Vec::new();
        for (client, racer) in racers.into_iter().enumerate() {
            let answer = racer.await.expect("ran");
            match answer.status.as_u16() {
                200 => winners.push(client),
                412 | 409 => {}
                _ => panic!("{answer:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "key {key}: {winners:?}");
        let stored = s3.get("races", &format!("key-{key}")).await;
        assert_eq!(stored.text(), format!("client {}", winners[0]));
    }
}

/// Each client adds one to a number until it has succeeded: read, then put under the condition that the ETag is
/// still the one that was read.
async fn no_increment_is_lost(metadata: Metadata) {
    let server = Server::start(Options { metadata, ..Options::default() });
    let s3 = S3::new(&server);
    s3.make_bucket("races").await;
    assert_eq!(s3.put("races", "counter", "0").await.status, 200);
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(increment(s3.clone()))).collect();
    for client in clients {
        client.await.expect("ran");
    }
    assert_eq!(s3.get("races", "counter").await.text(), CLIENTS.to_string());
}

async fn increment(s3: S3) {
    loop {
        let current = s3.get("races", "counter").await;
        let next = current.text().parse::<u64>().expect("a number") + 1;
        let put = s3.object(Method::PUT, "races", "counter").header("if-match", current.header("etag"));
        let answer = put.body(next.to_string()).send().await;
        match answer.status.as_u16() {
            200 => return,
            412 | 409 => {}
            _ => panic!("{answer:?}"),
        }
    }
}

#[tokio::test]
async fn one_winner_a_key_embedded() {
    one_winner_a_key(Metadata::Embedded).await;
}

#[tokio::test]
async fn one_winner_a_key_postgres() {
    one_winner_a_key(Metadata::Postgres).await;
}

#[tokio::test]
async fn no_increment_is_lost_embedded() {
    no_increment_is_lost(Metadata::Embedded).await;
}

#[tokio::test]
async fn no_increment_is_lost_postgres() {
    no_increment_is_lost(Metadata::Postgres).await;
}
