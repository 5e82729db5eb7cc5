//! The power is cut at any write of the whole server, namespace, volumes and master's log together: what was
//! acknowledged is there, byte for byte; what was not is there whole or not at all.
//!
//! `HOLDFAST_POWER_CUTS`: `all` for a cut at every single operation (each takes some tenths of a second), a number
//! for that one alone; else some spread evenly. `HOLDFAST_POWER_SEED`: another workload, other survivors.

use std::{env, sync::Arc};

use harness::{Answer, Broken, Model, Options, S3, Server, State};
use http::Method;
use power_cut::{Image, Mounted};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::runtime::Runtime;

const BUCKET: &str = "power";
/// Made and removed again and again.
const FLEETING: &str = "fleeting";
const WRITERS: u64 = 4;
const STEPS: u64 = 12;
const KEYS: u64 = 4;
/// So many cuts make a test of about a minute and a half on two busy cores.
const DEFAULT_CUTS: u64 = 60;
const FLAGS: [&str; 3] = ["--reap-delay=20ms", "--chunk-size=16KiB", "--log=warn"];

/// A disk and what must be found on it.
#[derive(Default)]
struct World {
    image: Image,
    objects: Arc<Model>,
    buckets: Arc<Model>,
}

/// A workload on a disk, again and again, each time with another cut.
struct Sweep {
    runtime: Runtime,
    start: World,
    flags: Vec<String>,
    seed: u64,
}

/// What a body holds; every third is cut into several needles.
fn body(number: u64) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(number);
    let size =
        if number.is_multiple_of(3) { rng.random_range(16_384..60_000) } else { rng.random_range(0..6000) };
    let mut body = vec![0; size];
    rng.fill(&mut body[..]);
    body
}

/// `None`: the power was cut before the answer came. A server that dies breaks the connection, it does not refuse.
#[track_caller]
fn expect(answer: Result<Answer, Broken>, status: u16) -> Option<Answer> {
    let answer = answer.ok()?;
    assert_eq!(answer.status, status, "{}", answer.text());
    Some(answer)
}

struct Writer {
    s3: S3,
    objects: Arc<Model>,
    rng: StdRng,
}

impl Writer {
    /// Each writer has keys of its own, so the order of what it asked is known.
    async fn work(mut self, id: u64) -> Option<()> {
        for _ in 0..STEPS {
            let key = format!("writer-{id}/key-{}", self.rng.random_range(0..KEYS));
            let number = self.rng.random();
            let (state, status) = match self.rng.random_range(0..10) {
                0..6 => (State::Body(number), 200),
                6..9 => (State::Absent, 204),
                _ => {
                    self.upload(&key, number).await?;
                    continue;
                }
            };
            self.objects.ask(&key, state);
            let request = match state {
                State::Body(number) => self.s3.object(Method::PUT, BUCKET, &key).body(body(number)),
                State::Absent => self.s3.object(Method::DELETE, BUCKET, &key),
            };
            expect(request.try_send().await, status)?;
            self.objects.acknowledged(&key, state);
        }
        Some(())
    }

    async fn upload(&self, key: &str, number: u64) -> Option<()> {
        let post = |query: &str| self.s3.request(Method::POST, format!("/{BUCKET}/{key}?{query}"));
        let id = expect(post("uploads").try_send().await, 200)?.element("UploadId");
        let target = format!("/{BUCKET}/{key}?partNumber=1&uploadId={id}");
        let part = self.s3.request(Method::PUT, target).body(body(number)).try_send().await;
        let etag = expect(part, 200)?.header("etag").to_owned();
        let part = format!("<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>");
        let list = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
        self.objects.ask(key, State::Body(number));
        expect(post(&format!("uploadId={id}")).body(list).try_send().await, 200)?;
        self.objects.acknowledged(key, State::Body(number));
        Some(())
    }
}

async fn make_bucket(s3: &S3, buckets: &Model, name: &str) -> Option<()> {
    buckets.ask(name, State::Body(0));
    expect(s3.request(Method::PUT, format!("/{name}")).try_send().await, 200)?;
    buckets.acknowledged(name, State::Body(0));
    Some(())
}

