//! Volumes written by SeaweedFS 4.48 answer as that server answered, and survive the loss of their index.
#![allow(clippy::expect_used)]

use std::{fs, io::Read, path::Path, sync::Arc};

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};
use types::FileId;
use volume::{Needle, Options, ReadError, RealDisk, Volume, discover};

const FIXTURE: &[u8] = include_bytes!("fixtures/weed-4.48.tar.gz");

/// One line of the fixture's manifest: what `GET` answered.
#[derive(serde::Deserialize)]
struct Upload {
    fid: String,
    collection: String,
    name: String,
    mime: String,
    size: usize,
    sha256: String,
    headers: serde_json::Map<String, serde_json::Value>,
    state: String,
}

fn unpack() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temp dir");
    tar::Archive::new(GzDecoder::new(FIXTURE)).unpack(dir.path()).expect("unpack");
    dir
}

fn manifest(dir: &Path) -> Vec<Upload> {
    let text = fs::read(dir.join("manifest.json")).expect("manifest");
    serde_json::from_slice(&text).expect("manifest")
}

/// The body as `GET` returns it.
fn body(needle: &Needle) -> Vec<u8> {
    if !needle.gzipped {
        return needle.data.to_vec();
    }
    let mut body = Vec::new();
    GzDecoder::new(&needle.data[..]).read_to_end(&mut body).expect("gzip");
    body
}

async fn check(volume: &Volume, upload: &Upload) {
    let fid: FileId = upload.fid.parse().expect("fid");
    let read = volume.read(fid.key, fid.cookie).await;
    if upload.state == "deleted" {
        assert!(matches!(read, Err(ReadError::NotFound(_))), "{fid}: {read:?}");
        return;
    }
    let (needle, crc) = read.expect("read");
    let body = body(&needle);
    assert_eq!(body.len(), upload.size, "{fid}");
    assert_eq!(hex::encode(Sha256::digest(&body)), upload.sha256, "{fid}");
    assert_eq!(crc, crc_fast::crc32_iscsi(&needle.data), "{fid}");
    if !needle.data.is_empty() {
        assert_eq!(&needle.name[..], upload.name.as_bytes(), "{fid}");
        let mime =
            if needle.mime.is_empty() { "application/octet-stream".as_bytes() } else { &needle.mime[..] };
        let expected = if upload.mime.is_empty() { "application/octet-stream" } else { &upload.mime };
        assert_eq!(mime, expected.as_bytes(), "{fid}");
        assert!(needle.modified_secs > 1_700_000_000, "{fid}");
    }
    let pairs: serde_json::Map<String, serde_json::Value> = if needle.pairs.is_empty() {
        serde_json::Map::new()
    } else {
        serde_json::from_slice(&needle.pairs).expect("pairs")
    };
    // The prefix of these headers is not stored.
    let stored = |name: &str| name.strip_prefix("Seaweed-").expect("prefix").to_owned();
    let expected = upload.headers.iter().map(|(name, value)| (stored(name), value.clone())).collect();
    assert_eq!(pairs, expected, "{fid}");
}

/// Opens every volume in `dir` and asks it for every fid of the manifest; how many were asked for.
async fn check_all(dir: &Path) -> usize {
    let disk = Arc::new(RealDisk);
    let found = discover(&*disk, dir).expect("discover");
    assert_eq!(found.set_aside, Vec::<std::path::PathBuf>::new());
    assert_eq!(found.erasure_coded.len(), 1);
    assert_eq!(found.volumes.len(), 15);
    let mut asked = 0;
    for (collection, id) in found.volumes {
        let volume = Volume::open(disk.clone(), dir, &collection, id, &Options::default()).expect("open");
        for upload in manifest(dir) {
            let fid: FileId = upload.fid.parse().expect("fid");
            if fid.volume == id && upload.collection == collection.as_str() {
                check(&volume, &upload).await;
                asked += 1;
            }
        }
        assert_eq!(volume.recovery().cut_bytes, 0, "{id}");
        volume.close().await;
    }
    asked
}

fn not_erasure_coded(dir: &Path) -> usize {
    manifest(dir).iter().filter(|upload| !upload.fid.starts_with("22,")).count()
}

