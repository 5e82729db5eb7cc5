//! Random intents, in batches, against S3's rules said plainly; and no needle is ever lost or freed twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
};

use md5::{Digest, Md5};
use proptest::prelude::*;
use tokio::sync::oneshot;
use types::{FileId, Timestamp};

use super::super::batch::{self, Queued, RowSet, Ticket};
use crate::{
    AccountId, Bucket, ContentHeaders, ETag, EtagCondition, Intent, Loaded, Object, Part, PartNumber,
    Snapshot, StoredPart, Upload, UploadId, WritePreconditions,
    conformance::samples::{self, bucket_name, key, needle},
    intents::{
        AbortUpload, CompleteUpload, CompletedPart, CreateBucket, CreateUpload, DeleteBucket, DeleteObject,
        PutObject, PutPart, RewriteObject,
    },
    memory_store::State,
};

const BUCKETS: [&str; 2] = ["one", "two"];
const KEYS: [&str; 2] = ["a", "b"];
const SMALL: u64 = 100;
const LARGE: u64 = 5 << 20;

/// What a client does. Numbers pick from few, so that intents meet.
#[derive(Debug, Clone)]
enum Op {
    CreateBucket { bucket: usize, owner: u8 },
    DeleteBucket { bucket: usize },
    Put { bucket: usize, key: usize, body: u8, needles: u8, when: When },
    Rewrite { bucket: usize, key: usize, stale: bool, when: When },
    Delete { bucket: usize, key: usize, when: When },
    CreateUpload { bucket: usize, key: usize, upload: u8 },
    PutPart { bucket: usize, key: usize, upload: u8, number: u16, body: u8, large: bool },
    Complete { bucket: usize, key: usize, upload: u8, parts: Vec<(u16, u8)>, size: Option<u64>, when: When },
    Abort { bucket: usize, key: usize, upload: u8 },
}

/// The preconditions of a write, by the bodies of objects that they name.
#[derive(Debug, Clone, Copy)]
enum When {
    Always,
    Match(u8),
    MatchAny,
    NoneMatch(u8),
    NoneMatchAny,
}

fn body_md5(body: u8) -> [u8; 16] {
    [body; 16]
}

fn body_etag(body: u8) -> ETag {
    ETag { md5: body_md5(body), parts: None }
}

impl When {
    fn preconditions(self) -> WritePreconditions {
        let of = |body| Some(EtagCondition::OneOf(vec![body_etag(body).to_string()]));
        let (if_match, if_none_match) = match self {
            Self::Always => (None, None),
            Self::Match(body) => (of(body), None),
            Self::MatchAny => (Some(EtagCondition::Any), None),
            Self::NoneMatch(body) => (None, of(body)),
            Self::NoneMatchAny => (None, Some(EtagCondition::Any)),
        };
        WritePreconditions { if_match, if_none_match }
    }

    fn holds(self, before: Option<&Object>) -> Result<(), String> {
        let etag = before.map(|object| object.etag);
        let failed = match self {
            Self::Always => false,
            Self::Match(_) | Self::MatchAny if etag.is_none() => return Err("NoSuchKey".to_owned()),
            Self::Match(body) => etag != Some(body_etag(body)),
            Self::MatchAny => false,
            Self::NoneMatch(body) => etag == Some(body_etag(body)),
            Self::NoneMatchAny => etag.is_some(),
        };
        if failed { Err("PreconditionFailed".to_owned()) } else { Ok(()) }
    }
}

/// The outcome or the refusal of an intent, as text.
type Told = Result<String, String>;

/// A bucket and a key.
type Place = (usize, usize);
type Parts = BTreeMap<u16, StoredPart>;

/// S3, said plainly.
#[derive(Default)]
struct Model {
    buckets: BTreeMap<usize, u8>,
    objects: BTreeMap<(usize, usize), Object>,
    uploads: BTreeMap<u8, (Place, Parts)>,
    freed: BTreeSet<FileId>,
    refused: BTreeSet<FileId>,
}

impl Model {
    fn put(&mut self, place: Place, mut object: Object, now: Timestamp) -> String {
        let before = self.objects.get(&place);
        object.modified = before.map_or(now, |before| before.modified.max(now));
        let kept: BTreeSet<_> = object.needles().collect();
        self.freed
            .extend(before.into_iter().flat_map(Object::needles).filter(|needle| !kept.contains(needle)));
        self.objects.insert(place, object.clone());
        format!("{object:?}")
    }

