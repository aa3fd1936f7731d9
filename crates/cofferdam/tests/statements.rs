//! VEX, baselines, differences and upgrades on the command line.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod place;

use place::Place;
use serde_json::{Value, json};

fn glibc(version: &str) -> Place {
    Place::debian(&[("libc6", version, "glibc"), ("tar", "1.34+dfsg-1.2", "tar")])
}

fn has(report: &Value, list: &str, rule: &str) -> bool {
    let findings = report[list].as_array().into_iter().flatten();
    let rule_of = |one: &Value| one.get("finding").unwrap_or(one)["rule"].clone();
    findings.into_iter().any(|one| rule_of(one) == rule)
}

fn text(place: &Place, arguments: &[&str]) -> String {
    String::from_utf8(place.run(arguments).stdout).unwrap()
}

fn write_vex(place: &Place, path: &str, statements: Value) {
    let document = json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "x", "author": "a",
        "timestamp": "2026-01-01T00:00:00Z", "version": 1, "statements": statements,
    });
    place.write(path, &document.to_string());
}

#[test]
fn statements_close_findings_and_are_shown() {
    let place = glibc("2.36-9");
    write_vex(
        &place,
        "a.json",
        json!([
            {"vulnerability": {"name": "CVE-2023-4911"}, "status": "not_affected",
             "justification": "inline_mitigations_already_exist", "products": [{"@id": "pkg:deb/debian/libc6?distro=debian-12"}]},
            {"vulnerability": {"name": "CVE-2023-4911"}, "status": "fixed", "products": [{"@id": "pkg:deb/debian/other"}]},
            {"vulnerability": {"name": "CVE-2023-4911"}, "status": "wrong", "products": [{"@id": "pkg:deb/debian/libc6"}]},
        ]),
    );
    let report = place.report(&["--vex", "a.json", "dir:root"]);
    assert!(has(&report, "suppressed", "CVE-2023-4911"));
    assert!(!has(&report, "findings", "CVE-2023-4911"));
    assert_eq!(report["summary"]["suppressed"], 1);
    assert_eq!(report["vex"]["matched"], 1);
    assert_eq!(report["vex"]["unmatched"].as_array().unwrap().len(), 1);
    assert!(has(&report, "findings", "vex-not-understood"));
    let table = text(&place, &["scan", "--vex", "a.json", "dir:root"]);
    for part in [
        "Closed by VEX statements (1)",
        "VEX statements that are about nothing here (1)",
        "1 closed by VEX",
    ] {
        assert!(table.contains(part), "{part}: {table}");
    }
    let sarif: Value = serde_json::from_str(&text(
        &place,
        &["scan", "--format", "sarif", "--vex", "a.json", "dir:root"],
    ))
    .unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let closed = results.iter().find(|one| one["ruleId"] == "CVE-2023-4911").unwrap();
    let justification = closed["suppressions"][0]["justification"].as_str().unwrap();
    assert!(justification.contains("a.json says not_affected"), "{justification}");
    let why = text(&place, &["scan", "--why", "CVE-2023-4911", "--vex", "a.json", "dir:root"]);
    assert!(why.contains("closed by a.json, which says not_affected"), "{why}");
}

#[test]
fn documents_are_a_setting_and_the_flag_may_be_repeated() {
    let place = glibc("2.36-9");
    let statement = |status: &str, time: &str| {
        json!([{"vulnerability": {"name": "CVE-2023-4911"}, "status": status, "timestamp": time,
            "products": [{"@id": "pkg:deb/debian/libc6"}], "impact_statement": "i", "action_statement": "a"}])
    };
    write_vex(&place, "vex/old.json", statement("fixed", "2026-01-01T00:00:00Z"));
    write_vex(&place, "vex/new.json", statement("affected", "2026-02-01T00:00:00Z"));
    let both = place.report(&["--vex", "vex/old.json", "--vex", "vex/new.json", "dir:root"]);
    assert!(has(&both, "findings", "CVE-2023-4911"), "the newer one counts");
    assert_eq!(both["findings"][0]["context"]["vex"][0]["status"], "affected");
    place.write("cofferdam.toml", "[scan]\nvex = \"vex/old.json, vex/new.json\"\n");
    assert_eq!(
        place.report(&["dir:root"])["vex"]["documents"],
        json!(["vex/old.json", "vex/new.json"])
    );
    let one = place.report(&["--vex", "vex/old.json", "dir:root"]);
    assert!(has(&one, "suppressed", "CVE-2023-4911"), "a flag replaces the setting");
    place.write("broken.json", "{");
    let output = place.run(&["scan", "--vex", "broken.json", "dir:root"]);
    assert_eq!(output.status.code(), Some(2), "no scan on half of what was asked for");
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("could not read VEX document 'broken.json'"), "{said}");
}

