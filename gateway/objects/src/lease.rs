use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use namespace::{BucketName, Namespace};
use parking_lot::Mutex;
use protocol::{AssignRequest, Master, Volumes};
use rand::Rng;
use types::{Collection, Cookie, FileId, NeedleKey, Placement, Ttl, VolumeId};

use crate::{background::Background, locations::Locations};

/// Keys of needles leased from the master ahead of need, so that a write asks nobody where to go.
///
/// Leases are kept per class: bucket (whose volumes are a collection) and TTL; the placement is one for all. A
/// lease is for ever, so an unused one costs nothing but numbers.
pub(crate) struct Leases {
    namespace: Namespace,
    master: Arc<dyn Master>,
    locations: Arc<Locations>,
    placement: Placement,
    classes: Mutex<HashMap<Class, Arc<Kept>>>,
    /// Volumes that just refused a write, until the master has heard of it.
    refusing: Mutex<HashMap<VolumeId, Instant>>,
    /// Counts uses, so that the class used longest ago can be told.
    uses: AtomicU64,
}

/// Which volumes may take a needle.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Class {
    bucket: BucketName,
    ttl: Ttl,
}

/// The leases of a class.
struct Kept {
    state: Mutex<State>,
    /// Held while the master is asked: one question at a time.
    asking: tokio::sync::Mutex<()>,
    last_use: AtomicU64,
}

struct State {
    current: Option<Lease>,
    next: Option<Lease>,
    /// Someone is fetching the next one.
    refilling: bool,
    /// Keys that the next lease asks for.
    count: u64,
    asked: Instant,
}

struct Lease {
    volume: VolumeId,
    server: Arc<dyn Volumes>,
    next_key: u64,
    keys_left: u64,
    count: u64,
    bytes_left: u64,
}

/// An address that is the caller's alone, and the server to write it to.
pub(crate) struct Address {
    pub(crate) fid: FileId,
    pub(crate) server: Arc<dyn Volumes>,
}

/// Why there is no address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoLease {
    #[error("no such bucket")]
    NoSuchBucket,
    #[error("{0}")]
    Unavailable(String),
}

const FIRST_COUNT: u64 = 1_000;
const LAST_COUNT: u64 = 64_000;
/// A lease used up sooner than this is followed by one twice as large.
const BUSY: Duration = Duration::from_secs(10);
/// After so many bytes the master is asked again, so that it can turn to an emptier volume.
const LEASE_BYTES: u64 = 1 << 30;
/// Buckets whose leases are kept; those used longest ago are let go.
const MAX_CLASSES: usize = 4_096;
/// How long a volume that refused a write is not taken again, if there is another.
const REFUSING: Duration = Duration::from_secs(5);
/// Questions to the master for one lease, when it keeps naming volumes that refuse.
const MAX_QUESTIONS: u32 = 3;

impl Leases {
    pub(crate) fn new(
        namespace: Namespace,
        master: Arc<dyn Master>,
        locations: Arc<Locations>,
        placement: Placement,
    ) -> Self {
        Self {
            namespace,
            master,
            locations,
            placement,
            classes: Mutex::default(),
            refusing: Mutex::default(),
            uses: AtomicU64::new(0),
        }
    }

    /// A fresh address for `size_bytes` of data. A bucket without leases is looked up first: a request for one
    /// that does not exist must not make volumes for it.
    pub(crate) async fn take(
        self: &Arc<Self>,
        bucket: &BucketName,
        size_bytes: usize,
        background: &Background,
    ) -> Result<Address, NoLease> {
        let class = Class { bucket: bucket.clone(), ttl: Ttl::NEVER };
        let kept = self.kept(&class).await?;
        loop {
            let (address, refill) = kept.state.lock().take(size_bytes);
            if refill {
                let (leases, kept, class) = (Arc::clone(self), Arc::clone(&kept), class.clone());
                background.spawn(async move { leases.refill_ahead(&class, &kept).await });
            }
            match address {
                Some(address) => return Ok(address),
                None => self.refill(&class, &kept).await?,
            }
        }
    }

    /// Lets go of what is leased on a volume that refuses writes.
    pub(crate) fn refused(&self, bucket: &BucketName, volume: VolumeId) {
        let mut refusing = self.refusing.lock();
        refusing.retain(|_, since| since.elapsed() < REFUSING);
        refusing.insert(volume, Instant::now());
        drop(refusing);
        let class = Class { bucket: bucket.clone(), ttl: Ttl::NEVER };
        let kept = self.classes.lock().get(&class).cloned();
        if let Some(kept) = kept {
            kept.state.lock().drop_volume(volume);
        }
    }

    /// Lets go of the leases of a bucket that was deleted.
    pub(crate) fn forget(&self, bucket: &BucketName) {
        self.classes.lock().retain(|class, _| class.bucket != *bucket);
    }

