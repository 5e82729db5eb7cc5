//! The kinds of rows, each in an ordered space of its own.

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use namespace::StoreError;

/// A kind of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Space {
    /// By name.
    Buckets,
    /// By bucket and key: what listings show, and the detail where it is small.
    Objects,
    /// Details that are not small, under the key of their object.
    Details,
    /// By id.
    Uploads,
    /// By bucket, key and id, as they are listed; no value.
    UploadNames,
    /// By upload and number.
    Parts,
    /// By number, which is by age.
    Intents,
    /// The counters and the format.
    Meta,
}

/// The open spaces of one database.
pub(crate) struct Spaces {
    buckets: Keyspace,
    objects: Keyspace,
    details: Keyspace,
    uploads: Keyspace,
    upload_names: Keyspace,
    parts: Keyspace,
    intents: Keyspace,
    meta: Keyspace,
}

/// Rows not yet in a sorted file are held in memory, up to this for each space.
const MEMTABLE_BYTES: u64 = 16 << 20;

impl Spaces {
    pub(crate) fn open(db: &Database) -> fjall::Result<Self> {
        let open = |name| {
            db.keyspace(name, || {
                KeyspaceCreateOptions::default()
                    .max_memtable_size(MEMTABLE_BYTES)
                    .manual_journal_persist(true)
            })
        };
        Ok(Self {
            buckets: open("buckets")?,
            objects: open("objects")?,
            details: open("details")?,
            uploads: open("uploads")?,
            upload_names: open("upload_names")?,
            parts: open("parts")?,
            intents: open("intents")?,
            meta: open("meta")?,
        })
    }

    /// Whether nothing is being written out: then a write does not wait for it, nor for the sync it begins with.
    pub(crate) fn are_calm(&self) -> bool {
        let grow =
            [&self.objects, &self.details, &self.uploads, &self.upload_names, &self.parts, &self.intents];
        grow.iter().all(|space| space.sealed_memtable_count() == 0)
    }

    pub(crate) fn get(&self, space: Space) -> &Keyspace {
        match space {
            Space::Buckets => &self.buckets,
            Space::Objects => &self.objects,
            Space::Details => &self.details,
            Space::Uploads => &self.uploads,
            Space::UploadNames => &self.upload_names,
            Space::Parts => &self.parts,
            Space::Intents => &self.intents,
            Space::Meta => &self.meta,
        }
    }
}

/// A failed read: bytes that make no sense are an operator's business, the rest may pass.
pub(crate) fn read_error(error: fjall::Error) -> StoreError {
    match error {
        fjall::Error::Io(error) => StoreError::Unavailable(format!("read: {error}")),
        fjall::Error::Storage(error) => StoreError::Corrupt(format!("read: {error:?}")),
        other => StoreError::Corrupt(format!("read: {other:?}")),
    }
}
