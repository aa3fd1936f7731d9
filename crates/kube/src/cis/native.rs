//! Results as kube-bench writes them, field by field: for programs that read those.

use std::fmt::Write as _;

use serde::{Serialize, Serializer};

use super::{
    check::{Checked, GroupResults, Results, State},
    printed::escaped,
};

/// kube-bench has no word for what could not be decided; it warns.
fn word(state: State) -> &'static str {
    match state {
        State::Pass => "PASS",
        State::Fail => "FAIL",
        State::Warn | State::Unknown => "WARN",
        State::Info => "INFO",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    controls: Vec<Section<'a>>,
    totals: Totals,
}

#[derive(Serialize)]
struct Section<'a> {
    id: &'a str,
    version: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detected_version: &'a str,
    text: &'a str,
    node_type: &'a str,
    #[serde(serialize_with = "null_if_empty")]
    tests: Vec<Group<'a>>,
    #[serde(flatten)]
    totals: Totals,
}

#[derive(Debug, Default, Serialize)]
struct Totals {
    total_pass: usize,
    total_fail: usize,
    total_warn: usize,
    total_info: usize,
}

#[derive(Serialize)]
struct Group<'a> {
    section: &'a str,
    r#type: &'a str,
    pass: usize,
    fail: usize,
    warn: usize,
    info: usize,
    desc: &'a str,
    results: Vec<Check<'a>>,
}

#[derive(Serialize)]
struct Check<'a> {
    test_number: &'a str,
    test_desc: &'a str,
    audit: &'a str,
    #[serde(rename = "AuditEnv")]
    audit_env: &'a str,
    #[serde(rename = "AuditConfig")]
    audit_config: &'a str,
    r#type: &'a str,
    remediation: &'a str,
    test_info: [&'a str; 1],
    status: &'static str,
    actual_value: &'a str,
    scored: bool,
    #[serde(rename = "IsMultiple")]
    is_multiple: bool,
    expected_result: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
}

fn null_if_empty<S: Serializer>(groups: &[Group<'_>], serializer: S) -> Result<S::Ok, S::Error> {
    if groups.is_empty() { serializer.serialize_none() } else { groups.serialize(serializer) }
}

/// One line of JSON, as `kube-bench --json`.
pub fn json(results: &[Results]) -> String {
    let results = in_order(results);
    let document = Document {
        totals: totals(results.iter().flat_map(|one| one.checks())),
        controls: results.into_iter().map(section).collect(),
    };
    escaped(&serde_json::to_string(&document).unwrap_or_default()) + "\n"
}

/// By the numbers of the sections.
fn in_order(results: &[Results]) -> Vec<&Results> {
    let mut results: Vec<&Results> = results.iter().collect();
    results.sort_by_key(|one| one.controls.id.parse::<u32>().unwrap_or_default());
    results
}

fn totals<'a>(checks: impl Iterator<Item = &'a Checked>) -> Totals {
    let mut totals = Totals::default();
    for checked in checks {
        *match checked.state {
            State::Pass => &mut totals.total_pass,
            State::Fail => &mut totals.total_fail,
            State::Warn | State::Unknown => &mut totals.total_warn,
            State::Info => &mut totals.total_info,
        } += 1;
    }
    totals
}

fn section(results: &Results) -> Section<'_> {
    let controls = &results.controls;
    Section {
        id: &controls.id,
        version: &controls.version,
        detected_version: &results.detected,
        text: &controls.text,
        node_type: &controls.section,
        tests: results.groups.iter().map(group).collect(),
        totals: totals(results.checks()),
    }
}

fn group(results: &GroupResults) -> Group<'_> {
    let totals = totals(results.checks.iter());
    Group {
        section: &results.id,
        r#type: "",
        pass: totals.total_pass,
        fail: totals.total_fail,
        warn: totals.total_warn,
        info: totals.total_info,
        desc: &results.text,
        results: results.checks.iter().map(check).collect(),
    }
}

fn check(checked: &Checked) -> Check<'_> {
    let check = &checked.check;
    Check {
        test_number: &check.id,
        test_desc: &check.text,
        audit: &check.audit,
        audit_env: &check.audit_env,
        audit_config: &check.audit_config,
        r#type: &check.kind,
        remediation: &check.remediation,
        test_info: [&check.remediation],
        status: word(checked.state),
        actual_value: &checked.actual,
        scored: check.scored,
        is_multiple: check.multiple,
        expected_result: &checked.expected,
        reason: &checked.reason,
    }
}

