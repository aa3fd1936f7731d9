//! Bills of materials and package URLs, of any text.
#![no_main]

use cofferdam_vuln::{purl::Purl, sbom};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(inventory) = sbom::read(data, "bill") {
        for package in &inventory.packages {
            assert!(Purl::parse(&package.purl).is_ok());
        }
    }
    let _ = Purl::parse(&String::from_utf8_lossy(data));
});