    fn upload_of(&self, upload: u8, place: Place) -> Result<Parts, String> {
        self.uploads
            .get(&upload)
            .filter(|(of, _)| *of == place)
            .map(|(_, parts)| parts.clone())
            .ok_or("NoSuchUpload".to_owned())
    }

    /// `fresh`: the needles that were written for this intent.
    fn told(&mut self, op: &Op, fresh: &[FileId], now: Timestamp) -> Told {
        let told = self.decide(op, fresh, now);
        if told.is_err() {
            self.refused.extend(fresh);
        }
        told
    }

    fn decide(&mut self, op: &Op, fresh: &[FileId], now: Timestamp) -> Told {
        let done = || Ok("()".to_owned());
        let bucket = op.bucket();
        match op {
            Op::CreateBucket { owner, .. } => match self.buckets.get(&bucket) {
                None => {
                    self.buckets.insert(bucket, *owner);
                    done()
                }
                Some(there) if there == owner => Err("OwnedByYou".to_owned()),
                Some(_) => Err("Exists".to_owned()),
            },
            _ if !self.buckets.contains_key(&bucket) => Err("NoSuchBucket".to_owned()),
            Op::DeleteBucket { .. } => {
                let occupied = self.objects.keys().any(|(of, _)| *of == bucket)
                    || self.uploads.values().any(|((of, _), _)| *of == bucket);
                if occupied {
                    return Err("NotEmpty".to_owned());
                }
                self.buckets.remove(&bucket);
                done()
            }
            Op::Put { key, body, when, .. } => {
                when.holds(self.objects.get(&(bucket, *key)))?;
                Ok(self.put((bucket, *key), put_object(*body, fresh), now))
            }
            Op::Rewrite { key, stale, when, .. } => {
                let before =
                    self.objects.get(&(bucket, *key)).filter(|_| !stale).ok_or("Changed".to_owned())?;
                when.holds(Some(before))?;
                let object = Object { storage_class: "GLACIER".to_owned(), ..before.clone() };
                Ok(self.put((bucket, *key), object, now))
            }
            Op::Delete { key, when, .. } => {
                when.holds(self.objects.get(&(bucket, *key)))?;
                let Some(before) = self.objects.remove(&(bucket, *key)) else {
                    return Ok("Absent".to_owned());
                };
                self.freed.extend(before.needles());
                Ok("Deleted".to_owned())
            }
            Op::CreateUpload { key, upload, .. } => {
                self.uploads.insert(*upload, ((bucket, *key), BTreeMap::new()));
                done()
            }
            Op::PutPart { key, upload, number, body, large, .. } => {
                let mut parts = self.upload_of(*upload, (bucket, *key))?;
                let part = part(*number, *body, *large, fresh);
                let before = parts.insert(*number, part);
                self.freed.extend(before.iter().flat_map(StoredPart::needles));
                self.uploads.insert(*upload, ((bucket, *key), parts));
                done()
            }
            Op::Complete { key, upload, parts: named, size, when, .. } => {
                self.complete((bucket, *key), *upload, named, *size, *when, now)
            }
            Op::Abort { key, upload, .. } => {
                let parts = self.upload_of(*upload, (bucket, *key))?;
                self.freed.extend(parts.values().flat_map(StoredPart::needles));
                self.uploads.remove(upload);
                done()
            }
        }
    }