async fn remove_bucket(s3: &S3, buckets: &Model, name: &str) -> Option<()> {
    buckets.ask(name, State::Absent);
    expect(s3.request(Method::DELETE, format!("/{name}")).try_send().await, 204)?;
    buckets.acknowledged(name, State::Absent);
    Some(())
}

async fn has_bucket(s3: &S3, name: &str) -> Option<bool> {
    let answer = s3.request(Method::HEAD, format!("/{name}")).try_send().await.ok()?;
    assert!(answer.status == 200 || answer.status == 404, "{answer:?}");
    Some(answer.status == 200)
}

/// A bucket that comes and goes beside the others' work.
async fn come_and_go(s3: S3, buckets: Arc<Model>) -> Option<()> {
    if has_bucket(&s3, FLEETING).await? {
        remove_bucket(&s3, &buckets, FLEETING).await?;
    }
    for _ in 0..2 {
        make_bucket(&s3, &buckets, FLEETING).await?;
        remove_bucket(&s3, &buckets, FLEETING).await?;
    }
    make_bucket(&s3, &buckets, FLEETING).await
}

impl World {
    fn copy(&self) -> Self {
        let copy = |model: &Model| Arc::new(model.clone());
        Self { image: self.image.clone(), objects: copy(&self.objects), buckets: copy(&self.buckets) }
    }

    /// What the writers do, all at once. `None`: the power was cut before it was done.
    async fn work(&self, s3: S3, seed: u64) -> Option<()> {
        if !has_bucket(&s3, BUCKET).await? {
            make_bucket(&s3, &self.buckets, BUCKET).await?;
        }
        let mut rng = StdRng::seed_from_u64(seed);
        let mut tasks = vec![tokio::spawn(come_and_go(s3.clone(), Arc::clone(&self.buckets)))];
        for id in 0..WRITERS {
            let rng = StdRng::seed_from_u64(rng.random());
            let writer = Writer { s3: s3.clone(), objects: Arc::clone(&self.objects), rng };
            tasks.push(tokio::spawn(writer.work(id)));
        }
        let mut done = Some(());
        for task in tasks {
            done = done.and(task.await.expect("no wrong answer"));
        }
        done
    }

    /// Looks at everything, and whether the server still takes new objects.
    async fn check(&self, s3: &S3) -> Result<(), String> {
        for name in self.buckets.keys() {
            let is_there = has_bucket(s3, &name).await.ok_or("no answer")?;
            self.buckets.settle(&name, |state| (state != State::Absent) == is_there)?;
        }
        let mut there = Vec::new();
        for key in self.objects.keys() {
            if self.objects.check(s3, BUCKET, &key, body).await? != State::Absent {
                there.push(key);
            }
        }
        if has_bucket(s3, BUCKET).await == Some(true) {
            let listed = s3.request(Method::GET, format!("/{BUCKET}?list-type=2")).send().await.text();
            let listed: Vec<_> =
                listed.split("<Key>").skip(1).filter_map(|rest| rest.split('<').next()).collect();
            if listed != there {
                return Err(format!("listed {listed:?}, there {there:?}"));
            }
            let put = s3.put(BUCKET, "afterwards", "still writable").await;
            if put.status != 200 || s3.get(BUCKET, "afterwards").await.text() != "still writable" {
                return Err(format!("no longer writable: {}", put.text()));
            }
            s3.delete(BUCKET, "afterwards").await;
        }
        Ok(())
    }
}

impl Sweep {
    fn new(start: World, durability: &str, seed: u64) -> Self {
        let flags = FLAGS.map(str::to_owned).into_iter().chain([format!("--durability={durability}")]);
        let runtime = Runtime::new().expect("a runtime");
        Self { runtime, start, flags: flags.collect(), seed }
    }

