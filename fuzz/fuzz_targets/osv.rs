//! OSV records, Alpine's security database and CVSS vectors of any bytes; what is understood can
//! be written to a database and read again.
#![no_main]

use cofferdam_vuln::{
    cvss,
    database::{Builder, Database, SourceInfo},
    feed::{
        Advisory, Tally,
        osv::{Parsed, parse},
        secdb,
    },
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut advisories: Vec<Advisory> = Vec::new();
    let ecosystems = ["Debian", "AlmaLinux", "Red Hat:enterprise_linux"].map(str::to_owned);
    if let Ok(Parsed::Advisory(advisory)) = parse(data, &ecosystems) {
        advisories.push(*advisory);
    }
    secdb::parse("fuzz", data, &mut Tally::default(), &mut |advisory| advisories.push(advisory));
    let mut builder = Builder::new();
    let source = builder.source(SourceInfo::default());
    for advisory in &advisories {
        builder.add(source, advisory);
        for vector in &advisory.vectors {
            let _ = cvss::rate(vector);
        }
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = cvss::rate(text);
    }
    let Ok(bytes) = builder.finish(1) else { return };
    let database = Database::from_bytes(bytes, "fuzz").expect("what was just written opens");
    database.verify().expect("what was just written is whole");
    database.row_count().expect("what was just written can be read");
});