    fn complete(
        &mut self,
        place: Place,
        upload: u8,
        named: &[(u16, u8)],
        size: Option<u64>,
        when: When,
        now: Timestamp,
    ) -> Told {
        let md5s: Vec<u8> = named.iter().flat_map(|(_, body)| body_md5(*body)).collect();
        let etag = ETag { md5: Md5::digest(&md5s).into(), parts: u16::try_from(named.len()).ok() };
        let mut parts = match self.upload_of(upload, place) {
            Ok(parts) => parts,
            Err(gone) => {
                let made = self.objects.get(&place).filter(|object| {
                    let numbers = object.parts.iter().filter_map(|part| part.number).map(PartNumber::get);
                    object.upload == Some(upload_id(upload))
                        && object.etag == etag
                        && numbers.eq(named.iter().map(|(number, _)| *number))
                });
                return made.map(|object| format!("{object:?}")).ok_or(gone);
            }
        };
        if named.is_empty() {
            return Err("NoParts".to_owned());
        }
        if named.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
            return Err("InvalidPartOrder".to_owned());
        }
        let mut chosen = Vec::new();
        for (number, body) in named {
            match parts.remove(number) {
                Some(part) if part.md5 == body_md5(*body) => chosen.push(part),
                _ => return Err(format!("InvalidPart(PartNumber({number}))")),
            }
        }
        if let Some(part) = chosen[..chosen.len() - 1].iter().find(|part| part.size_bytes < LARGE) {
            return Err(format!("TooSmall {{ part: {:?}, size_bytes: {} }}", part.number, part.size_bytes));
        }
        let size_bytes = chosen.iter().map(|part| part.size_bytes).sum();
        if size.is_some_and(|size| size != size_bytes) {
            return Err(format!("WrongSize {{ actual_bytes: {size_bytes} }}"));
        }
        when.holds(self.objects.get(&place))?;
        let object = Object {
            size_bytes,
            etag,
            storage_class: "STANDARD".to_owned(),
            checksum: None,
            headers: samples::headers(),
            metadata: samples::metadata(),
            upload: Some(upload_id(upload)),
            parts: chosen
                .iter()
                .map(|part| Part {
                    number: Some(part.number),
                    size_bytes: part.size_bytes,
                    checksum: Vec::new(),
                    chunks: part.chunks.clone(),
                })
                .collect(),
            modified: now,
        };
        self.freed.extend(parts.values().flat_map(StoredPart::needles));
        self.uploads.remove(&upload);
        Ok(self.put(place, object, now))
    }
}

impl Op {
    fn bucket(&self) -> usize {
        match self {
            Self::CreateBucket { bucket, .. }
            | Self::DeleteBucket { bucket }
            | Self::Put { bucket, .. }
            | Self::Rewrite { bucket, .. }
            | Self::Delete { bucket, .. }
            | Self::CreateUpload { bucket, .. }
            | Self::PutPart { bucket, .. }
            | Self::Complete { bucket, .. }
            | Self::Abort { bucket, .. } => *bucket,
        }
    }

    /// How many needles the client writes for it.
    fn needles(&self) -> u8 {
        match self {
            Self::Put { needles, .. } => *needles,
            Self::PutPart { .. } => 1,
            _ => 0,
        }
    }

    /// The intent, and how to read what its client was told. `seen`: objects that a rewrite may name.
    fn queue(&self, fresh: &[FileId], model: &Model) -> (Box<dyn Queued>, Box<dyn FnOnce() -> Told>) {
        let bucket = bucket_name(BUCKETS[self.bucket()]);
        match self.clone() {
            Self::CreateBucket { owner, .. } => {
                let owner = AccountId(owner.to_string());
                erased(CreateBucket { bucket: Bucket { name: bucket, owner, created: Timestamp::default() } })
            }
            Self::DeleteBucket { .. } => erased(DeleteBucket { name: bucket }),
            Self::Put { key, body, when, .. } => {
                let (key, object) = (samples::key(KEYS[key]), put_object(body, fresh));
                erased(PutObject { bucket, key, object, preconditions: when.preconditions() })
            }
            Self::Rewrite { bucket: place, key, stale, when } => {
                let seen = model.objects.get(&(place, key)).filter(|_| !stale);
                erased(RewriteObject {
                    bucket,
                    key: samples::key(KEYS[key]),
                    etag: seen.map_or(body_etag(0xff), |object| object.etag),
                    modified: seen.map_or(Timestamp::default(), |object| object.modified),
                    headers: seen.map_or_else(ContentHeaders::default, |object| object.headers.clone()),
                    metadata: seen.map_or_else(Vec::new, |object| object.metadata.clone()),
                    storage_class: "GLACIER".to_owned(),
                    preconditions: when.preconditions(),
                })
            }
            Self::Delete { key, when, .. } => erased(DeleteObject {
                bucket,
                key: samples::key(KEYS[key]),
                preconditions: when.preconditions(),
            }),
            Self::CreateUpload { key, upload, .. } => {
                let upload =
                    Upload { id: upload_id(upload), bucket, checksum: None, ..samples::upload(KEYS[key], 0) };
                erased(CreateUpload { upload })
            }
            Self::PutPart { key: index, upload, number, body, large, .. } => {
                let part = part(number, body, large, fresh);
                erased(PutPart { bucket, key: key(KEYS[index]), upload: upload_id(upload), part })
            }
            Self::Complete { key: index, upload, parts, size, when, .. } => {
                let parts = parts.into_iter().map(|(number, body)| CompletedPart {
                    number: PartNumber::new(number).expect("a part number"),
                    etag: hex::encode(body_md5(body)),
                    checksum: None,
                });
                erased(CompleteUpload {
                    bucket,
                    key: key(KEYS[index]),
                    upload: upload_id(upload),
                    parts: parts.collect(),
                    checksum: None,
                    size_bytes: size,
                    preconditions: when.preconditions(),
                })
            }
            Self::Abort { key: index, upload, .. } => {
                erased(AbortUpload { bucket, key: key(KEYS[index]), upload: upload_id(upload) })
            }
        }
    }
}

