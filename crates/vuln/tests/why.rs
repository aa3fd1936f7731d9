//! Explanations of what is reported and of what is not.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside their functions")]

use cofferdam_finding::{Package, PackageKind, SourcePackage};
use cofferdam_vuln::{
    Distribution, Inventory,
    database::Database,
    feed::{Format, Source, build},
    matching::{Decision, Why, match_packages, why},
};
use time::macros::date;

fn package(kind: PackageKind, name: &str, source: &str, version: &str) -> Package {
    Package {
        kind,
        name: name.into(),
        version: version.into(),
        architecture: None,
        source: SourcePackage { name: source.into(), version: version.into() },
        purl: format!("pkg:{}/{name}@{version}", kind.name()),
        licenses: Vec::new(),
        module: None,
        location: "database".into(),
        layer: None,
        owner: None,
        declared: false,
    }
}

fn inventory(packages: Vec<Package>) -> Inventory {
    let distribution = Distribution {
        id: "debian".into(),
        version_id: Some("12".into()),
        pretty_name: "Debian 12".into(),
        ..Distribution::default()
    };
    Inventory { distribution: Some(distribution), packages, gaps: Vec::new() }
}

/// Debian's own records, an update that says otherwise, and a record of PyPI.
fn database() -> Database {
    let record = |id: &str, rest: &str, ecosystem: &str, name: &str, events: &str| {
        format!(
            r#"{{"id":"{id}",{rest}"affected":[{{"package":{{"ecosystem":"{ecosystem}",
            "name":"{name}"}},"ranges":[{{"type":"ECOSYSTEM","events":[{events}]}}]}}]}}"#
        )
    };
    let (zero, fixed) = (r#"{"introduced":"0"}"#, r#"{"introduced":"0"},{"fixed":"2.0-1"}"#);
    let records = [
        record("DEBIAN-CVE-2025-0001", r#""upstream":["CVE-2025-0001"],"#, "Debian:12", "a", fixed),
        record("DSA-1-1", r#""related":["CVE-2025-0002"],"#, "Debian:12", "a", fixed),
        record("DEBIAN-CVE-2025-0003", r#""upstream":["CVE-2025-0003"],"#, "Debian:12", "a", zero),
        record("CVE-2025-0004", "", "Debian:11", "a", fixed),
        record(
            "GHSA-aaaa-bbbb-cccc",
            r#""aliases":["CVE-2025-0005"],"#,
            "PyPI",
            "b",
            r#"{"introduced":"0"},{"fixed":"2"}"#,
        ),
    ];
    let directory = tempfile::tempdir().unwrap();
    for (number, record) in records.iter().enumerate() {
        std::fs::write(directory.path().join(format!("{number}.json")), record).unwrap();
    }
    let source = Source {
        name: "test".into(),
        format: Format::Osv,
        path: ".".into(),
        date: "2026-11-22".into(),
        licence: "none".into(),
        url: "none".into(),
        files: Vec::new(),
        ecosystems: vec!["Debian".into(), "PyPI".into()],
    };
    let built = build(&[source], directory.path(), 1, &mut |_| {}).unwrap();
    Database::from_bytes(built.bytes, "test").unwrap()
}

fn asked(packages: Vec<Package>, asked: &str) -> Why {
    why(&inventory(packages), &database(), asked).unwrap()
}

#[test]
fn a_match_names_its_record_range_and_order() {
    let why = asked(vec![package(PackageKind::Deb, "liba1", "a", "1.9-1")], "cve-2025-0001");
    assert_eq!(why.vulnerability.as_deref(), Some("CVE-2025-0001"));
    let one = &why.judgements[0];
    assert_eq!((one.decision, one.fixed_version.as_deref()), (Decision::Affected, Some("2.0-1")));
    assert_eq!((one.name.as_str(), one.version.as_str(), one.order), ("a", "1.9-1", "Debian"));
    let record = &one.records[0];
    assert_eq!(
        (record.record.as_str(), record.range.as_str()),
        ("DEBIAN-CVE-2025-0001", "< 2.0-1")
    );
    assert_eq!(record.sources, ["test of 2026-11-22"]);
    assert!(record.counts && record.because.contains("in the range"), "{record:?}");
}

#[test]
fn what_is_not_reported_is_explained_too() {
    let fixed = asked(vec![package(PackageKind::Deb, "liba1", "a", "2.0-1")], "CVE-2025-0001");
    assert_eq!(fixed.judgements[0].decision, Decision::Fixed);
    let because = &fixed.judgements[0].records[0].because;
    assert_eq!(because, "2.0-1 is not older than 2.0-1, which has the fix");

    let broken =
        asked(vec![package(PackageKind::Deb, "liba1", "a", "no version!")], "CVE-2025-0001");
    assert_eq!(broken.judgements[0].decision, Decision::NotComparable);

    let other = asked(vec![package(PackageKind::Deb, "z", "z", "1")], "CVE-2025-0001");
    assert_eq!(other.judgements, []);
    assert!(other.notes.iter().any(|note| note.contains("it is known of a")), "{:?}", other.notes);

    let elsewhere = asked(vec![package(PackageKind::Deb, "liba1", "a", "1")], "CVE-2025-0004");
    assert!(
        elsewhere.notes.iter().any(|n| n.contains("does not mean not affected")),
        "{elsewhere:?}"
    );
    assert!(elsewhere.notes.iter().any(|n| n.contains("also known in Debian:11")), "{elsewhere:?}");

    let unknown = asked(Vec::new(), "CVE-1999-0001");
    assert!(unknown.notes[0].contains("2026-11-22"), "{:?}", unknown.notes);
}

#[test]
fn a_package_of_the_distribution_decides_for_what_it_owns() {
    let mut owned = package(PackageKind::Pypi, "b", "b", "1");
    owned.owner = Some("python3-b".into());
    let debian = package(PackageKind::Deb, "python3-b", "python-b", "1-1");
    // By any name of the vulnerability.
    let why = asked(vec![owned, debian], "GHSA-aaaa-bbbb-cccc");
    assert_eq!(why.vulnerability.as_deref(), Some("CVE-2025-0005"));
    assert_eq!(why.judgements, []);
    assert!(why.not_compared[0].why.contains("python3-b"), "{:?}", why.not_compared);
}

#[test]
fn a_package_is_explained_with_all_that_is_said_of_it() {
    let why = asked(vec![package(PackageKind::Deb, "liba1", "a", "2.0-1")], "liba1");
    assert_eq!(why.vulnerability, None);
    let decisions: Vec<(&str, Decision)> =
        why.judgements.iter().map(|one| (one.vulnerability.as_str(), one.decision)).collect();
    assert_eq!(
        decisions,
        [
            ("CVE-2025-0003", Decision::Affected),
            ("CVE-2025-0001", Decision::Fixed),
            ("CVE-2025-0002", Decision::Fixed),
        ]
    );
}

/// What is explained as affected is what is reported, and the other way round.
#[test]
fn explanations_agree_with_the_report() {
    let database = database();
    for version in ["1", "1.9-1", "2.0-1", "3"] {
        let inventory = inventory(vec![package(PackageKind::Deb, "liba1", "a", version)]);
        let matches = match_packages(&inventory, &database, date!(2026 - 11 - 23)).unwrap();
        let mut reported: Vec<String> =
            matches.findings.iter().map(|finding| finding.rule.to_string()).collect();
        let why = why(&inventory, &database, "a").unwrap();
        let affected = why.judgements.iter().filter(|one| one.decision == Decision::Affected);
        let mut explained: Vec<String> = affected.map(|one| one.vulnerability.clone()).collect();
        reported.sort();
        explained.sort();
        assert_eq!(explained, reported, "{version}");
    }
}
