//! VEX documents, and what they are put with.
#![no_main]

use cofferdam_vuln::vex::{Subject, apply, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(document) = read(data, "fuzz") {
        let applied = apply(Vec::new(), &[], &[], &Subject::default(), &[document]);
        assert!(applied.used.matched == 0);
    }
});