fn erased<I>(intent: I) -> (Box<dyn Queued>, Box<dyn FnOnce() -> Told>)
where
    I: Intent<Outcome: Debug, Refusal: Debug>,
{
    let (reply, mut answer) = oneshot::channel();
    let told = move || match answer.try_recv().expect("it was answered") {
        Ok(outcome) => Ok(format!("{outcome:?}")),
        Err(crate::CommitFailure::Refused(refusal)) => Err(format!("{refusal:?}")),
        Err(other) => panic!("{other:?}"),
    };
    (Box::new(Ticket::new(intent, reply)), Box::new(told))
}

fn upload_id(upload: u8) -> UploadId {
    UploadId([upload; 16])
}

fn put_object(body: u8, needles: &[FileId]) -> Object {
    let chunk = |needle: &FileId| crate::Chunk { needle: *needle, size_bytes: 1 };
    let part = Part {
        number: None,
        size_bytes: needles.len() as u64,
        checksum: Vec::new(),
        chunks: needles.iter().map(chunk).collect(),
    };
    Object { etag: body_etag(body), parts: vec![part], ..samples::object(1) }
}

fn part(number: u16, body: u8, large: bool, needles: &[FileId]) -> StoredPart {
    StoredPart {
        size_bytes: if large { LARGE } else { SMALL },
        md5: body_md5(body),
        checksum: None,
        chunks: needles.iter().map(|needle| crate::Chunk { needle: *needle, size_bytes: 1 }).collect(),
        ..samples::stored_part(number, 0)
    }
}

