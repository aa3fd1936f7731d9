//! rpm's database of any bytes and any format; and any bytes as the log of an SQLite database.
#![no_main]

use cofferdam_vuln::packages::{Contents, rpm::parse};
use libfuzzer_sys::fuzz_target;

const SQLITE: &[u8] = include_bytes!("../corpus/rpm/seed-sqlite");

fuzz_target!(|data: &[u8]| {
    for contents in [parse(data, None), parse(SQLITE, Some(data)), parse(data, Some(data))] {
        assert!(contents.problems.len() <= Contents::MOST_PROBLEMS + 1);
        for record in &contents.records {
            let words = [&record.name, &record.version];
            assert!(words.iter().all(|word| !word.is_empty() && !word.contains(' ')));
            assert_ne!(record.name, "gpg-pubkey");
        }
    }
});