#[tokio::test]
async fn every_fid_answers_as_its_manifest_says() {
    let temp = unpack();
    let dir = temp.path().join("weed-4.48");
    let before = fs::read(dir.join("4.idx")).expect("idx");
    assert_eq!(check_all(&dir).await, not_erasure_coded(&dir));
    assert_eq!(fs::read(dir.join("4.idx")).expect("idx"), before, "a good index is left as it is");
}

#[tokio::test]
async fn the_index_is_rebuilt_byte_for_byte() {
    let temp = unpack();
    let dir = temp.path().join("weed-4.48");
    let mut indexes = Vec::new();
    for entry in fs::read_dir(&dir).expect("list").map(|entry| entry.expect("entry").path()) {
        if entry.extension().is_some_and(|extension| extension == "idx") {
            indexes.push((entry.clone(), fs::read(&entry).expect("idx")));
            fs::remove_file(entry).expect("remove");
        }
    }
    assert_eq!(check_all(&dir).await, not_erasure_coded(&dir));
    for (path, rows) in indexes {
        assert_eq!(hex::encode(fs::read(&path).expect("idx")), hex::encode(rows), "{}", path.display());
    }
}

#[tokio::test]
async fn without_its_vif_the_width_is_found_from_the_rows() {
    let temp = unpack();
    let dir = temp.path().join("weed-4.48");
    for entry in fs::read_dir(&dir).expect("list").map(|entry| entry.expect("entry").path()) {
        if entry.extension().is_some_and(|extension| extension == "vif") {
            fs::remove_file(entry).expect("remove");
        }
    }
    assert_eq!(check_all(&dir).await, not_erasure_coded(&dir));
    let vif = fs::read_to_string(dir.join("4.vif")).expect("a new vif");
    assert!(vif.contains("\"bytesOffset\": 5"), "{vif}");
}

/// What SeaweedFS wrote, written again from what we read, is the same byte for byte but for the moments.
#[tokio::test]
async fn what_we_write_is_what_seaweedfs_wrote() {
    let temp = unpack();
    let dir = temp.path().join("weed-4.48");
    let theirs = fs::read(dir.join("2.dat")).expect("dat");
    let disk = Arc::new(RealDisk);
    let options = Options { index_width: volume::IndexWidth::Five, ..Options::default() };
    let old = Volume::open(disk.clone(), &dir, &types::Collection::default(), types::VolumeId(2), &options)
        .expect("open");
    let ours = tempfile::tempdir().expect("temp dir");
    let new = Volume::create(disk, ours.path(), old.stat().settings, &options).expect("create");
    let mut fids: Vec<FileId> =
        manifest(&dir).iter().map(|upload| upload.fid.parse().expect("fid")).collect();
    fids.retain(|fid| fid.volume.0 == 2);
    fids.sort_by_key(|fid| fid.key);
    for fid in fids {
        let (needle, _) = old.read(fid.key, fid.cookie).await.expect("read");
        new.append(needle).await.expect("append");
    }
    new.close().await;
    let written = fs::read(ours.path().join("2.dat")).expect("dat");
    assert_eq!(hex::encode(without_moments(written)), hex::encode(without_moments(theirs)));
    assert_eq!(
        fs::read(ours.path().join("2.idx")).expect("idx"),
        fs::read(dir.join("2.idx")).expect("idx"),
        "rows"
    );
    assert_eq!(
        squeeze(&fs::read_to_string(ours.path().join("2.vif")).expect("vif")),
        squeeze(&fs::read_to_string(dir.join("2.vif")).expect("vif"))
    );
}

/// A version 3 data file with the moments of the appends blanked.
fn without_moments(mut dat: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while at < dat.len() {
        let size = u32::from_be_bytes(dat[at + 12..at + 16].try_into().expect("4 bytes")) as usize;
        let moment = at + 16 + size + 4;
        dat[moment..moment + 8].fill(0);
        at = (moment + 8) / 8 * 8 + 8;
    }
    dat
}

/// protojson varies its blanks on purpose.
fn squeeze(text: &str) -> String {
    text.split_whitespace().collect()
}
