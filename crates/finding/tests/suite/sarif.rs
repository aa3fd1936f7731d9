use std::sync::LazyLock;

use cofferdam_finding::{Report, Severity, Status, render};
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{sample, strategies};

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let mut schema: Value =
        serde_json::from_str(include_str!("../schemas/sarif-2.1.0.json")).unwrap();
    // The pattern of this member has a bracket too many, as published, and is refused as a regular
    // expression. We do not write the member; should we, the validator will want a pattern again.
    let language = schema.pointer_mut("/definitions/run/properties/language").unwrap();
    *language = json!(false);
    let component = schema.pointer_mut("/definitions/toolComponent/properties/language").unwrap();
    *component = json!(false);
    jsonschema::draft7::options().should_validate_formats(true).build(&schema).unwrap()
});

fn written(report: &Report) -> String {
    let mut out = Vec::new();
    render::sarif(report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn run(report: &Report) -> Value {
    let log: Value = serde_json::from_str(&written(report)).unwrap();
    assert_eq!(complaints(&log), [""; 0]);
    log["runs"][0].clone()
}

fn complaints(log: &Value) -> Vec<String> {
    let location =
        |error: jsonschema::ValidationError<'_>| format!("{}: {error}", error.instance_path());
    VALIDATOR.iter_errors(log).map(location).collect()
}

fn result<'a>(run: &'a Value, rule: &str) -> &'a Value {
    run["results"].as_array().unwrap().iter().find(|result| result["ruleId"] == rule).unwrap()
}

#[test]
fn everything_as_sarif() {
    let report = sample::report();
    assert!(run(&report).is_object());
    insta::assert_snapshot!(written(&report));
}

#[test]
fn the_schema_notices_what_is_wrong() {
    let mut log: Value = serde_json::from_str(&written(&sample::report())).unwrap();
    log["runs"][0]["results"][0]["level"] = json!("severe");
    assert_ne!(complaints(&log), [""; 0]);
    log["runs"][0]["results"][0]["level"] = json!("error");
    assert_eq!(complaints(&log), [""; 0]);
    let file = "/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri";
    *log.pointer_mut(file).unwrap() = json!("a b");
    assert_ne!(complaints(&log), [""; 0]);
}

#[test]
fn a_waived_finding_is_a_suppressed_result_and_an_open_one_is_not() {
    let run = run(&sample::report());
    assert_eq!(
        result(&run, "CVE-2025-1001")["suppressions"][0]["justification"],
        "waived by web team until 2026-12-31: deflate64 is not compiled in"
    );
    assert_eq!(result(&run, "CVE-2025-2002")["suppressions"], json!([]));
}

#[test]
fn gaps_and_stale_data_are_notifications() {
    let run = run(&sample::report());
    let notifications = run["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    let texts: Vec<&str> = notifications
        .iter()
        .map(|notification| notification["message"]["text"].as_str().unwrap())
        .collect();
    assert_eq!(
        texts,
        [
            "could not look at 'var/lib/rpm/rpmdb.sqlite': page 12 is cut off",
            "the data of kev is 691 days old: vulnerabilities published since are missing; update \
             it with 'cofferdam db update'",
        ]
    );
    let descriptor = &notifications[0]["descriptor"];
    let index = usize::try_from(descriptor["index"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["notifications"][index]["id"], descriptor["id"]);
}

#[test]
fn a_link_in_a_name_is_none_in_a_message() {
    let title = "[click](https://evil.example)";
    let finding = sample::finding("CVE-2025-1", "a", Severity::High, title);
    let run = run(&sample::report_of(vec![finding]));
    let text = run["results"][0]["message"]["text"].as_str().unwrap();
    assert_eq!(text, "[click] (https://evil.example)");
}

#[test]
fn a_package_that_two_advisories_match_is_in_one_location() {
    let mut finding = sample::finding("CVE-2025-1", "zlib", Severity::High, "");
    for fixed in ["", "2"] {
        finding.evidence.push(sample::affected("zlib1g", "zlib", "1", fixed));
    }
    let run = run(&sample::report_of(vec![finding]));
    let locations = run["results"][0]["locations"].as_array().unwrap();
    assert_eq!(locations.len(), 1);
    assert_eq!(locations[0]["logicalLocations"].as_array().unwrap().len(), 1);
}

#[test]
fn severities_have_the_numbers_that_services_sort_by() {
    let run = run(&sample::report());
    for (rule, level, number) in [
        ("CVE-2025-999", "error", json!("9.5")),
        ("CVE-2025-2002", "error", json!("8.0")),
        ("CVE-2025-1001", "warning", json!("5.5")),
        ("CVE-2025-3", "note", json!("2.0")),
        ("image-user-root", "note", json!("0.0")),
        ("CVE-2026-70001", "warning", Value::Null),
    ] {
        let result = result(&run, rule);
        assert_eq!(result["level"], level, "{rule}");
        assert_eq!(result["properties"]["security-severity"], number, "{rule}");
    }
}

proptest! {
    // Validating a log takes milliseconds: fewer cases than elsewhere.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_report_is_valid_sarif_with_a_result_a_failure(report in strategies::report()) {
        let run = run(&report);
        let results = run["results"].as_array().unwrap();
        let decision = &report.decision;
        let waived = decision.waived.iter().map(|waived| &waived.finding);
        let closed = decision.suppressed.iter().map(|closed| &closed.finding);
        let all = decision.findings.iter().chain(waived).chain(closed).chain(&decision.known);
        let failures = all.filter(|finding| finding.status == Status::Fail).count();
        prop_assert_eq!(results.len(), failures);
        for result in results {
            if let Some(index) = result["ruleIndex"].as_u64() {
                let index = usize::try_from(index).unwrap();
                prop_assert_eq!(&run["tool"]["driver"]["rules"][index]["id"], &result["ruleId"]);
            } else {
                prop_assert!(report.rules.iter().all(|rule| rule.id != result["ruleId"].as_str().unwrap()));
            }
        }
    }
}
