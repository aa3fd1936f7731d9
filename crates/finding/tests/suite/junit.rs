use cofferdam_finding::{Policy, Report, Severity, Status, render};
use proptest::prelude::*;
use roxmltree::{Document, Node};

use crate::{sample, strategies};

fn written(report: &Report) -> String {
    let mut out = Vec::new();
    render::junit(report, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn count(document: &Document<'_>, element: &str) -> usize {
    document.descendants().filter(|node| node.has_tag_name(element)).count()
}

/// Parses a report and checks the numbers in its head against what follows.
fn check(text: &str) -> Result<(), String> {
    let document = Document::parse(text).map_err(|error| format!("{error}: {text}"))?;
    let suites = ["testsuites", "testsuite"];
    for suite in document.descendants().filter(|node| suites.contains(&node.tag_name().name())) {
        for (attribute, element) in [
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ] {
            let said = suite.attribute(attribute).unwrap_or_default();
            let counted = count(&document, element);
            if said != counted.to_string() {
                return Err(format!("{attribute} is '{said}' and not {counted}: {text}"));
            }
        }
    }
    if count(&document, "testsuite") == 1 { Ok(()) } else { Err("no suite".to_owned()) }
}

#[test]
fn everything_as_junit() {
    let text = written(&sample::report());
    check(&text).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn the_check_notices_what_is_wrong() {
    let text = written(&sample::report());
    assert!(check(&text.replacen("&lt;", "<", 1)).is_err());
    assert!(check(&text.replacen("failures=\"6\"", "failures=\"5\"", 1)).is_err());
    assert!(check(&text.replacen("</testcase>", "", 1)).is_err());
}

#[test]
fn a_gap_is_an_error_where_the_run_is_strict_and_skipped_otherwise() {
    for (strict, element) in [(false, "skipped"), (true, "error")] {
        let mut report = sample::report();
        report.decision.policy = Policy { strict, ..report.decision.policy };
        let text = written(&report);
        check(&text).unwrap();
        let document = Document::parse(&text).unwrap();
        let case = case(&document, "coverage-unreadable");
        let outcome = case.first_element_child().unwrap();
        assert_eq!(outcome.tag_name().name(), element);
        assert_eq!(outcome.attribute("message"), Some("page 12 is cut off"));
    }
}

#[test]
fn findings_that_a_caller_leaves_out_are_not_counted() {
    let mut report = sample::report();
    report.decision.findings.retain(|finding| finding.severity >= Severity::High);
    let text = written(&report);
    check(&text).unwrap();
    assert!(text.contains(r#"failures="3""#), "{text}");
}

fn case<'a, 'input>(document: &'a Document<'input>, name: &str) -> Node<'a, 'input> {
    document.descendants().find(|node| node.attribute("name") == Some(name)).unwrap()
}

#[test]
fn text_comes_back_out_of_the_xml() {
    let text = written(&sample::report());
    let document = Document::parse(&text).unwrap();
    let failure = case(&document, "CVE-2025-10000").first_element_child().unwrap();
    assert_eq!(
        failure.attribute("message"),
        Some("Buffer overflow in the iconv() function <of \"glibc\" & others>")
    );
    let hostile = case(&document, "CVE-2025-3");
    assert_eq!(hostile.attribute("classname"), Some("evil\\x1b[2J\\u{202e}name"));
}

#[test]
fn a_report_without_findings_has_a_test() {
    let report = sample::report_of(Vec::new());
    let text = written(&report);
    check(&text).unwrap();
    assert!(text.contains(r#"tests="1" failures="0" errors="0" skipped="0""#));
}

proptest! {
    #[test]
    fn any_report_is_well_formed(report in strategies::report()) {
        let text = written(&report);
        check(&text).map_err(TestCaseError::fail)?;
        let document = Document::parse(&text).unwrap();
        let failures = report.decision.findings.iter();
        let failures = failures.filter(|finding| finding.status == Status::Fail).count();
        prop_assert_eq!(count(&document, "failure"), failures);
    }
}
