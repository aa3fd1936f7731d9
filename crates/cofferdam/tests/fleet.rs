//! The fleet on the command line: images are added, an advisory appears, the affected are named.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod place;

use std::fs;

use place::Place;
use serde_json::{Value, json};

/// A record about a package of Debian 12.
fn record(id: &str, package: &str, fixed: &str) -> String {
    json!({
        "id": id, "modified": "2026-01-02T03:04:05Z", "summary": format!("A fault of {package}"),
        "affected": [{
            "package": {"ecosystem": "Debian:12", "name": package},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
        }]
    })
    .to_string()
}

fn place() -> Place {
    let place = Place::debian(&[("libexample1", "1.0-1", "example"), ("libz", "2.0-1", "zlib")]);
    place.write("feed/one.json", &record("CVE-2026-0001", "example", "1.0-2"));
    place.write("other/etc/os-release", place::OS_RELEASE);
    place.write(
        "other/var/lib/dpkg/status",
        "Package: libz\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.0-1\n\
         Source: zlib\n\n",
    );
    place.write(
        "sources.toml",
        "[[source]]\nname = \"example\"\nformat = \"osv\"\npath = \"feed\"\ndate = \"2026-02-03\"\n\
         licence = \"CC0-1.0\"\nurl = \"https://advisories.example/all.zip\"\necosystems = [\"Debian\"]\n",
    );
    update(&place);
    place
}

fn update(place: &Place) {
    let output = place.run(&["db", "update", "--list", "sources.toml", "--from", "."]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn json(place: &Place, arguments: &[&str]) -> Value {
    let output = place.run(&[arguments, &["--format", "json"]].concat());
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn an_advisory_appears_and_the_affected_images_are_named() {
    let place = place();
    assert!(place.run(&["fleet", "add", "dir:root", "dir:other"]).status.success());
    insta::assert_snapshot!("fleet_list", place.transcript(&["fleet", "list"]));
    let affected = json(&place, &["fleet", "affected", "cve-2026-0001"]);
    assert_eq!(affected["images"].as_array().unwrap().len(), 1);
    assert_eq!(affected["images"][0]["packages"][0]["fixed_version"], "1.0-2");

    place.write("feed/two.json", &record("CVE-2026-0002", "zlib", "2.0-2"));
    fs::remove_file(place.path().join("feed/one.json")).unwrap();
    update(&place);
    insta::assert_snapshot!(
        "fleet_affected_before_a_rematch",
        place.transcript(&["fleet", "affected", "CVE-2026-0001"])
    );
    insta::assert_snapshot!("fleet_rematch", place.transcript(&["fleet", "rematch"]));
    insta::assert_snapshot!("fleet_rematch_again", place.transcript(&["fleet", "rematch"]));
    insta::assert_snapshot!(
        "fleet_affected",
        place.transcript(&["fleet", "affected", "CVE-2026-0002"])
    );
    assert_eq!(json(&place, &["fleet", "affected", "CVE-2026-0001"])["images"], json!([]));
}

#[test]
fn a_rematch_fails_on_what_is_newly_severe_only() {
    let place = place();
    assert!(place.run(&["fleet", "add", "dir:root"]).status.success());
    let rematch = ["fleet", "rematch", "--fail-on", "unknown"];
    assert_eq!(place.status(&rematch), 0, "known before");
    place.write("feed/two.json", &record("CVE-2026-0002", "zlib", "2.0-2"));
    update(&place);
    assert_eq!(place.status(&rematch), 1);
    assert_eq!(place.status(&rematch), 0, "told once");
}

#[test]
fn what_cannot_be_added_does_not_keep_others_out() {
    let place = place();
    let output = place.run(&["fleet", "add", "dir:absent", "dir:other"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(json(&place, &["fleet", "list"])["images"].as_array().unwrap().len(), 1);
    let errors = [
        place.transcript(&["fleet", "remove", "dir:absent"]),
        place.transcript(&["fleet", "remove", "dir:other"]),
        place.transcript(&["fleet", "rematch"]),
        place.transcript(&["fleet", "affected", "CVE-2026-0001"]),
    ];
    insta::assert_snapshot!("fleet_errors", errors.concat());
}

#[test]
fn a_damaged_index_is_an_error_with_a_way_out() {
    let place = place();
    place.write("data/fleet/index.cfl", "nonsense");
    insta::assert_snapshot!("fleet_damaged", place.transcript(&["fleet", "list"]));
}
