use std::{
    fs::File,
    io::{BufWriter, Read, Write},
    path::Path,
};

use base64::prelude::{BASE64_STANDARD, Engine};
use md5::Md5;
use percent_encoding::percent_decode_str;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use sha2::{Digest, Sha256};

const BLOCK_BYTES: usize = 1 << 20;

/// Writes `size_bytes` of noise, the same for the same seed.
#[track_caller]
pub fn write_random_file(path: &Path, size_bytes: u64, seed: u64) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut out = BufWriter::new(File::create(path).expect("a file"));
    let mut block = vec![0; BLOCK_BYTES];
    let mut left = size_bytes;
    while left > 0 {
        rng.fill(&mut block[..]);
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK_BYTES);
        out.write_all(&block[..now]).expect("written");
        left -= now as u64;
    }
    out.flush().expect("written");
}

/// The value of `Content-MD5` for a body.
pub fn content_md5(body: &[u8]) -> String {
    BASE64_STANDARD.encode(Md5::digest(body))
}

/// Percent-encoded text, as listings hold it with `encoding-type=url`, where a plus stands for itself or a space.
#[track_caller]
pub fn url_decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    percent_decode_str(&text).decode_utf8().expect("UTF-8").into_owned()
}

/// SHA-256 of a file.
#[track_caller]
pub fn sha256_of_file(path: &Path) -> [u8; 32] {
    let mut file = File::open(path).expect("a file");
    let mut digest = Sha256::new();
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        match file.read(&mut block).expect("readable") {
            0 => return digest.finalize().into(),
            read => digest.update(&block[..read]),
        }
    }
}
