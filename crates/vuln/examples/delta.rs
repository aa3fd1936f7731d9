//! What a delta between two databases has in bytes, and what making and applying it costs.
//!
//! `delta BEFORE.cdb AFTER.cdb`
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::{error::Error, path::Path, time::Instant};

use cofferdam_vuln::database::{Database, delta};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [before, after] = arguments.as_slice() else {
        return Err("usage: delta BEFORE.cdb AFTER.cdb".into());
    };
    let (before, after) = (Database::open(Path::new(before))?, Database::open(Path::new(after))?);
    let start = Instant::now();
    let made = delta::make(&before, &after)?;
    let making = start.elapsed();
    let start = Instant::now();
    let result = delta::apply(&before, &made, &after.checksum())?;
    let applying = start.elapsed();
    assert!(result == after.as_bytes(), "another database");
    println!(
        "{} bytes for a database of {}, made in {making:.1?}, applied in {applying:.1?}",
        made.len(),
        result.len()
    );
    Ok(())
}
