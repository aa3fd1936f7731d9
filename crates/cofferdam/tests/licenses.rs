//! A policy on licences.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod place;

use place::Place;
use serde_json::Value;

fn of<'a>(report: &'a Value, rule: &str) -> Vec<&'a str> {
    let findings = report["findings"].as_array().expect("a report has findings");
    let of_rule = findings.iter().filter(|finding| finding["rule"] == rule);
    of_rule.filter_map(|finding| finding["subject"].as_str()).collect()
}

#[test]
fn licences_of_debian_are_judged_by_the_policy() {
    let place = Place::debian(&[("liba", "1-1", "a"), ("libb", "1-1", "b"), ("libc", "1-1", "c")]);
    let readable = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n\
                    Files: *\nLicense: GPL-3+\n";
    place.write("root/usr/share/doc/liba/copyright", readable);
    place.write("root/usr/share/doc/libb/copyright", &readable.replace("GPL-3+", "MIT or GPL-3+"));
    let none = place.report(&["dir:root"]);
    assert_eq!(of(&none, "license-denied"), [""; 0]);
    assert_eq!(of(&none, "license-unknown"), [""; 0]);
    place.write("cofferdam.toml", "[scan]\ndeny-licenses = \"GPL-*, AGPL-*\"\n");
    let report = place.report(&["dir:root"]);
    assert_eq!(of(&report, "license-denied"), ["deb:liba"]);
    assert_eq!(of(&report, "license-unknown"), ["var/lib/dpkg/status"]);
    let packages = report["packages"].as_array().expect("a report has packages");
    assert_eq!(packages[1]["licenses"][0], "MIT or GPL-3+");
    assert_eq!(place.status(&["scan", "--fail-on", "medium", "dir:root"]), 1);
    assert_eq!(place.status(&["explain", "license-denied"]), 0);
}