/// Carries out a batch as a lane does, and returns what the clients were told.
fn carry_out(state: &mut State, mut batch: Vec<Box<dyn Queued>>, now: Timestamp) {
    let rows = RowSet::of(&batch);
    let loaded = Loaded {
        rows: rows.keys().iter().map(|key| state.row(key)).collect(),
        snapshot: Snapshot::default(),
    };
    let commit = batch::decide(&mut batch, rows, loaded, now);
    state.commit(commit).expect("nobody else writes");
    batch.into_iter().for_each(|intent| intent.answer(Ok(())));
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![
        4 => Just(When::Always),
        1 => (0_u8..3).prop_map(When::Match),
        1 => Just(When::MatchAny),
        1 => (0_u8..3).prop_map(When::NoneMatch),
        1 => Just(When::NoneMatchAny),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    // Most happens in one bucket.
    let bucket = || prop_oneof![5 => Just(0_usize), 1 => Just(1_usize)];
    let key = || 0..KEYS.len();
    let parts = prop_oneof![
        3 => Just(vec![(1, 0), (2, 0)]),
        1 => Just(vec![(1, 0)]),
        1 => Just(vec![(2, 1)]),
        1 => prop::collection::vec((1_u16..4, 0_u8..2), 0..4),
    ];
    let size = prop_oneof![4 => Just(None), 1 => Just(Some(SMALL)), 1 => Just(Some(LARGE + SMALL))];
    prop_oneof![
        2 => (bucket(), 0_u8..2).prop_map(|(bucket, owner)| Op::CreateBucket { bucket, owner }),
        1 => bucket().prop_map(|bucket| Op::DeleteBucket { bucket }),
        4 => (bucket(), key(), 0_u8..3, 0_u8..3, when())
            .prop_map(|(bucket, key, body, needles, when)| Op::Put { bucket, key, body, needles, when }),
        2 => (bucket(), key(), any::<bool>(), when())
            .prop_map(|(bucket, key, stale, when)| Op::Rewrite { bucket, key, stale, when }),
        3 => (bucket(), key(), when()).prop_map(|(bucket, key, when)| Op::Delete { bucket, key, when }),
        3 => (bucket(), key(), 0_u8..2).prop_map(|(bucket, key, upload)| Op::CreateUpload { bucket, key, upload }),
        8 => (bucket(), key(), 0_u8..2, 1_u16..4, 0_u8..2, prop::bool::weighted(0.7)).prop_map(
            |(bucket, key, upload, number, body, large)| Op::PutPart { bucket, key, upload, number, body, large }
        ),
        6 => (bucket(), key(), 0_u8..2, parts, size, when()).prop_map(
            |(bucket, key, upload, parts, size, when)| Op::Complete { bucket, key, upload, parts, size, when }
        ),
        1 => (bucket(), key(), 0_u8..2).prop_map(|(bucket, key, upload)| Op::Abort { bucket, key, upload }),
    ]
}

/// An upload id is random: nobody starts an upload under one that is in use.
fn starts_anew(op: &Op, model: &Model) -> bool {
    !matches!(op, Op::CreateUpload { upload, .. } if model.uploads.contains_key(upload))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    /// Whatever batches the intents fall into, every client is told what it would be told one by one.
    #[test]
    fn batches_do_what_s3_says(ops in prop::collection::vec((op(), prop::bool::weighted(0.6)), 1..60)) {
        let (mut state, mut model) = (State::default(), Model::default());
        let first = Op::CreateBucket { bucket: 0, owner: 0 };
        let (mut batch, mut expected): (Vec<Box<dyn Queued>>, Vec<_>) = (Vec::new(), Vec::new());
        let mut written = 0;
        for (step, (op, with_the_next)) in (1..).zip(std::iter::once((first, false)).chain(ops)) {
            if !starts_anew(&op, &model) {
                continue;
            }
            // All of a batch are decided at one moment, and the clock steps back at times.
            let now = Timestamp::from_millis(1000 + u64::from(step % 7 == 0));
            let fresh: Vec<_> = (0..op.needles()).map(|index| needle(written + u64::from(index))).collect();
            written += fresh.len() as u64;
            let (intent, told) = op.queue(&fresh, &model);
            if intent.alone() && !batch.is_empty() {
                carry_out(&mut state, std::mem::take(&mut batch), Timestamp::from_millis(1000));
            }
            let single = intent.alone() || (batch.is_empty() && !with_the_next);
            let now = if single { now } else { Timestamp::from_millis(1000) };
            expected.push((op.clone(), model.told(&op, &fresh, now), told));
            batch.push(intent);
            if single || !with_the_next {
                carry_out(&mut state, std::mem::take(&mut batch), now);
            }
        }
        carry_out(&mut state, batch, Timestamp::from_millis(1000));
        for (op, expected, told) in expected {
            prop_assert_eq!(told(), expected, "{:?}", op);
        }
        let objects: BTreeMap<_, _> = state.objects.into_iter().map(|((bucket, key), (object, _))| {
            let bucket = BUCKETS.iter().position(|name| *name == bucket.as_str());
            let key = KEYS.iter().position(|name| *name == key.as_str());
            ((bucket.expect("a known one"), key.expect("a known one")), object)
        }).collect();
        prop_assert_eq!(&objects, &model.objects);

        // Every needle is in one place: under a row, freed once, or still its client's.
        let in_parts = state.parts.values().flat_map(StoredPart::needles);
        let freed: Vec<_> = state.intents.into_values().flat_map(|(_, needles)| needles).collect();
        prop_assert_eq!(freed.iter().copied().collect::<BTreeSet<_>>(), model.freed);
        let mut places: Vec<_> =
            objects.values().flat_map(Object::needles).chain(in_parts).chain(freed).chain(model.refused).collect();
        places.sort_unstable();
        let all: Vec<_> = (0..written).map(needle).collect();
        prop_assert_eq!(places, all);
    }
}
