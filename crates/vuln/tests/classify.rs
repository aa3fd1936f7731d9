//! Well-known programs that no package manager installed.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside their functions")]

use std::io::Cursor;

use cofferdam_finding::{Package, PackageKind, SourcePackage};
use cofferdam_image::Candidate;
use cofferdam_vuln::{
    Inventory,
    database::Database,
    feed::{Format, Source, build},
    language::{Found, extract},
    matching::match_packages,
    purl,
};
use time::macros::date;

/// A program with a text at a place in it.
fn program(text: &str, place: usize) -> Vec<u8> {
    let mut bytes = b"\x7fELF".to_vec();
    bytes.resize(place, 0);
    bytes.extend(text.as_bytes());
    bytes.resize(place + 5000, 0);
    bytes
}

fn found(path: &str, content: &[u8]) -> Vec<Found> {
    let candidate = Candidate { path, size: content.len() as u64, mode: 0o755 };
    extract(&candidate, &mut Cursor::new(content)).unwrap().packages
}

#[test]
fn the_version_is_found_wherever_it_is_in_the_program() {
    // Pieces of a program are looked at one after the other: across their borders too.
    for place in [100, 5000, (256 << 10) - 7, (256 << 10) + 1, 700_000] {
        let all = found("usr/local/bin/node", &program("\0node.js/v20.11.1\0", place));
        let named: Vec<(PackageKind, &str, &str)> =
            all.iter().map(|one| (one.kind, one.name.as_str(), one.version.as_str())).collect();
        assert_eq!(named, [(PackageKind::Generic, "node", "20.11.1")], "{place}");
    }
    assert_eq!(found("usr/local/bin/other", &program("\0node.js/v20.11.1\0", 100)), []);
    assert_eq!(found("usr/local/bin/node", b"#!/bin/sh\n# node.js/v20.11.1\n"), []);
}

#[test]
fn programs_are_matched_with_advisories_about_them() {
    let directory = tempfile::tempdir().unwrap();
    let record = r#"{"id":"BIT-node-2024-0001","aliases":["CVE-2024-0001"],"affected":[{
        "package":{"ecosystem":"Bitnami","name":"node"},
        "ranges":[{"type":"SEMVER","events":[{"introduced":"20.0.0"},{"fixed":"20.11.2"}]}]}]}"#;
    std::fs::write(directory.path().join("a.json"), record).unwrap();
    let source = Source {
        name: "bitnami-osv".into(),
        format: Format::Osv,
        path: ".".into(),
        date: "2026-11-22".into(),
        licence: "none".into(),
        url: "none".into(),
        files: Vec::new(),
        ecosystems: vec!["Bitnami".into()],
    };
    let built = build(&[source], directory.path(), 1, &mut |_| {}).unwrap();
    let database = Database::from_bytes(built.bytes, "test").unwrap();
    let rules = |version: &str| -> Vec<String> {
        let package = Package {
            kind: PackageKind::Generic,
            name: "node".into(),
            version: version.into(),
            architecture: None,
            source: SourcePackage { name: "node".into(), version: version.into() },
            purl: purl::of_language(PackageKind::Generic, "node", version),
            licenses: Vec::new(),
            module: None,
            location: "usr/local/bin/node".into(),
            layer: None,
            owner: None,
            declared: false,
        };
        let inventory = Inventory { distribution: None, packages: vec![package], gaps: Vec::new() };
        let matches = match_packages(&inventory, &database, date!(2026 - 11 - 23)).unwrap();
        matches.findings.iter().map(|one| format!("{} {}", one.rule, one.subject)).collect()
    };
    assert_eq!(rules("20.11.1"), ["CVE-2024-0001 generic:node"]);
    assert_eq!(rules("20.11.2"), [""; 0]);
}
