use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use namespace::{DeleteIntent, IntentId, Namespace, StoreError, intents::StrikeIntents};
use parking_lot::Mutex;
use protocol::{DeleteError, LookupError};
use tokio_util::sync::CancellationToken;
use types::{FileId, Timestamp, VolumeId};

use crate::locations::{Copies, Locations};

/// Carries delete intents to the volumes and strikes those whose needles are gone from every copy.
///
/// It keeps nothing of its own that a restart could lose, and any number of gateways may run one: a needle that
/// is gone counts as deleted, and an intent that was struck may be struck again. An intent that meets a server
/// that is away, or a volume that takes no deletes, stays for a later pass.
pub(crate) struct Reaper {
    namespace: Namespace,
    locations: Arc<Locations>,
    delay: Duration,
    figures: Arc<ReaperFigures>,
    /// Volumes that failed, and when they are asked again.
    away: HashMap<VolumeId, Away>,
    page_intents: usize,
}

/// How far the reaper is. Counts are since the start of the process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReaperStats {
    /// Needles that are gone from every copy.
    pub needles_deleted: u64,
    /// Intents that were struck.
    pub intents_struck: u64,
    /// Intents that the last whole pass had to keep for a later one.
    pub intents_kept: u64,
    /// When the oldest intent was made that the last whole pass kept.
    pub oldest_kept: Option<Timestamp>,
    /// Volumes that took no deletes lately, and why; by number, the first 100.
    pub failing: Vec<(VolumeId, String)>,
    /// Why the namespace could not be asked, when it could not.
    pub namespace_failure: Option<String>,
}

/// The figures of a running reaper.
#[derive(Default)]
pub(crate) struct ReaperFigures {
    stats: Mutex<ReaperStats>,
}

struct Away {
    until: Instant,
    pause: Duration,
    reason: String,
}

/// What became of a needle that was to be deleted.
enum Fate {
    /// No copy has it any more.
    Gone,
    /// Some copy may still have it.
    Kept(String),
}

/// What a pass came to.
#[derive(Default)]
struct Pass {
    deleted: u64,
    struck: u64,
    kept: u64,
    oldest_kept: Option<Timestamp>,
}

const DELETES_AT_ONCE: usize = 32;
const MAX_PAGE_INTENTS: usize = 512;
/// A page with more needles than this is followed by a smaller one: an intent may hold a 5 TiB object's.
const MAX_PAGE_NEEDLES: usize = 20_000;
const AWAY_FIRST: Duration = Duration::from_secs(1);
const AWAY_LAST: Duration = Duration::from_secs(60);
const MAX_AWAY: usize = 10_000;
const MAX_FAILING: usize = 100;
/// Intents older than this beyond their delay are reaped without pauses.
const BEHIND: Duration = Duration::from_secs(60);
const PAUSE_MAX: Duration = Duration::from_millis(500);
const IDLE_MIN: Duration = Duration::from_millis(20);
const IDLE_MAX: Duration = Duration::from_secs(10);

impl ReaperFigures {
    pub(crate) fn snapshot(&self) -> ReaperStats {
        self.stats.lock().clone()
    }
}

impl Reaper {
    pub(crate) fn new(
        namespace: Namespace,
        locations: Arc<Locations>,
        delay: Duration,
        figures: Arc<ReaperFigures>,
    ) -> Self {
        Self { namespace, locations, delay, figures, away: HashMap::new(), page_intents: 16 }
    }