    async fn kept(&self, class: &Class) -> Result<Arc<Kept>, NoLease> {
        let now = self.uses.fetch_add(1, Ordering::Relaxed);
        let known = self.classes.lock().get(class).cloned();
        if let Some(kept) = known {
            kept.last_use.store(now, Ordering::Relaxed);
            return Ok(kept);
        }
        match self.namespace.bucket(&class.bucket).await {
            Ok(Some(_)) => Ok(self.keep(class, now)),
            Ok(None) => Err(NoLease::NoSuchBucket),
            Err(error) => Err(NoLease::Unavailable(error.to_string())),
        }
    }

    fn keep(&self, class: &Class, now: u64) -> Arc<Kept> {
        let mut classes = self.classes.lock();
        if classes.len() >= MAX_CLASSES && !classes.contains_key(class) {
            drop_oldest_quarter(&mut classes);
        }
        Arc::clone(classes.entry(class.clone()).or_insert_with(|| Arc::new(Kept::new(now))))
    }

    /// Fetches a lease because there is none. Whoever comes second finds the one that the first fetched.
    async fn refill(&self, class: &Class, kept: &Kept) -> Result<(), NoLease> {
        let _one_at_a_time = kept.asking.lock().await;
        if kept.state.lock().has_lease() {
            return Ok(());
        }
        let lease = self.ask(class, kept).await?;
        kept.state.lock().add(lease);
        Ok(())
    }

    /// Fetches the next lease while the current one lasts. A failure is told to whoever needs it then.
    async fn refill_ahead(&self, class: &Class, kept: &Kept) {
        let _one_at_a_time = kept.asking.lock().await;
        let lease = self.ask(class, kept).await;
        let mut state = kept.state.lock();
        state.refilling = false;
        match lease {
            Ok(lease) => state.add(lease),
            Err(error) => tracing::debug!(bucket = %class.bucket, %error, "no keys leased ahead"),
        }
    }

    async fn ask(&self, class: &Class, kept: &Kept) -> Result<Lease, NoLease> {
        let unavailable = |reason: &dyn std::fmt::Display| NoLease::Unavailable(reason.to_string());
        let collection: Collection = class.bucket.as_str().parse().map_err(|error| unavailable(&error))?;
        let count = kept.state.lock().next_count();
        let request = AssignRequest { count, collection, placement: self.placement, ttl: class.ttl };
        let mut question = 1;
        loop {
            let assignment = self.master.assign(&request).await.map_err(|error| unavailable(&error))?;
            if question < MAX_QUESTIONS && self.is_refusing(assignment.volume) {
                tokio::time::sleep(Duration::from_millis(20) * question * question).await;
                question += 1;
                continue;
            }
            let copies = self.locations.learn(assignment.volume, &assignment.locations);
            let server = copies.first().ok_or_else(|| unavailable(&"the master named no server"))?;
            return Ok(Lease {
                volume: assignment.volume,
                server: Arc::clone(server),
                next_key: assignment.first_key.0,
                keys_left: assignment.count,
                count: assignment.count,
                bytes_left: LEASE_BYTES,
            });
        }
    }

    fn is_refusing(&self, volume: VolumeId) -> bool {
        self.refusing.lock().get(&volume).is_some_and(|since| since.elapsed() < REFUSING)
    }
}

fn drop_oldest_quarter(classes: &mut HashMap<Class, Arc<Kept>>) {
    let last_use = |kept: &Arc<Kept>| kept.last_use.load(Ordering::Relaxed);
    let mut uses: Vec<u64> = classes.values().map(last_use).collect();
    let quarter = uses.len() / 4;
    let (_, oldest_kept, _) = uses.select_nth_unstable(quarter);
    let oldest_kept = *oldest_kept;
    classes.retain(|_, kept| last_use(kept) >= oldest_kept);
}

impl Kept {
    fn new(now: u64) -> Self {
        let state = State {
            current: None,
            next: None,
            refilling: false,
            count: FIRST_COUNT / 2,
            asked: Instant::now(),
        };
        Self {
            state: Mutex::new(state),
            asking: tokio::sync::Mutex::default(),
            last_use: AtomicU64::new(now),
        }
    }
}

impl State {
    /// An address, if there is one left, and whether the caller is the one to fetch the next lease.
    fn take(&mut self, size_bytes: usize) -> (Option<Address>, bool) {
        if self.current.as_ref().is_none_or(Lease::is_spent) {
            self.current = self.next.take();
        }
        let address = self.current.as_mut().and_then(|lease| lease.take(size_bytes));
        let low = self.current.as_ref().is_some_and(Lease::is_low);
        let refill = low && self.next.is_none() && !self.refilling;
        self.refilling |= refill;
        (address, refill)
    }

    fn has_lease(&self) -> bool {
        self.next.is_some() || self.current.as_ref().is_some_and(|lease| !lease.is_spent())
    }