#[test]
fn what_is_written_as_vex_closes_what_was_waived_with_a_justification() {
    let place = glibc("2.36-9");
    place.write(
        "waivers.toml",
        "[[waiver]]\nrule = \"CVE-2023-4911\"\nreason = \"no set-user-id programs\"\nowner = \"o\"\n\
         justification = \"vulnerable_code_not_in_execute_path\"\nexpires = \"2999-01-01\"\n",
    );
    for format in ["openvex", "cyclonedx-vex"] {
        let arguments =
            ["scan", "--format", format, "--waivers", "waivers.toml", "-o", "out.json", "dir:root"];
        assert_eq!(place.status(&arguments), 0);
        let report = place.report(&["--vex", "out.json", "dir:root"]);
        assert!(has(&report, "suppressed", "CVE-2023-4911"), "{format}");
        assert_eq!(report["summary"]["suppressed"], 1, "{format}");
    }
}

#[test]
fn a_baseline_leaves_only_what_is_new_to_decide() {
    let place = glibc("2.36-9");
    assert_eq!(place.status(&["scan", "--format", "json", "-o", "before.json", "dir:root"]), 0);
    let failing = ["scan", "--fail-on", "low", "--baseline", "before.json", "dir:root"];
    assert_eq!(place.status(&failing), 0, "all is known");
    let same = place.report(&["--baseline", "before.json", "dir:root"]);
    assert_eq!(same["summary"]["critical"], 0);
    assert!(same["summary"]["known"].as_u64().unwrap() > 0);
    assert!(has(&same, "known", "CVE-2023-4911"));
    place.write(
        "root/var/lib/dpkg/status",
        "Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 7.88.1-10\n\n",
    );
    assert_eq!(place.status(&failing), 1, "curl is new");
    let now = place.report(&["--baseline", "before.json", "dir:root"]);
    assert!(now["baseline"]["gone"].as_u64().unwrap() > 0);
    assert!(now["findings"].as_array().unwrap().iter().all(|one| one["subject"] != "glibc"));
    place.write("no-report.json", "{}");
    assert_eq!(place.status(&["scan", "--baseline", "no-report.json", "dir:root"]), 2);
}

#[test]
fn a_difference_names_its_reasons() {
    let place = glibc("2.36-9");
    assert_eq!(place.status(&["scan", "--format", "json", "-o", "before.json", "dir:root"]), 0);
    let status = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.36-9+deb12u9\nSource: glibc\n\n\
                  Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 7.88.1-10\n\n";
    place.write("root/var/lib/dpkg/status", status);
    let output = text(&place, &["scan", "--diff", "before.json", "--format", "json", "dir:root"]);
    let diff: Value = serde_json::from_str(&output).unwrap();
    let cause = |list: &str, subject: &str| {
        let changes = diff[list].as_array().unwrap();
        changes.iter().find(|one| one["subject"] == subject).unwrap()["cause"].clone()
    };
    assert_eq!(cause("new", "curl"), "package-added");
    assert_eq!(cause("gone", "glibc"), "package-changed");
    assert_eq!(cause("gone", "tar"), "package-removed");
    let table = text(&place, &["scan", "--diff", "before.json", "dir:root"]);
    assert!(table.contains("package changed: from 2.36-9 to 2.36-9+deb12u9"), "{table}");
    assert!(table.trim_end().ends_with("unchanged"), "{table}");
}

#[test]
fn upgrades_close_most_and_are_the_smallest() {
    let place = glibc("2.36-9");
    let report = place.report(&["dir:root"]);
    let upgrades = report["upgrades"].as_array().unwrap();
    let glibc = upgrades.iter().find(|one| one["subject"] == "glibc").unwrap();
    let closes = glibc["closes"].as_array().unwrap();
    assert!(closes.iter().any(|id| id == "CVE-2023-4911"), "{glibc}");
    assert_eq!(glibc["exploited"], 1);
    assert!(glibc["command"].as_str().unwrap().ends_with("--only-upgrade libc6"), "{glibc}");
    let to = glibc["to"].as_str().unwrap();
    // Upgraded to it, what it closes is gone, and what it leaves is there.
    let after = Place::debian(&[("libc6", to, "glibc")]).report(&["dir:root"]);
    for id in closes {
        assert!(!has(&after, "findings", id.as_str().unwrap()), "{id} is closed");
    }
    for id in glibc["leaves"].as_array().unwrap() {
        assert!(has(&after, "findings", id.as_str().unwrap()), "{id} is left");
    }
    let table = text(&place, &["scan", "--upgrades", "dir:root"]);
    assert!(table.contains("Upgrades: the smallest that close most"), "{table}");
    assert!(!text(&place, &["scan", "dir:root"]).contains("Upgrades:"));
}