    /// Until `stop`, pass after pass over the intents that are due.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let mut pass = Pass::default();
            let outcome = self.pass(&stop, &mut pass).await;
            self.report(&pass, outcome.as_ref().err());
            let idle = match outcome {
                Ok(()) if pass.struck > 0 => IDLE_MIN,
                Ok(()) => (self.delay / 4).clamp(IDLE_MIN, IDLE_MAX),
                Err(_) => IDLE_MAX,
            };
            pause(idle, &stop).await;
        }
    }

    async fn pass(&mut self, stop: &CancellationToken, pass: &mut Pass) -> Result<(), StoreError> {
        let due = Timestamp::now().saturating_sub(self.delay);
        let mut after: Option<IntentId> = None;
        while !stop.is_cancelled() {
            let started = Instant::now();
            let page = self.namespace.delete_intents(after, due, self.page_intents).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            let behind = last.freed < due.saturating_sub(BEHIND);
            self.fit_page(page.iter().map(|intent| intent.needles.len()).sum());
            self.reap(&page, stop, pass).await?;
            if !behind {
                pause(started.elapsed().min(PAUSE_MAX), stop).await; // half of the time is for requests
            }
        }
        Ok(())
    }

    /// The next page is to hold fewer intents after one with many needles.
    fn fit_page(&mut self, needles: usize) {
        self.page_intents = if needles > MAX_PAGE_NEEDLES {
            (self.page_intents / 4).max(1)
        } else {
            (self.page_intents * 2).min(MAX_PAGE_INTENTS)
        };
    }

    /// Deletes the needles of a page, and strikes the intents that have none left.
    async fn reap(
        &mut self,
        page: &[DeleteIntent],
        stop: &CancellationToken,
        pass: &mut Pass,
    ) -> Result<(), StoreError> {
        let mut left: Vec<usize> = page.iter().map(|intent| intent.needles.len()).collect();
        let asked = self.delete_all(self.needles_to_ask(page), stop).await;
        let now = Instant::now();
        for (intent, needle, fate) in asked {
            match fate {
                Fate::Gone => {
                    left[intent] -= 1;
                    pass.deleted += 1;
                    self.away.remove(&needle.volume);
                }
                Fate::Kept(reason) => self.put_off(needle.volume, reason, now),
            }
        }
        let (gone, kept): (Vec<_>, Vec<_>) = page.iter().zip(left).partition(|(_, left)| *left == 0);
        pass.keep(kept.iter().map(|(intent, _)| *intent));
        self.strike(gone.iter().map(|(intent, _)| intent.id).collect(), pass).await
    }

    /// The needles of a page whose volumes are not known to be away, with the places of their intents.
    fn needles_to_ask(&self, page: &[DeleteIntent]) -> Vec<(usize, FileId)> {
        let now = Instant::now();
        let is_away = |volume: &VolumeId| self.away.get(volume).is_some_and(|away| away.until > now);
        let of_intent = |(place, intent): (usize, &DeleteIntent)| {
            intent.needles.iter().map(|needle| (place, *needle)).collect::<Vec<_>>()
        };
        page.iter().enumerate().flat_map(of_intent).filter(|(_, needle)| !is_away(&needle.volume)).collect()
    }

    /// What became of each needle; told of fewer when `stop` comes first.
    async fn delete_all(
        &self,
        needles: Vec<(usize, FileId)>,
        stop: &CancellationToken,
    ) -> Vec<(usize, FileId, Fate)> {
        let delete = |(place, needle): (usize, FileId)| {
            let locations = Arc::clone(&self.locations);
            async move { (place, needle, delete_everywhere(&locations, needle).await) }
        };
        stream::iter(needles)
            .map(delete)
            .buffer_unordered(DELETES_AT_ONCE)
            .take_until(stop.cancelled())
            .collect()
            .await
    }

    async fn strike(&self, ids: Vec<IntentId>, pass: &mut Pass) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let struck = ids.len() as u64;
        match self.namespace.submit(StrikeIntents { ids }).await {
            Ok(()) => pass.struck += struck,
            Err(error) => return Err(StoreError::Unavailable(error.to_string())),
        }
        Ok(())
    }

    /// A volume that failed is asked again after a pause, twice as long each time.
    fn put_off(&mut self, volume: VolumeId, reason: String, now: Instant) {
        let pause = match self.away.get(&volume) {
            Some(away) if away.until > now => return, // its other needles of this page failed as well
            Some(away) => (away.pause * 2).min(AWAY_LAST),
            None if self.away.len() >= MAX_AWAY => return,
            None => AWAY_FIRST,
        };
        tracing::warn!(%volume, reason, retry = ?pause, "needles stay until the volume takes deletes");
        self.away.insert(volume, Away { until: now + pause, pause, reason });
    }

    fn report(&mut self, pass: &Pass, failure: Option<&StoreError>) {
        let now = Instant::now();
        self.away.retain(|_, away| away.until + AWAY_LAST > now); // not needed lately: its intents are gone
        let mut failing: Vec<_> =
            self.away.iter().map(|(volume, away)| (*volume, away.reason.clone())).collect();
        failing.sort_unstable();
        failing.truncate(MAX_FAILING);
        let mut stats = self.figures.stats.lock();
        stats.needles_deleted += pass.deleted;
        stats.intents_struck += pass.struck;
        stats.failing = failing;
        stats.namespace_failure = failure.map(ToString::to_string);
        if failure.is_none() {
            stats.intents_kept = pass.kept;
            stats.oldest_kept = pass.oldest_kept;
        }
    }
}

impl Pass {
    fn keep<'a>(&mut self, intents: impl Iterator<Item = &'a DeleteIntent>) {
        for intent in intents {
            self.kept += 1;
            self.oldest_kept = Some(self.oldest_kept.map_or(intent.freed, |oldest| oldest.min(intent.freed)));
        }
    }
}

/// Deletes a needle on every copy of its volume. The server that is asked passes it on to the others; where it
/// has none itself, the next is asked, for a copy that was away may still hold it.
async fn delete_everywhere(locations: &Locations, needle: FileId) -> Fate {
    let copies = match locations.of(needle.volume).await {
        Ok(copies) => copies,
        Err(LookupError::NotFound(_)) => return Fate::Gone, // with its volume
        Err(LookupError::Unavailable(reason)) => return Fate::Kept(reason),
    };
    match delete_on(&copies, needle).await {
        Err(DeleteError::NoVolume(_)) => {}
        outcome => return fate(outcome),
    }
    match locations.look_up(needle.volume).await {
        Ok(copies) => fate(delete_on(&copies, needle).await),
        Err(LookupError::NotFound(_)) => Fate::Gone,
        Err(LookupError::Unavailable(reason)) => Fate::Kept(reason),
    }
}

async fn pause(span: Duration, stop: &CancellationToken) {
    tokio::select! { // Cancel-safe: both branches only wait.
        biased;
        () = stop.cancelled() => {}
        () = tokio::time::sleep(span) => {}
    }
}

/// `Ok` when no copy has the needle.
async fn delete_on(copies: &Copies, needle: FileId) -> Result<(), DeleteError> {
    for copy in copies.iter() {
        match copy.delete(needle).await {
            Ok(_) => return Ok(()),
            // Under another cookie it is not ours.
            Err(DeleteError::NotFound(_) | DeleteError::WrongCookie(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn fate(outcome: Result<(), DeleteError>) -> Fate {
    match outcome {
        Ok(()) => Fate::Gone,
        Err(error) => Fate::Kept(error.to_string()),
    }
}
