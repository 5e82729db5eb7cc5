//! Prints how many bytes of MD5 one core makes in a second: the ceiling of one PUT stream.

use std::time::{Duration, Instant};

use md5::{Digest, Md5};

fn main() {
    let block = vec![7_u8; 1 << 20];
    let mut digest = Md5::new();
    let (start, mut bytes) = (Instant::now(), 0_u64);
    while start.elapsed() < Duration::from_secs(2) {
        digest.update(&block);
        bytes += block.len() as u64;
    }
    let seconds = start.elapsed().as_secs_f64();
    // Printed, so that the work cannot be left out.
    eprintln!("{:x?}", digest.finalize());
    println!("{:.0}", bytes as f64 / seconds);
}
