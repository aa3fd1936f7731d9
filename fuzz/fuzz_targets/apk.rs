//! apk's database of any bytes.
#![no_main]

use cofferdam_vuln::packages::{Contents, apk::parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let contents = parse(data);
    assert!(contents.problems.len() <= Contents::MOST_PROBLEMS + 1);
    for record in &contents.records {
        let words = [&record.name, &record.version];
        assert!(words.iter().all(|word| !word.is_empty() && !word.contains(' ')));
    }
    // One line of a package names it: each is listed or its absence explained.
    let named = data.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"P:"));
    assert!(!contents.problems.is_empty() || contents.records.len() >= named.count());
});
