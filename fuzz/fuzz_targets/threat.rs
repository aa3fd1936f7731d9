//! Lists of what is known of attacks.
#![no_main]

use cofferdam_vuln::feed::{Tally, threat};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    threat::parse_kev("fuzz", data, &mut Tally::default(), &mut |_, exploited| {
        assert_eq!(exploited.since.len(), 10);
    });
    let _ = threat::parse_epss(data, &mut Tally::default(), &mut |_, epss| {
        assert!(epss.probability.parts() <= 100_000);
    });
});