/// As `kube-bench --junit`: a suite a section, each check with its JSON as output.
pub fn junit(results: &[Results]) -> String {
    let mut out = String::from("<testsuites>\n");
    for results in in_order(results) {
        suite(results, &mut out);
    }
    out + "\n</testsuites>\n"
}

fn suite(results: &Results, out: &mut String) {
    let (all, failed) = (results.checks().count(), results.count(State::Fail));
    let name = xml(&results.controls.text);
    // Writing to a text cannot fail.
    let _ = write!(
        out,
        "  <testsuite name=\"{name}\" tests=\"{all}\" failures=\"{failed}\" errors=\"0\" time=\"0\">"
    );
    for group in &results.groups {
        for checked in &group.checks {
            let title = xml(&format!("{} {}", checked.check.id, checked.check.text));
            let class = xml(&group.text);
            let _ =
                write!(out, "\n      <testcase name=\"{title}\" classname=\"{class}\" time=\"0\">");
            match checked.state {
                State::Fail => {
                    let message = xml(&checked.check.remediation);
                    let _ = write!(out, "\n          <failure type=\"\">{message}</failure>");
                }
                State::Warn | State::Unknown | State::Info => {
                    out.push_str("\n          <skipped></skipped>");
                }
                State::Pass => {}
            }
            let json = escaped(&serde_json::to_string(&check(checked)).unwrap_or_default());
            let _ = write!(
                out,
                "\n          <system-out>{}</system-out>\n      </testcase>",
                xml(&json)
            );
        }
    }
    out.push_str("\n  </testsuite>");
}

/// Escapes as Go's `encoding/xml`.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' => out.push_str("&#x9;"),
            '\n' => out.push_str("&#xA;"),
            '\r' => out.push_str("&#xD;"),
            letter if u32::from(letter) < 0x20 || matches!(letter, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cis::controls::{self, Controls};

    fn results() -> Vec<Results> {
        let check = controls::Check {
            id: "1.1".into(),
            text: "a <b>".into(),
            remediation: "do \"c\"\n".into(),
            scored: true,
            ..controls::Check::default()
        };
        let checked = |state| Checked {
            check: check.clone(),
            state,
            actual: "x&y".into(),
            expected: String::new(),
            reason: String::new(),
        };
        let group = GroupResults {
            id: "1".into(),
            text: "g".into(),
            checks: vec![checked(State::Fail), checked(State::Unknown), checked(State::Info)],
        };
        let controls = Controls { id: "1".into(), text: "t".into(), ..Controls::default() };
        vec![
            Results {
                controls: Controls { id: "2".into(), ..Controls::default() },
                ..Results::default()
            },
            Results { controls, detected: "1.30".into(), groups: vec![group] },
        ]
    }

    #[test]
    fn json_has_the_fields_of_kube_bench_in_their_order() {
        let json = json(&results());
        assert!(json.starts_with(
            "{\"Controls\":[{\"id\":\"1\",\"version\":\"\",\"detected_version\":\"1.30\",\"text\":\"t\",\
             \"node_type\":\"\",\"tests\":[{\"section\":\"1\",\"type\":\"\",\"pass\":0,\"fail\":1,\"warn\":1,\
             \"info\":1,\"desc\":\"g\",\"results\":[{\"test_number\":\"1.1\",\"test_desc\":\"a \\u003cb\\u003e\",\
             \"audit\":\"\",\"AuditEnv\":\"\",\"AuditConfig\":\"\",\"type\":\"\",\"remediation\":\"do \\\"c\\\"\\n\",\
             \"test_info\":[\"do \\\"c\\\"\\n\"],\"status\":\"FAIL\",\"actual_value\":\"x\\u0026y\",\"scored\":true,\
             \"IsMultiple\":false,\"expected_result\":\"\"}"
        ), "{json}");
        assert!(json.ends_with(
            "{\"id\":\"2\",\"version\":\"\",\"text\":\"\",\"node_type\":\"\",\"tests\":null,\"total_pass\":0,\
             \"total_fail\":0,\"total_warn\":0,\"total_info\":0}],\"Totals\":{\"total_pass\":0,\"total_fail\":1,\
             \"total_warn\":1,\"total_info\":1}}\n"
        ), "{json}");
    }

    #[test]
    fn junit_counts_failures_and_skips() {
        let xml = junit(&results());
        assert!(xml.contains("tests=\"3\" failures=\"1\""));
        assert_eq!(xml.matches("<skipped>").count(), 2);
        assert!(xml.contains("<failure type=\"\">do &#34;c&#34;&#xA;</failure>"));
    }
}
