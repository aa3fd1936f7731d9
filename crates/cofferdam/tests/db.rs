//! The advisory database: built from copies, put to use, carried elsewhere, asked.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod place;

use std::fs;

use place::Place;
use serde_json::{Value, json};

/// Debian 12 with one package, and a feed in `feed` of one good record, one withdrawn and one
/// that is cut.
fn place() -> Place {
    let place = Place::debian(&[("libexample1", "1.0-1", "example")]);
    let record = |id: &str, withdrawn: Option<&str>| {
        json!({
            "id": id, "modified": "2026-01-02T03:04:05Z", "withdrawn": withdrawn,
            "details": "A title that would \u{1b}[31mcolour\u{1b}[0m the terminal.",
            "affected": [{
                "package": {"ecosystem": "Debian:12", "name": "example"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.0-2"}]}]
            }]
        })
        .to_string()
    };
    place.write("feed/good.json", &record("CVE-2026-0001", None));
    place.write("feed/gone.json", &record("CVE-2026-0002", Some("2026-02-01T00:00:00Z")));
    place.write("feed/cut.json", &record("CVE-2026-0003", None)[..40]);
    place.write(
        "sources.toml",
        "[[source]]\nname = \"example\"\nformat = \"osv\"\npath = \"feed\"\ndate = \"2026-02-03\"\n\
         licence = \"CC0-1.0\"\nurl = \"https://advisories.example/all.zip\"\necosystems = [\"Debian\"]\n",
    );
    place
}

const UPDATE: [&str; 6] = ["db", "update", "--list", "sources.toml", "--from", "."];

fn status(place: &Place) -> Value {
    let output = place.run(&["db", "status", "--verify", "--format", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn vulnerabilities(place: &Place) -> Vec<String> {
    let report = place.report(&["dir:root"]);
    let findings = report["findings"].as_array().unwrap().iter();
    let failures = findings.filter(|finding| finding["status"]["is"] == "fail");
    failures.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_update_names_what_is_broken_and_is_used_from_then_on() {
    let place = place();
    assert_eq!(vulnerabilities(&place), [""; 0], "the starter database knows no such package");
    let output = place.run(&UPDATE);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("3 records read: 1 withdrawn, 0 about other things, 1 broken"), "{said}");
    assert!(said.contains("cut.json"), "the broken record is named: {said}");
    assert_eq!(vulnerabilities(&place), ["CVE-2026-0001"]);
    let first = status(&place);
    assert_eq!((&first["generation"], &first["records"]), (&json!(1), &json!(1)));
    assert_eq!(first["sources"][0]["name"], "example");
    assert!(place.run(&UPDATE).status.success());
    assert_eq!(status(&place)["generation"], 2);
}

#[test]
fn a_database_is_carried_to_another_machine() {
    let (here, there) = (place(), place());
    assert!(here.run(&UPDATE).status.success());
    assert!(here.run(&["db", "export", "carried.cdb"]).status.success());
    let carried = fs::read(here.path().join("carried.cdb")).unwrap();
    fs::write(there.path().join("carried.cdb"), &carried).unwrap();
    assert!(there.run(&["db", "import", "carried.cdb"]).status.success());
    assert_eq!(status(&here), {
        let mut status = status(&there);
        status["database"] = json!(here.path().join("data/db/advisories.cdb"));
        status
    });

    // One that is damaged on the way is refused, and what was in use stays in use.
    let mut damaged = carried;
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    fs::write(there.path().join("carried.cdb"), damaged).unwrap();
    let output = there.run(&["db", "import", "carried.cdb"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(vulnerabilities(&there), ["CVE-2026-0001"]);
}

#[test]
fn a_build_that_fails_changes_nothing() {
    let place = place();
    assert!(place.run(&UPDATE).status.success());
    let list = fs::read_to_string(place.path().join("sources.toml")).unwrap();
    place.write("sources.toml", &list.replace("\"feed\"", "\"absent\""));
    insta::assert_snapshot!("db_update_without_its_source", place.transcript(&UPDATE));
    assert_eq!(status(&place)["generation"], 1);
    let left: Vec<_> = fs::read_dir(place.path().join("data/db")).unwrap().collect();
    assert_eq!(left.len(), 1, "no temporary file stays: {left:?}");
}

#[test]
fn the_database_answers_and_its_text_does_not_steer_the_terminal() {
    let place = place();
    assert!(place.run(&UPDATE).status.success());
    for term in ["CVE-2026-0001", "example"] {
        let output = place.run(&["db", "search", term]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        assert!(text.contains("Debian:12") && text.contains("fixed in 1.0-2"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
    let output = place.run(&["db", "search", "--format", "json", "CVE-2026-0001"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["record"]["id"], "CVE-2026-0001");
    assert_eq!(answer["packages"][0]["package"], "example");
    assert_eq!(place.status(&["db", "search", "absent"]), 1);
}
