//! The Debian security tracker's own data, from feed to finding.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside their functions")]

use std::{collections::BTreeMap, io::Write as _};

use cofferdam_finding::{Package, PackageKind, RemedyState, Severity, SourcePackage};
use cofferdam_vuln::{
    Distribution, Inventory,
    database::{Builder, Database},
    feed::{Format, Source, Tally, build, tracker},
    matching::match_packages,
};
use proptest::prelude::*;
use time::macros::date;

const DATA: &str = r#"{"openssl": {
    "CVE-2025-0001": {"description": "A bug. More of it.", "releases": {
        "bookworm": {"status": "resolved", "fixed_version": "3.0-2", "urgency": "not yet assigned", "repositories": {}},
        "bullseye": {"status": "open", "urgency": "end-of-life"},
        "sid": {"status": "open"}}},
    "CVE-2025-0002": {"releases": {"bookworm": {"status": "open", "urgency": "low**", "nodsa": "Minor issue", "nodsa_reason": ""}}},
    "CVE-2025-0003": {"releases": {"bookworm": {"status": "open", "nodsa": "Minor issue", "nodsa_reason": "postponed"}}},
    "CVE-2025-0004": {"releases": {"bookworm": {"status": "open", "nodsa": "Too intrusive", "nodsa_reason": "ignored"}}},
    "CVE-2025-0005": {"releases": {"bookworm": {"status": "open", "urgency": "unimportant"}}},
    "CVE-2025-0006": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "0", "nodsa": "x"}}},
    "CVE-2025-0007": {"releases": {"bookworm": {"status": "undetermined"}}},
    "CVE-2025-0008": {"releases": {"bookworm": {"status": "resolved"}}},
    "CVE-2025-0009": {"releases": {"bookworm": {"status": "?"}}},
    "TEMP-0000001-ABCDEF": {"releases": {"bookworm": {"status": "open"}}},
    "CVE-2025-0010": 7,
    "CVE-2025-0011": {"releases": {"sid": {"status": "open"}}}},
 "other": {}}"#;

fn source(path: &str) -> Source {
    Source {
        name: "tracker".into(),
        format: Format::DebianTracker,
        path: path.into(),
        date: "2026-11-22".into(),
        licence: "none".into(),
        url: "none".into(),
        files: Vec::new(),
        ecosystems: Vec::new(),
    }
}

fn built() -> (Database, Tally) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("json"), DATA).unwrap();
    let file = std::fs::File::create(directory.path().join("json.gz")).unwrap();
    let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::default());
    packed.write_all(DATA.as_bytes()).unwrap();
    packed.finish().unwrap();
    let of = |path| build(&[source(path)], directory.path(), 1, &mut |_| {}).unwrap();
    let plain = of("json");
    assert_eq!(plain.bytes, of("json.gz").bytes);
    (Database::from_bytes(plain.bytes, "test").unwrap(), plain.tallies[0].1.clone())
}

fn inventory(release: &str) -> Inventory {
    let distribution = Distribution {
        id: "debian".into(),
        version_id: Some(release.into()),
        ..Distribution::default()
    };
    let package = Package {
        kind: PackageKind::Deb,
        name: "libssl3".into(),
        version: "3.0-1".into(),
        architecture: None,
        source: SourcePackage { name: "openssl".into(), version: "3.0-1".into() },
        purl: "pkg:deb/debian/libssl3@3.0-1".into(),
        licenses: Vec::new(),
        module: None,
        location: "var/lib/dpkg/status".into(),
        layer: None,
        owner: None,
        declared: false,
    };
    Inventory { distribution: Some(distribution), packages: vec![package], gaps: Vec::new() }
}

#[test]
fn what_debian_has_decided_is_in_the_findings() {
    let (database, tally) = built();
    database.verify().unwrap();
    assert_eq!((tally.records, tally.broken, tally.irrelevant), (12, 3, 1), "{:?}", tally.examples);
    let found = |release: &str| -> BTreeMap<String, (RemedyState, Severity, String)> {
        let matches =
            match_packages(&inventory(release), &database, date!(2026 - 11 - 23)).unwrap();
        let state = |finding: &cofferdam_finding::Finding| {
            let package = finding.evidence[0].package.as_ref().unwrap();
            (package.remedy, finding.severity, package.advisory.clone())
        };
        matches.findings.iter().map(|one| (one.rule.to_string(), state(one))).collect()
    };
    let bookworm = found("12");
    let states: Vec<(&str, RemedyState, Severity)> = bookworm
        .iter()
        .map(|(id, (remedy, severity, _))| (id.as_str(), *remedy, *severity))
        .collect();
    assert_eq!(
        states,
        [
            ("CVE-2025-0001", RemedyState::Fixed, Severity::Unknown),
            ("CVE-2025-0002", RemedyState::Deferred, Severity::Low),
            ("CVE-2025-0003", RemedyState::Deferred, Severity::Unknown),
            ("CVE-2025-0004", RemedyState::WontFix, Severity::Unknown),
            ("CVE-2025-0005", RemedyState::Unfixed, Severity::Info),
            ("CVE-2025-0007", RemedyState::Unknown, Severity::Unknown),
            ("TEMP-0000001-ABCDEF", RemedyState::Unfixed, Severity::Unknown),
        ]
    );
    assert!(bookworm["CVE-2025-0004"].2.contains("will not be fixed"), "{bookworm:?}");
    let bullseye = found("11");
    assert_eq!(bullseye["CVE-2025-0001"].0, RemedyState::EndOfLife);
    let again = Builder::onto(&database).unwrap().finish(1).unwrap();
    assert!(again == database.as_bytes(), "decisions are kept");
}

#[test]
fn data_that_is_cut_is_an_error() {
    for length in [0, 1, 20, DATA.len() / 2, DATA.len() - 1] {
        let outcome =
            tracker::parse(&DATA.as_bytes()[..length], &mut Tally::default(), &mut |_| {});
        assert!(outcome.is_err(), "{length}");
    }
    assert!(tracker::parse(&b"[]"[..], &mut Tally::default(), &mut |_| {}).is_err());
}

proptest! {
    #[test]
    fn no_data_makes_a_reader_panic(bytes in any::<Vec<u8>>(), id in "\\PC{0,8}", version in "\\PC{0,8}", urgency in "\\PC{0,8}") {
        let _ = tracker::parse(bytes.as_slice(), &mut Tally::default(), &mut |_| {});
        let entry = serde_json::json!({"a": {id: {"description": version, "releases": {
            "bookworm": {"status": "resolved", "fixed_version": version, "urgency": urgency},
            "trixie": {"status": "open", "nodsa": urgency, "nodsa_reason": version}}}}});
        let outcome = tracker::parse(entry.to_string().as_bytes(), &mut Tally::default(), &mut |_| {});
        prop_assert!(outcome.is_ok());
    }
}
