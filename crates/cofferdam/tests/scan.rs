//! Scans of small root file systems: gaps, thresholds, waivers, formats, errors.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use std::fs;

use place::Place;

#[test]
fn what_cannot_be_looked_at_is_a_gap_and_fails_only_under_strict() {
    let place = Place::new(&[("etc/motd", "no distribution, no packages")]);
    let report = place.report(&["dir:root"]);
    let gaps: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["rule"].as_str().unwrap())
        .collect();
    assert_eq!(gaps, ["os-not-recognised", "no-package-database"]);
    assert!(report["findings"].as_array().unwrap().iter().all(|f| f["status"]["is"] == "unknown"));
    assert_eq!(report["summary"]["gaps"], 2);
    assert_eq!(place.status(&["scan", "dir:root"]), 0);
    assert_eq!(place.status(&["scan", "--fail-on", "unknown", "dir:root"]), 0);
    assert_eq!(place.status(&["scan", "--strict", "dir:root"]), 3);
}

#[test]
fn a_waiver_covers_a_gap_until_its_day() {
    let place = Place::new(&[]);
    let waiver = |rule: &str, day: &str| {
        format!(
            "[[waiver]]\nrule = \"{rule}\"\nreason = \"scratch\"\nowner = \"me\"\nexpires = \"{day}\"\n"
        )
    };
    let both = |day: &str| waiver("no-package-database", day) + &waiver("os-not-recognised", day);
    place.write("live.toml", &both("2999-12-31"));
    place.write("expired.toml", &both("2020-01-01"));
    place.write("unused.toml", &(both("2999-12-31") + &waiver("CVE-1999-0001", "2999-12-31")));
    let scan = ["scan", "--strict", "dir:root", "--waivers"];
    assert_eq!(place.status(&[&scan[..], &["live.toml"]].concat()), 0);
    assert_eq!(place.status(&[&scan[..], &["expired.toml"]].concat()), 3);
    let report = place.report(&["dir:root", "--waivers", "expired.toml"]);
    assert_eq!(report["expired_waivers"].as_array().unwrap().len(), 2);
    let report = place.report(&["dir:root", "--waivers", "unused.toml"]);
    assert_eq!(report["summary"]["waived"], 2);
    assert_eq!(report["unused_waivers"][0]["rule"], "CVE-1999-0001");
}

#[test]
fn what_cannot_be_used_is_an_error_that_says_what_where_and_why() {
    let place = Place::new(&[]);
    place.write("empty.tar", "");
    place.write("text", "not an image");
    place.write("layout/oci-layout", "{}");
    place.write("waivers.toml", "[[waiver]]\nrule = \"x\"\n");
    let mut text = String::new();
    for arguments in [
        &["scan", "./missing"][..],
        &["scan", "dir:missing"],
        &["scan", "dir:text"],
        &["scan", "text"],
        &["scan", ""],
        &["scan", "oci:"],
        &["scan", "oci:layout"],
        &["scan", "oci:missing"],
        &["scan", "docker-archive:empty.tar"],
        &["scan", "docker-archive:text"],
        &["scan", "oci-archive:missing.tar"],
        &["scan", "NOT//A//REFERENCE"],
        &["scan", "dir:root", "--waivers", "waivers.toml"],
        &["scan", "dir:root", "--waivers", "missing.toml"],
        &["sbom", "dir:missing"],
    ] {
        text.push_str(&place.transcript(arguments));
    }
    insta::assert_snapshot!("scan_errors", text);
}

#[test]
fn the_verdict_is_that_of_the_whole_scan_whatever_is_shown() {
    let place = Place::new(&[]);
    let output = place.run(&["scan", "--strict", "--severity", "critical", "dir:root"]);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn every_format_is_written() {
    let place = Place::debian(&[("libc6", "2.36-9", "glibc")]);
    for (format, begins) in
        [("table", "Target "), ("json", "{"), ("sarif", "{"), ("junit", "<?xml")]
    {
        let output = place.run(&["scan", "--format", format, "dir:root", "-o", "out"]);
        assert!(output.status.success() && output.stdout.is_empty(), "{format}: {output:?}");
        let text = fs::read_to_string(place.path().join("out")).unwrap();
        assert!(text.starts_with(begins), "{format}: {text}");
    }
}

#[test]
fn settings_of_the_project_count() {
    let place = Place::new(&[]);
    place.write("cofferdam.toml", "[scan]\nstrict = true\n");
    assert_eq!(place.status(&["scan", "dir:root"]), 3);
}
