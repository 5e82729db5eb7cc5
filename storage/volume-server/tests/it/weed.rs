//! A directory that SeaweedFS 4.48 wrote, served by us: every address answers as the manifest says.

use std::{fs, io::Read, path::Path};

use flate2::read::GzDecoder;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::support::Fixture;

const ARCHIVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../volume/tests/fixtures/weed-4.48.tar.gz");

#[derive(Deserialize)]
struct Upload {
    fid: String,
    name: String,
    mime: String,
    size: usize,
    sha256: String,
    headers: std::collections::BTreeMap<String, String>,
    state: String,
    note: String,
}

#[tokio::test]
async fn every_needle_of_weed_answers() {
    let dir = tempfile::tempdir().expect("a directory");
    unpack(dir.path());
    let manifest = fs::read(dir.path().join("manifest.json")).expect("a manifest");
    let uploads: Vec<Upload> = serde_json::from_slice(&manifest).expect("parses");
    let fixture = Fixture::start_in(dir, |_| {}).await;

    let erasure_coded = |upload: &&Upload| upload.fid.starts_with("22,");
    let (coded, served): (Vec<_>, Vec<_>) = uploads.iter().partition(|upload| erasure_coded(upload));
    assert!(!coded.is_empty() && served.len() > 20, "{} and {}", coded.len(), served.len());
    for upload in served {
        check(&fixture, upload).await;
    }
    for upload in coded {
        fixture.get(&format!("/{}", upload.fid)).await.assert_refused(404, "volume 22 is not on this server");
    }
}

async fn check(fixture: &Fixture, upload: &Upload) {
    let got = fixture.get(&format!("/{}", upload.fid)).await;
    let context = format!("{} {}", upload.fid, upload.note);
    if upload.state == "deleted" {
        assert_eq!(got.status, 404, "{context}");
        return;
    }
    assert_eq!((got.status.as_u16(), got.body.len()), (200, upload.size), "{context}");
    assert_eq!(hex::encode(Sha256::digest(&got.body)), upload.sha256, "{context}");
    // The format keeps neither name nor type of an empty body.
    if upload.size > 0 {
        let mime = if upload.mime.is_empty() { "application/octet-stream" } else { &upload.mime };
        assert_eq!(got.header("content-type"), Some(mime), "{context}");
        let name = (!upload.name.is_empty()).then(|| format!("inline; filename=\"{}\"", upload.name));
        assert_eq!(got.header("content-disposition"), name.as_deref(), "{context}");
    }
    for (name, value) in &upload.headers {
        assert_eq!(got.header(name), Some(value.as_str()), "{context}");
    }
}

/// The files of the archive, without their directory.
fn unpack(dir: &Path) {
    const BLOCK: usize = 512;
    let mut tar = Vec::new();
    GzDecoder::new(fs::File::open(ARCHIVE).expect("the fixture")).read_to_end(&mut tar).expect("unpacks");
    let mut rest = &tar[..];
    while rest.first().is_some_and(|byte| *byte != 0) {
        let (header, after) = rest.split_at(BLOCK);
        let text = |range: std::ops::Range<usize>| {
            std::str::from_utf8(&header[range]).expect("a text").trim_end_matches(['\0', ' ']).to_owned()
        };
        let size = usize::from_str_radix(&text(124..136), 8).expect("a size");
        if header[156] == b'0' {
            let name = text(0..100);
            let name = Path::new(&name).file_name().expect("a file");
            fs::write(dir.join(name), &after[..size]).expect("writes");
        }
        rest = &after[size.next_multiple_of(BLOCK)..];
    }
}
