//! What reading a gzip layer costs at the least: inflating it and hashing both sides with the same
//! libraries, one step after the other in one thread, and nothing else.
//!
//! `floor BLOB`
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::{error::Error, fs::File, io::BufReader, io::Read, time::Instant};

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};

/// Hashes what is read through it.
struct Hashing<R>(R, Sha256);

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.update(&buffer[..count]);
        Ok(count)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: floor BLOB")?;
    let start = Instant::now();
    let stored = Hashing(File::open(path)?, Sha256::new());
    let mut plain = MultiGzDecoder::new(BufReader::with_capacity(256 << 10, stored));
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut total: u64 = 0;
    loop {
        match plain.read(&mut buffer)? {
            0 => break,
            count => {
                hasher.update(&buffer[..count]);
                total += count as u64;
            }
        }
    }
    let elapsed = start.elapsed();
    let stored = plain.into_inner().into_inner().1.finalize();
    let hex = |digest: &[u8]| digest.iter().map(|b| format!("{b:02x}")).collect::<String>();
    println!("stored {}\nplain  {} ({total} bytes)", hex(&stored), hex(&hasher.finalize()));
    println!("{:.1} ms", elapsed.as_secs_f64() * 1000.0);
    Ok(())
}
