//! Chunk manifests: a needle that stands for many. JSON `{name,mime,size,chunks:[{fid,offset,size}]}`, as weed's
//! upload tool writes it.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use protocol::{DeleteError, Deleted, Location, LookupError, NewNeedle, ReadError, StoredNeedle, Volumes};
use serde::Deserialize;
use types::FileId;

use super::compression;
use crate::VolumeServer;

/// A manifest whose chunks lie end to end from 0 to its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    mime: String,
    size_bytes: u64,
    chunks: Vec<Chunk>,
}

/// A piece of the whole, in a needle of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) fid: FileId,
    pub(super) offset: u64,
    pub(super) size_bytes: u64,
}

/// Why a manifest is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("chunk manifest: {0}")]
pub(super) struct BadManifest(String);

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    mime: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    chunks: Vec<WrittenChunk>,
}

#[derive(Deserialize)]
struct WrittenChunk {
    fid: String,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    size: u64,
}

impl Manifest {
    pub(super) fn parse(json: &[u8]) -> Result<Self, BadManifest> {
        let written: Written =
            serde_json::from_slice(json).map_err(|error| BadManifest(error.to_string()))?;
        let chunks = written.chunks.into_iter().map(WrittenChunk::check);
        let mut chunks = chunks.collect::<Result<Vec<_>, _>>()?;
        chunks.sort_by_key(|chunk| chunk.offset);
        let mut end = 0_u64;
        for chunk in &chunks {
            if chunk.offset != end {
                return Err(BadManifest(format!("chunk {} does not start at {end}", chunk.fid)));
            }
            end = end.checked_add(chunk.size_bytes).ok_or_else(|| BadManifest("too large".into()))?;
        }
        if end != written.size {
            return Err(BadManifest(format!("chunks of {end} bytes, size {}", written.size)));
        }
        Ok(Self { mime: written.mime, size_bytes: end, chunks })
    }

