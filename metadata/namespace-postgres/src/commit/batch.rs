use std::collections::{BTreeMap, HashMap};

use namespace::{Bucket, Change, Commit, Guard, Object, PartNumber, RowKey, StoredPart, Upload, UploadId};

use crate::rows::{BucketRow, FreedRow, ObjectRow, PartRow, UploadRow};

/// What a commit comes to, row by row: the guards to check and the last change of each. Pure.
///
/// Every list is sorted by key, so that all commits lock in one order.
#[derive(Default)]
pub(crate) struct Batch<'c> {
    /// Must not go away while the batch is applied. Without a version: unless it has already.
    pub(super) held_buckets: Vec<(&'c str, Option<i64>)>,
    /// To be written or deleted.
    pub(super) changed_buckets: Vec<(&'c str, Option<i64>)>,
    pub(super) new_buckets: Vec<BucketRow<'c>>,
    pub(super) new_objects: Vec<ObjectRow<'c>>,
    pub(super) new_uploads: Vec<UploadRow<'c>>,
    pub(super) guarded_objects: Vec<(ObjectName<'c>, i64)>,
    pub(super) guarded_uploads: Vec<(UploadId, i64)>,
    pub(super) deleted_objects: Vec<ObjectName<'c>>,
    pub(super) deleted_uploads: Vec<UploadId>,
    pub(super) deleted_buckets: Vec<&'c str>,
    pub(super) put_buckets: Vec<BucketRow<'c>>,
    pub(super) put_objects: Vec<ObjectRow<'c>>,
    pub(super) put_uploads: Vec<UploadRow<'c>>,
    pub(super) put_parts: Vec<PartRow<'c>>,
    pub(super) freed: Vec<FreedRow<'c>>,
    pub(super) struck: Vec<i64>,
    pub(super) absent_buckets: Vec<&'c str>,
    pub(super) absent_objects: Vec<ObjectName<'c>>,
    pub(super) absent_uploads: Vec<UploadId>,
}

/// Bucket and key.
type ObjectName<'c> = (&'c str, &'c str);

/// One row of a batch.
struct Fate<R> {
    guard: Expected,
    deleted: bool,
    put: Option<R>,
}

/// What a row must be when the batch is applied.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Anything,
    Absent,
    Version(i64),
}

impl<R> Default for Fate<R> {
    fn default() -> Self {
        Self { guard: Expected::Anything, deleted: false, put: None }
    }
}

impl<R> Fate<R> {
    fn delete(&mut self) {
        self.deleted = true;
        self.put = None;
    }
}

/// The rows of a batch while it is read through.
#[derive(Default)]
struct Fates<'c> {
    buckets: HashMap<&'c str, Fate<&'c Bucket>>,
    objects: HashMap<ObjectName<'c>, Fate<&'c Object>>,
    uploads: HashMap<UploadId, Fate<&'c Upload>>,
    parts: BTreeMap<(UploadId, PartNumber), &'c StoredPart>,
    freed: Vec<FreedRow<'c>>,
    struck: Vec<i64>,
}

impl<'c> Batch<'c> {
    pub(crate) fn of(commit: &'c Commit) -> Self {
        let mut fates = Fates::default();
        fates.objects.reserve(commit.changes.len());
        commit.changes.iter().for_each(|change| fates.change(change));
        commit.guards.iter().for_each(|guard| fates.guard(guard));
        let mut batch = Self::default();
        batch.hold_buckets_of(&mut fates);
        sorted(fates.buckets).into_iter().for_each(|(name, fate)| batch.bucket(name, &fate));
        sorted(fates.objects).into_iter().for_each(|(name, fate)| batch.object(name, &fate));
        sorted(fates.uploads).into_iter().for_each(|(id, fate)| batch.upload(id, &fate));
        batch.put_parts =
            fates.parts.into_iter().map(|((upload, _), part)| PartRow { upload, part }).collect();
        batch.freed = fates.freed;
        fates.struck.sort_unstable();
        batch.struck = fates.struck;
        batch
    }

    /// A bucket that gets an object or an upload must not be deleted meanwhile, guarded or not.
    fn hold_buckets_of(&mut self, fates: &mut Fates<'c>) {
        let objects =
            fates.objects.iter().filter(|(_, fate)| fate.put.is_some()).map(|((bucket, _), _)| *bucket);
        let uploads = fates.uploads.values().filter_map(|fate| Some(fate.put?.bucket.as_str()));
        for bucket in objects.chain(uploads) {
            fates.buckets.entry(bucket).or_default();
        }
    }

