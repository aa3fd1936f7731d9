//! Packages of languages and bills of materials, from the command line.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod place;

use std::collections::BTreeSet;

use place::{OS_RELEASE, Place};
use serde_json::Value;

const METADATA: &str = "Metadata-Version: 2.1\nName: Jinja2\nVersion: 2.11.2\n\n";
const STATUS: &str = "Package: python3-jinja2\nStatus: install ok installed\nArchitecture: all\n\
                      Version: 2.11.2-1\nSource: jinja2\n\n";
const OWNED: &str = "usr/lib/python3/dist-packages/Jinja2-2.11.2.dist-info/METADATA";

fn subjects(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let failures = findings.filter(|finding| finding["status"]["is"] == "fail");
    failures.map(|finding| finding["subject"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn languages_are_found_beside_the_distribution_and_not_twice() {
    let place = Place::new(&[
        ("etc/os-release", OS_RELEASE),
        ("var/lib/dpkg/status", STATUS),
        ("var/lib/dpkg/info/python3-jinja2.list", &format!("/.\n/usr\n/{OWNED}\n")),
        (OWNED, METADATA),
        ("srv/app/node_modules/lodash/package.json", r#"{"name":"lodash","version":"4.17.15"}"#),
        (
            "srv/app/package-lock.json",
            r#"{"packages":{"":{},"node_modules/lodash":{"version":"4.17.15"},"node_modules/minimist":{"version":"1.2.5"}}}"#,
        ),
    ]);
    let report = place.report(&["dir:root"]);
    let names = subjects(&report);
    assert!(names.contains("npm:lodash") && names.contains("npm:minimist"), "{names:?}");
    assert!(!names.contains("pypi:jinja2"), "{names:?}");
    let packages = report["packages"].as_array().unwrap();
    let package = |name: &str| packages.iter().filter(|p| p["name"] == name).collect::<Vec<_>>();
    assert_eq!(package("jinja2").len(), 1);
    assert_eq!(package("jinja2")[0]["owner"], "python3-jinja2");
    assert_eq!(package("lodash").len(), 1);
    assert_eq!(package("lodash")[0]["location"], "srv/app/node_modules/lodash/package.json");
    assert_eq!(package("minimist")[0]["declared"], true);
    let sources = report["data"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap());
    assert_eq!(sources.collect::<Vec<_>>(), ["debian-osv", "pypi-osv", "npm-osv", "kev"]);

    // The same, installed by hand where the distribution knows nothing of it.
    place.write(
        "root/usr/local/lib/python3.9/site-packages/Jinja2-2.11.2.dist-info/METADATA",
        METADATA,
    );
    assert!(subjects(&place.report(&["dir:root"])).contains("pypi:jinja2"));
}

#[test]
fn a_bill_of_materials_gives_the_findings_of_what_it_was_made_of() {
    let place = Place::new(&[
        ("etc/os-release", OS_RELEASE),
        ("var/lib/dpkg/status", STATUS),
        ("srv/node_modules/lodash/package.json", r#"{"name":"lodash","version":"4.17.15"}"#),
    ]);
    let of_tree = subjects(&place.report(&["dir:root"]));
    assert!(of_tree.contains("npm:lodash") && of_tree.contains("jinja2"), "{of_tree:?}");
    for format in ["cyclonedx", "spdx"] {
        assert_eq!(place.status(&["sbom", "--format", format, "-o", "bill.json", "dir:root"]), 0);
        assert_eq!(subjects(&place.report(&["sbom:bill.json"])), of_tree, "{format}");
    }
    place.write("list.txt", "pkg:npm/lodash@4.17.15\npkg:npm/none\n");
    assert_eq!(subjects(&place.report(&["sbom:list.txt"])), ["npm:lodash".to_owned()].into());
    place.write("other.json", "{}");
    let text =
        ["sbom:other.json", "sbom:missing.json"].map(|target| place.transcript(&["scan", target]));
    insta::assert_snapshot!("bills_that_are_none", text.concat());
}

/// A tree without a distribution is no failure to find one.
#[test]
fn a_project_is_no_broken_distribution() {
    let place = Place::new(&[(
        "Cargo.lock",
        "[[package]]\nname = \"time\"\nversion = \"0.1.40\"\nsource = \"registry\"\n",
    )]);
    let report = place.report(&["dir:root"]);
    assert_eq!(subjects(&report), ["cargo:time".to_owned()].into());
    let gaps: BTreeSet<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|f| f["status"]["is"] == "unknown")
        .map(|f| f["rule"].as_str().unwrap())
        .collect();
    assert_eq!(gaps, ["advisory-data-stale"].into());
}