    pub(super) fn mime(&self) -> &str {
        &self.mime
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    pub(super) fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The chunks that `range` touches, each with the part of it that is wanted.
    pub(super) fn within(&self, range: Range<u64>) -> impl Iterator<Item = (Chunk, Range<u64>)> {
        self.chunks.iter().filter_map(move |chunk| {
            let start = range.start.max(chunk.offset);
            let end = range.end.min(chunk.offset + chunk.size_bytes);
            (start < end).then(|| (*chunk, start - chunk.offset..end - chunk.offset))
        })
    }
}

impl WrittenChunk {
    fn check(self) -> Result<Chunk, BadManifest> {
        let fid = self.fid.parse().map_err(|error: types::InvalidFileId| BadManifest(error.to_string()))?;
        Ok(Chunk { fid, offset: self.offset, size_bytes: self.size })
    }
}

/// The manifest in a needle that is flagged as one.
pub(super) async fn of(needle: &NewNeedle, fid: FileId, limit_bytes: usize) -> Result<Manifest, ReadError> {
    let corrupt = |reason: String| ReadError::Corrupt { fid, reason };
    let json = unpacked(needle, limit_bytes).await.map_err(corrupt)?;
    Manifest::parse(&json).map_err(|error| corrupt(error.to_string()))
}

/// The chunk's bytes, all of them, from wherever it is. Whatever goes wrong, the whole is there but cannot be read:
/// that is never "not found".
pub(super) async fn fetch(server: &Arc<VolumeServer>, chunk: Chunk) -> Result<Bytes, ReadError> {
    let fid = chunk.fid;
    let corrupt = |reason: String| ReadError::Corrupt { fid, reason };
    let stored = read_anywhere(server, fid).await.map_err(|error| match error {
        ReadError::NotFound(_) | ReadError::NoVolume(_) => corrupt(format!("chunk of a manifest: {error}")),
        other => other,
    })?;
    let data = unpacked(&stored.needle, server.settings.max_body_bytes).await.map_err(corrupt)?;
    match data.len() as u64 == chunk.size_bytes && !stored.needle.chunk_manifest {
        true => Ok(data),
        false => {
            Err(corrupt(format!("chunk of {} bytes, its manifest says {}", data.len(), chunk.size_bytes)))
        }
    }
}

async fn unpacked(needle: &NewNeedle, limit_bytes: usize) -> Result<Bytes, String> {
    if !needle.gzipped {
        return Ok(needle.data.clone());
    }
    compression::gunzip(needle.data.clone(), limit_bytes).await.map_err(|error| error.to_string())
}

async fn read_anywhere(server: &VolumeServer, fid: FileId) -> Result<StoredNeedle, ReadError> {
    let mut outcome = server.read(fid).await;
    if !matches!(outcome, Err(ReadError::NoVolume(_))) {
        return outcome;
    }
    let unavailable = |reason: String| ReadError::Unavailable { volume: fid.volume, reason };
    for location in elsewhere(server, fid).await.map_err(unavailable)? {
        outcome = server.servers.at(&location).read(fid).await;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Deletes a chunk on the server that has it.
pub(super) async fn delete_anywhere(server: &VolumeServer, fid: FileId) -> Result<Deleted, DeleteError> {
    let mut outcome = server.delete(fid).await;
    if !matches!(outcome, Err(DeleteError::NoVolume(_))) {
        return outcome;
    }
    let unavailable = |reason: String| DeleteError::Unavailable { volume: fid.volume, reason };
    for location in elsewhere(server, fid).await.map_err(unavailable)? {
        outcome = server.servers.at(&location).delete(fid).await;
        if outcome.is_err() {
            break;
        }
    }
    outcome
}

/// The other servers that hold the volume; none where no master knows, or none is known.
async fn elsewhere(server: &VolumeServer, fid: FileId) -> Result<Vec<Location>, String> {
    let Some(master) = server.master.read().clone() else { return Ok(Vec::new()) };
    match master.lookup(fid.volume).await {
        Ok(locations) => {
            Ok(locations.into_iter().filter(|location| *location != server.settings.location).collect())
        }
        Err(LookupError::NotFound(_)) => Ok(Vec::new()),
        Err(LookupError::Unavailable(reason)) => Err(reason),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TWO: &str = r#"{"name":"n","mime":"text/plain","size":10,"chunks":[
        {"fid":"3,0263700000","offset":6,"size":4},{"fid":"3,0163700000","size":6}]}"#;

    #[test]
    fn chunks_are_put_in_order() {
        let manifest = Manifest::parse(TWO.as_bytes()).expect("parses");
        assert_eq!((manifest.mime(), manifest.size_bytes()), ("text/plain", 10));
        let keys: Vec<_> = manifest.chunks().iter().map(|chunk| chunk.fid.key.0).collect();
        assert_eq!(keys, [1, 2]);
        let touched = |range| -> Vec<_> {
            manifest.within(range).map(|(chunk, range)| (chunk.fid.key.0, range)).collect()
        };
        assert_eq!(touched(0..10), [(1, 0..6), (2, 0..4)]);
        assert_eq!(touched(5..7), [(1, 5..6), (2, 0..1)]);
        assert_eq!(touched(6..6), []);
    }

    #[test]
    fn holes_overlaps_and_wrong_sizes_are_refused() {
        Manifest::parse(b"{}").expect("nothing is a whole");
        for (from, to) in [
            ("\"offset\":6", "\"offset\":5"),
            ("\"offset\":6", "\"offset\":7"),
            ("10", "11"),
            ("3,02", "x"),
            ("6,", "6.5,"),
        ] {
            assert!(Manifest::parse(TWO.replace(from, to).as_bytes()).is_err(), "{from} as {to}");
        }
        let huge = format!(
            r#"{{"size":0,"chunks":[{{"fid":"3,0163700000","size":{}}},{{"fid":"3,0163700000","offset":{},"size":1}}]}}"#,
            u64::MAX,
            u64::MAX
        );
        assert!(Manifest::parse(huge.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(json in "\\PC{0,60}") {
            let _ = Manifest::parse(json.as_bytes());
        }
    }
}
