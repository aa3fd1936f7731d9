//! The Debian security tracker's data.
#![no_main]

use cofferdam_vuln::feed::{Tally, tracker};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = tracker::parse(data, &mut Tally::default(), &mut |advisory| {
        assert!(!advisory.id.is_empty() && !advisory.affected.is_empty());
    });
});
