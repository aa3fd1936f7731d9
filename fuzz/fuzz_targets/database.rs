//! A database file of any bytes: everything in it is read, and damage is an error.
#![no_main]

use cofferdam_vuln::database::{Database, DatabaseError};
use libfuzzer_sys::fuzz_target;

fn read_all(database: &Database) -> Result<(), DatabaseError> {
    let texts = database.texts();
    for ecosystem in database.ecosystems()? {
        ecosystem.sources().count();
        for package in ecosystem.package_names()?.into_iter().take(100) {
            for row in ecosystem.rows(package)?.into_iter().take(100) {
                for about in database.record(row.record)?.about.into_iter().take(100) {
                    texts.get(about)?;
                }
            }
        }
    }
    Ok(())
}

fuzz_target!(|data: &[u8]| {
    if let Ok(database) = Database::from_bytes(data.to_vec(), "fuzz") {
        let _ = database.verify();
        let _ = database.find_record("CVE-2020-1");
        let _ = database.find_record("DSA-1");
        let _ = database.ecosystem("Debian:12").map(|found| found.map(|e| e.package_count()));
        let _ = read_all(&database);
    }
});
