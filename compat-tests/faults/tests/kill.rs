//! `kill -9` under load, again and again: what was acknowledged is there, byte for byte; what was not is there
//! whole or not at all.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use harness::{Metadata, Model, Options, S3, Server, State};
use http::Method;
use rand::{Rng, SeedableRng, rngs::StdRng};

const ROUNDS: u64 = 200;
const WRITERS: u64 = 6;
const KEYS: u64 = 12;
/// Over the 5 MiB that S3 wants of a part; two parts are cut into several needles.
const PART_BYTES: usize = 5 << 20;
/// Every object is looked at after this many rounds; after each, those that were written in it.
const FULL_CHECK_EVERY: u64 = 20;

fn small_body(number: u64) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(number);
    let size = match number % 4 {
        0 => rng.random_range(0..64),
        1 => rng.random_range(0..10_000),
        2 => 4096,
        _ => rng.random_range(0..300_000),
    };
    let mut body = vec![0; size];
    rng.fill(&mut body[..]);
    body
}

fn part(number: u64, index: u64) -> Vec<u8> {
    let mut part = vec![0; if index == 1 { PART_BYTES } else { 1000 }];
    StdRng::seed_from_u64(number ^ (index << 60)).fill(&mut part[..]);
    part
}

/// Bodies of uploads are numbered apart from plain ones.
const UPLOAD: u64 = 1 << 50;

fn body(number: u64) -> Vec<u8> {
    if number & UPLOAD == 0 { small_body(number) } else { [part(number, 1), part(number, 2)].concat() }
}

/// What was acknowledged in a run: a run that did nothing proves nothing.
#[derive(Debug, Default)]
struct Acknowledged {
    puts: AtomicU64,
    deletes: AtomicU64,
    completes: AtomicU64,
}

struct Writer {
    s3: S3,
    model: Arc<Model>,
    acknowledged: Arc<Acknowledged>,
    rng: StdRng,
    id: u64,
    next: u64,
}

impl Writer {
    /// Works until the connection breaks. Each writer has keys of its own, so the order of what it asked is known.
    async fn work(mut self) -> u64 {
        loop {
            let key = format!("writer-{}/key-{}", self.id, self.rng.random_range(0..KEYS));
            self.next += 1;
            let number = self.next;
            let done = match self.rng.random_range(0..20) {
                0..12 => self.put(&key, number).await,
                12..19 => self.delete(&key).await,
                _ => self.upload(&key, number | UPLOAD).await,
            };
            if !done {
                return self.next;
            }
        }
    }

    async fn put(&self, key: &str, number: u64) -> bool {
        self.model.ask(key, State::Body(number));
        let answer = self.s3.object(Method::PUT, "kill", key).body(small_body(number)).try_send().await;
        let done = answer.is_ok_and(|answer| expect(&answer, 200));
        self.answered(key, State::Body(number), done, &self.acknowledged.puts)
    }

    async fn delete(&self, key: &str) -> bool {
        self.model.ask(key, State::Absent);
        let answer = self.s3.object(Method::DELETE, "kill", key).try_send().await;
        let done = answer.is_ok_and(|answer| expect(&answer, 204));
        self.answered(key, State::Absent, done, &self.acknowledged.deletes)
    }

    async fn upload(&self, key: &str, number: u64) -> bool {
        self.try_upload(key, number).await.is_some()
    }

    async fn try_upload(&self, key: &str, number: u64) -> Option<()> {
        let started = self.s3.request(Method::POST, format!("/kill/{key}?uploads")).try_send().await.ok()?;
        assert_eq!(started.status, 200, "{started:?}");
        let id = started.element("UploadId");
        let mut list = String::new();
        for index in 1..=2 {
            let target = format!("/kill/{key}?partNumber={index}&uploadId={id}");
            let put = self.s3.request(Method::PUT, target).body(part(number, index)).try_send().await.ok()?;
            assert_eq!(put.status, 200, "{put:?}");
            let etag = put.header("etag");
            list.push_str(&format!("<Part><PartNumber>{index}</PartNumber><ETag>{etag}</ETag></Part>"));
        }
        self.model.ask(key, State::Body(number));
        let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
        let complete = self.s3.request(Method::POST, format!("/kill/{key}?uploadId={id}")).body(list);
        let answer = complete.try_send().await.ok()?;
        let done = expect(&answer, 200);
        self.answered(key, State::Body(number), done, &self.acknowledged.completes).then_some(())
    }

    fn answered(&self, key: &str, state: State, done: bool, count: &AtomicU64) -> bool {
        if done {
            self.model.acknowledged(key, state);
            count.fetch_add(1, Ordering::Relaxed);
        }
        done
    }
}

/// Any whole answer must be the expected one: a server that dies breaks the connection, it does not refuse.
fn expect(answer: &harness::Answer, status: u16) -> bool {
    assert_eq!(answer.status, status, "{answer:?}");
    true
}

async fn survives(metadata: Metadata, rounds: u64, seed: u64) {
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let flags = vec!["--reap-delay=300ms".to_owned(), "--chunk-size=2MiB".to_owned()];
    let mut server = Server::start(Options { metadata, flags, ..Options::default() });
    S3::new(&server).make_bucket("kill").await;
    let model = Arc::new(Model::default());
    let acknowledged = Arc::new(Acknowledged::default());
    let mut next = vec![0; usize::try_from(WRITERS).expect("few")];
    for round in 1..=rounds {
        let s3 = S3::new(&server);
        let writers: Vec<_> = (0..WRITERS)
            .map(|id| {
                let from = next[usize::try_from(id).expect("few")];
                let next = if from == 0 { id << 32 } else { from };
                let rng = StdRng::seed_from_u64(rng.random());
                let (model, acknowledged) = (Arc::clone(&model), Arc::clone(&acknowledged));
                tokio::spawn(Writer { s3: s3.clone(), model, acknowledged, rng, id, next }.work())
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(rng.random_range(20..400))).await;
        assert!(writers.iter().all(|writer| !writer.is_finished()), "a connection broke before the kill");
        server.kill();
        for (id, writer) in writers.into_iter().enumerate() {
            next[id] = writer.await.expect("no wrong answer");
        }
        server.restart();
        let all = round % FULL_CHECK_EVERY == 0 || round == rounds;
        let s3 = S3::new(&server);
        for key in if all { model.keys() } else { model.keys_in_doubt() } {
            model.check(&s3, "kill", &key, body).await.unwrap_or_else(|lost| panic!("round {round}: {lost}"));
        }
    }
    println!("{rounds} rounds: {acknowledged:?}");
    for count in [&acknowledged.puts, &acknowledged.deletes, &acknowledged.completes] {
        assert!(count.load(Ordering::Relaxed) >= rounds / 10, "{acknowledged:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_embedded() {
    survives(Metadata::Embedded, ROUNDS, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_postgres() {
    survives(Metadata::Postgres, ROUNDS / 10, 2).await;
}