    /// The workload on a copy of the first disk, with the power cut at one operation; without, when it is done.
    /// The world afterwards, not yet looked at, and the number of operations done.
    fn run(&self, cut_at: Option<u64>) -> Result<(World, u64), String> {
        let mut world = self.start.copy();
        let disk = Mounted::new(world.image.clone(), cut_at);
        match self.server(&disk) {
            Ok(mut server) => {
                let s3 = S3::new(&server);
                let done = self.runtime.block_on(world.work(s3, self.seed));
                server.kill();
                if done.is_none() && !disk.is_cut() {
                    return Err(format!("the server died by itself\n{}", server.log()));
                }
            }
            Err(_) if disk.is_cut() => {}
            Err(log) => return Err(format!("the server did not start\n{log}")),
        }
        let operations = disk.operations();
        let mut rng = StdRng::seed_from_u64(self.seed ^ cut_at.unwrap_or(u64::MAX));
        world.image = disk.into_image().after_power_cut(&mut rng);
        Ok((world, operations))
    }

    /// Starts the server on what the cut left and looks at everything.
    fn check(&self, world: &mut World) -> Result<(), String> {
        let disk = Mounted::new(std::mem::take(&mut world.image), None);
        let mut server =
            self.server(&disk).map_err(|log| format!("the server did not start again\n{log}"))?;
        let outcome = self.runtime.block_on(world.check(&S3::new(&server)));
        server.kill();
        let outcome = outcome.map_err(|wrong| format!("{wrong}\n{}", server.log()));
        world.image = disk.into_image();
        outcome
    }

    fn server(&self, disk: &Mounted) -> Result<Server, String> {
        let data = Some(disk.path().join("data"));
        Server::try_start(Options { flags: self.flags.clone(), data, ..Options::default() })
    }

    /// Cuts the power, then looks. An error says which cut it was.
    fn cut(&self, cut_at: u64) -> Result<(), String> {
        let outcome = self.run(Some(cut_at)).and_then(|(mut world, _)| self.check(&mut world));
        outcome.map_err(|wrong| format!("seed {}, cut at operation {cut_at}: {wrong}", self.seed))
    }

    /// The cuts to be made, as `HOLDFAST_POWER_CUTS` says; the last comes when the workload is done.
    fn cuts(&self) -> Vec<u64> {
        let (_, operations) = self.run(None).expect("runs without a cut");
        let cuts = match env::var("HOLDFAST_POWER_CUTS").as_deref() {
            Ok("all") => (0..=operations).collect(),
            Ok(one) => vec![one.parse().expect("HOLDFAST_POWER_CUTS: all, or the number of an operation")],
            Err(_) => {
                let step = operations.div_ceil(DEFAULT_CUTS).max(1);
                (self.seed % step..=operations).step_by(usize::try_from(step).expect("small")).collect()
            }
        };
        println!("seed {}: {operations} operations, {} cuts", self.seed, cuts.len());
        cuts
    }
}

fn seed() -> u64 {
    env::var("HOLDFAST_POWER_SEED").map_or(1, |seed| seed.parse().expect("HOLDFAST_POWER_SEED: a number"))
}

#[track_caller]
fn survives_every_cut(sweep: &Sweep) {
    let failures: Vec<_> = sweep.cuts().into_iter().filter_map(|cut| sweep.cut(cut).err()).collect();
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), failures.join("\n\n"));
}

#[test]
fn a_first_start_and_its_work_survive_a_cut_at_any_write() {
    survives_every_cut(&Sweep::new(World::default(), "disk", seed()));
}

/// From a disk that a power cut left, so that recovery is cut too.
#[test]
fn recovery_and_work_after_it_survive_a_cut_at_any_write() {
    let (left, _) = Sweep::new(World::default(), "disk", seed()).run(None).expect("runs without a cut");
    survives_every_cut(&Sweep::new(left, "disk", seed() + 1));
}

/// What is not synced is lost: this disk can tell.
#[test]
fn without_syncs_acknowledged_objects_are_lost() {
    let sweep = Sweep::new(World::default(), "memory", seed());
    let lost = |cut| sweep.cut(cut).is_err_and(|wrong| wrong.contains("none of Expected"));
    assert!(sweep.cuts().into_iter().rev().any(lost), "nothing was lost");
}