    fn add(&mut self, lease: Lease) {
        let slot = if self.current.as_ref().is_none_or(Lease::is_spent) && self.next.is_none() {
            &mut self.current
        } else {
            &mut self.next
        };
        *slot = Some(lease);
    }

    fn drop_volume(&mut self, volume: VolumeId) {
        for slot in [&mut self.current, &mut self.next] {
            if slot.as_ref().is_some_and(|lease| lease.volume == volume) {
                *slot = None;
            }
        }
    }

    /// Twice as many keys as last time when those did not last, half as many when they lasted well.
    fn next_count(&mut self) -> u64 {
        let wanted = if self.asked.elapsed() < BUSY { self.count * 2 } else { self.count / 2 };
        self.count = wanted.clamp(FIRST_COUNT, LAST_COUNT);
        self.asked = Instant::now();
        self.count
    }
}

impl Lease {
    fn is_spent(&self) -> bool {
        self.keys_left == 0 || self.bytes_left == 0
    }

    /// Half used: time to fetch the next one.
    fn is_low(&self) -> bool {
        self.keys_left <= self.count / 2 || self.bytes_left <= LEASE_BYTES / 2
    }

    fn take(&mut self, size_bytes: usize) -> Option<Address> {
        if self.is_spent() {
            return None;
        }
        let key = NeedleKey(self.next_key);
        self.next_key += 1;
        self.keys_left -= 1;
        self.bytes_left = self.bytes_left.saturating_sub(size_bytes as u64);
        let fid = FileId { volume: self.volume, key, cookie: Cookie(rand::rng().random()) };
        Some(Address { fid, server: Arc::clone(&self.server) })
    }
}

#[cfg(test)]
mod tests {
    use protocol::Servers;

    use super::*;

    fn lease(volume: u32, keys: u64) -> Lease {
        let nowhere = protocol::Location { url: String::new(), public_url: String::new() };
        Lease {
            volume: VolumeId(volume),
            server: Servers::default().at(&nowhere),
            next_key: 1,
            keys_left: keys,
            count: keys,
            bytes_left: LEASE_BYTES,
        }
    }

    fn volume_of(taken: (Option<Address>, bool)) -> (Option<u32>, bool) {
        (taken.0.map(|address| address.fid.volume.0), taken.1)
    }

    fn state() -> State {
        Kept::new(0).state.into_inner()
    }

    #[test]
    fn half_a_lease_is_time_for_the_next() {
        let mut state = state();
        assert_eq!(volume_of(state.take(1)), (None, false));
        state.add(lease(1, 4));
        assert_eq!(volume_of(state.take(1)), (Some(1), false));
        assert_eq!(volume_of(state.take(1)), (Some(1), true));
        assert_eq!(volume_of(state.take(1)), (Some(1), false), "someone is fetching it");
        state.refilling = false;
        state.add(lease(2, 4));
        assert_eq!(volume_of(state.take(1)), (Some(1), false), "there is a next one");
        assert_eq!(volume_of(state.take(1)), (Some(2), false));
    }

    #[test]
    fn bytes_use_a_lease_up_as_well() {
        let mut state = state();
        state.add(lease(1, 1_000));
        let half = usize::try_from(LEASE_BYTES / 2).expect("fits");
        assert_eq!(volume_of(state.take(half)), (Some(1), true));
        assert_eq!(volume_of(state.take(half)), (Some(1), false));
        assert_eq!(volume_of(state.take(1)), (None, false));
        assert!(!state.has_lease());
    }

    #[test]
    fn leases_of_a_volume_that_refuses_are_dropped() {
        let mut state = state();
        state.add(lease(1, 10));
        state.add(lease(2, 10));
        state.drop_volume(VolumeId(1));
        assert_eq!(volume_of(state.take(1)), (Some(2), false));
    }

    #[test]
    fn leases_grow_with_use() {
        let mut state = state();
        assert_eq!([state.next_count(), state.next_count(), state.next_count()], [1_000, 2_000, 4_000]);
        for _ in 0..10 {
            state.next_count();
        }
        assert_eq!(state.next_count(), LAST_COUNT);
    }

    #[test]
    fn buckets_used_long_ago_are_let_go() {
        let class =
            |i: u64| Class { bucket: format!("bucket-{i}").parse().expect("a name"), ttl: Ttl::NEVER };
        let mut classes: HashMap<Class, Arc<Kept>> =
            (0..100).map(|i| (class(i), Arc::new(Kept::new(i)))).collect();
        classes[&class(3)].last_use.store(200, Ordering::Relaxed);
        drop_oldest_quarter(&mut classes);
        assert_eq!(classes.len(), 75);
        assert!(classes.contains_key(&class(3)) && classes.contains_key(&class(26)));
        assert!(!classes.contains_key(&class(2)));
    }
}