    fn bucket(&mut self, name: &'c str, fate: &Fate<&'c Bucket>) {
        let version = match fate.guard {
            Expected::Version(version) => Some(version),
            _ => None,
        };
        let put = fate.put.map(BucketRow);
        match (fate.guard, put, fate.deleted) {
            (Expected::Absent, Some(put), _) => return self.new_buckets.push(put),
            (Expected::Absent, None, _) => return self.absent_buckets.push(name),
            (_, None, false) => return self.held_buckets.push((name, version)),
            (_, put, _) => self.put_buckets.extend(put),
        }
        self.changed_buckets.push((name, version));
        if fate.deleted {
            self.deleted_buckets.push(name);
        }
    }

    fn object(&mut self, (bucket, key): ObjectName<'c>, fate: &Fate<&'c Object>) {
        let put = fate.put.map(|object| ObjectRow { bucket, key, object });
        match (fate.guard, put) {
            (Expected::Absent, Some(put)) => return self.new_objects.push(put),
            (Expected::Absent, None) => return self.absent_objects.push((bucket, key)),
            (_, Some(put)) => self.put_objects.push(put),
            (_, None) if fate.deleted => self.deleted_objects.push((bucket, key)),
            (_, None) => {}
        }
        if let Expected::Version(version) = fate.guard {
            self.guarded_objects.push(((bucket, key), version));
        }
    }

    fn upload(&mut self, id: UploadId, fate: &Fate<&'c Upload>) {
        if fate.deleted {
            self.deleted_uploads.push(id); // also for its parts, whoever put them
        }
        match (fate.guard, fate.put.map(UploadRow)) {
            (Expected::Absent, Some(put)) => return self.new_uploads.push(put),
            (Expected::Absent, None) => return self.absent_uploads.push(id),
            (_, put) => self.put_uploads.extend(put),
        }
        if let Expected::Version(version) = fate.guard {
            self.guarded_uploads.push((id, version));
        }
    }
}

impl<'c> Fates<'c> {
    fn guard(&mut self, guard: &'c Guard) {
        let expected = match guard.version {
            Some(version) => Expected::Version(version.0.cast_signed()),
            None => Expected::Absent,
        };
        match &guard.key {
            RowKey::Bucket(name) => self.buckets.entry(name.as_str()).or_default().guard = expected,
            RowKey::Object(bucket, key) => {
                self.objects.entry((bucket.as_str(), key.as_str())).or_default().guard = expected;
            }
            RowKey::Upload(id) => self.uploads.entry(*id).or_default().guard = expected,
            // Guarded by the rows above.
            RowKey::Occupancy(_) | RowKey::Part(..) | RowKey::Parts(_) => {}
        }
    }

    fn change(&mut self, change: &'c Change) {
        match change {
            Change::PutBucket(bucket) => {
                self.buckets.entry(bucket.name.as_str()).or_default().put = Some(bucket);
            }
            Change::DeleteBucket(name) => self.buckets.entry(name.as_str()).or_default().delete(),
            Change::PutObject(bucket, key, object) => {
                self.objects.entry((bucket.as_str(), key.as_str())).or_default().put = Some(object);
            }
            Change::DeleteObject(bucket, key) => {
                self.objects.entry((bucket.as_str(), key.as_str())).or_default().delete();
            }
            Change::PutUpload(upload) => self.uploads.entry(upload.id).or_default().put = Some(upload),
            Change::PutPart(id, part) => {
                self.parts.insert((*id, part.number), part);
            }
            Change::DeleteUpload(id) => {
                self.uploads.entry(*id).or_default().delete();
                self.parts.retain(|(upload, _), _| upload != id);
            }
            Change::Free(freed, needles) => self.freed.push(FreedRow { freed: *freed, needles }),
            Change::Strike(id) => self.struck.push(id.0.cast_signed()),
        }
    }
}

fn sorted<K: Ord, V>(map: HashMap<K, V>) -> Vec<(K, V)> {
    let mut entries: Vec<_> = map.into_iter().collect();
    entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    entries
}
