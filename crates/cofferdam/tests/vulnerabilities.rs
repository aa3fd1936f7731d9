//! Scans of small root file systems that have vulnerable packages.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use place::{OS_RELEASE, Place};
use serde_json::Value;

/// Packages of Debian 12.0; see `data/debian-12.0/SOURCE.md`.
fn debian_12_0() -> Place {
    let status = include_str!("data/debian-12.0/status");
    Place::new(&[("etc/os-release", OS_RELEASE), ("var/lib/dpkg/status", status)])
}

fn failures(report: &Value) -> impl Iterator<Item = &Value> {
    report["findings"].as_array().unwrap().iter().filter(|f| f["status"]["is"] == "fail")
}

#[test]
fn finds_what_the_raw_advisories_say() {
    let report = debian_12_0().report(&["--offline", "dir:root"]);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut found: Vec<String> = failures(&report)
        .map(|finding| {
            let package = &finding["evidence"][0]["package"];
            let fixed = text(&package["fixed_version"]);
            format!("{} {} {fixed}", text(&finding["rule"]), text(&package["source"]["name"]))
        })
        .collect();
    found.sort();
    let expected: Vec<&str> = include_str!("data/debian-12.0/cves.txt").lines().collect();
    assert_eq!(found, expected);
}

#[test]
fn every_report_states_the_age_of_its_data() {
    let place = debian_12_0();
    let report = place.report(&["dir:root"]);
    let data = report["data"].as_array().unwrap();
    assert!(!data.is_empty());
    for source in data {
        // The starter database is made of data of 2025.
        assert!(source["age_days"].as_i64().unwrap() > 365, "{source}");
        assert_eq!(source["date"].as_str().unwrap().len(), 10);
    }
    let table = String::from_utf8(place.run(&["scan", "dir:root"]).stdout).unwrap();
    assert!(table.contains("days old"), "{table}");
}

#[test]
fn a_threshold_sets_the_exit_status() {
    let place = debian_12_0();
    assert_eq!(place.status(&["scan", "dir:root"]), 0);
    assert_eq!(place.status(&["scan", "--fail-on", "high", "dir:root"]), 1);
    assert_eq!(place.status(&["scan", "--fail-on", "high", "--strict", "dir:root"]), 1);
    let hidden = ["scan", "--fail-on", "low", "--severity", "critical", "--only-fixed", "dir:root"];
    assert_eq!(place.status(&hidden), 1, "what is hidden counts");
}

#[test]
fn filters_choose_what_is_shown_and_say_so() {
    let place = debian_12_0();
    let all = place.report(&["dir:root"]);
    let severe = place.report(&["--severity", "high", "dir:root"]);
    let fixed = place.report(&["--only-fixed", "dir:root"]);
    assert_eq!(all["summary"], severe["summary"]);
    assert!(failures(&severe).count() < failures(&all).count());
    assert!(failures(&severe).all(|f| f["severity"] == "high" || f["severity"] == "critical"));
    assert!(failures(&fixed).count() > 0);
    assert!(failures(&fixed).all(|f| f["evidence"][0]["package"]["remedy"] == "fixed"));
    let output = place.run(&["scan", "--severity", "high", "dir:root"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("findings are not shown: below high"), "{said}");
    let output = place.run(&["scan", "--quiet", "--severity", "high", "dir:root"]);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn a_waived_vulnerability_does_not_count() {
    let place = Place::debian(&[("libc6", "2.36-9", "glibc")]);
    let all = place.report(&["dir:root"]);
    let count = failures(&all).count();
    assert!(failures(&all).any(|finding| finding["rule"] == "CVE-2023-4911"));
    place.write(
        "waivers.toml",
        "[[waiver]]\nrule = \"CVE-2023-4911\"\nsubject = \"glibc\"\nreason = \"r\"\nowner = \"o\"\n\
         expires = \"2999-01-01\"\n",
    );
    let some = place.report(&["dir:root", "--waivers", "waivers.toml"]);
    assert_eq!(failures(&some).count(), count - 1);
    assert_eq!(some["waived"][0]["finding"]["rule"], "CVE-2023-4911");
}

#[test]
fn the_fixed_version_is_not_vulnerable() {
    let rules = |version: &str| {
        let report = Place::debian(&[("libc6", version, "glibc")]).report(&["dir:root"]);
        failures(&report).map(|f| f["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let is_in = |rules: Vec<String>| rules.iter().any(|rule| rule == "CVE-2023-4911");
    assert!(is_in(rules("2.36-9+deb12u2")));
    assert!(!is_in(rules("2.36-9+deb12u3")));
}

#[test]
fn a_version_that_cannot_be_compared_is_reported() {
    let place = Place::debian(&[("libc6", "not a version!", "glibc")]);
    let report = place.report(&["dir:root"]);
    let gaps = report["summary"]["gaps"].as_u64().unwrap();
    assert!(gaps >= 1, "{report:#}");
    assert_eq!(place.status(&["scan", "--strict", "dir:root"]), 3);
}

#[test]
fn a_database_that_cannot_be_used_is_an_error() {
    let place = Place::debian(&[("libc6", "2.36-9", "glibc")]);
    place.write("empty.cdb", "");
    place.write("foreign.cdb", &"not a database ".repeat(1000));
    let mut text = String::new();
    for name in ["missing.cdb", "empty.cdb", "foreign.cdb", "root"] {
        text.push_str(&place.transcript(&["scan", "--db", name, "dir:root"]));
    }
    insta::assert_snapshot!("scan_database_errors", text);
}

#[test]
fn the_table_shows_the_worst_first_and_what_to_do() {
    let place = Place::debian(&[("libc6", "2.36-9", "glibc"), ("tar", "1.34+dfsg-1.2", "tar")]);
    let output = place.run(&["scan", "dir:root"]);
    let text = String::from_utf8(output.stdout).unwrap();
    // What changes from day to day.
    let text: String = text
        .lines()
        .filter(|line| !line.starts_with("Data ") && !line.starts_with("Made "))
        .filter(|line| !line.contains(" days old") && *line != "db update'")
        .filter(|line| *line != "update'")
        .map(|line| format!("{line}\n"))
        .collect();
    insta::assert_snapshot!("scan_table", text);
}

#[test]
fn a_vulnerability_is_explained_from_the_database() {
    let place = Place::new(&[]);
    let output = place.run(&["explain", "cve-2023-4911"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("CVE-2023-4911 (") && text.contains("GLIBC_TUNABLES"), "{text}");
    let output = place.run(&["explain", "CVE-1999-99999"]);
    assert_eq!(output.status.code(), Some(2));
}
