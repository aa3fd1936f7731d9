//! JUnit XML, as continuous integration services read it. There is no standard; this is what the
//! readers of Jenkins, GitLab and GitHub's actions have in common.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use time::macros::format_description;

use super::{detail, text::escape};
use crate::{Decision, Finding, Report, Status, WaivedFinding};

/// Writes the report as JUnit XML: a test suite for the target, a test case a finding.
///
/// A failure is a `failure`, whatever its severity. A gap is an `error` under `--strict` and
/// `skipped` otherwise; what is waived or does not apply is `skipped`. The first test case stands
/// for the run itself, for services that refuse an empty suite.
///
/// # Errors
///
/// The writer fails.
pub fn junit(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let counts = counts(report);
    let name = attribute(&report.target.name);
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(out, r#"<testsuites name="cofferdam" {counts}>"#)?;
    writeln!(out, r#"  <testsuite name="{name}" {counts}{}>"#, timestamp(report))?;
    properties(report, out)?;
    writeln!(out, r#"    <testcase classname="cofferdam" name="looked at {name}"/>"#)?;
    for finding in &report.decision.findings {
        test_case(finding, report.decision.policy.strict, out)?;
    }
    for waived in &report.decision.waived {
        waived_case(waived, out)?;
    }
    for closed in &report.decision.suppressed {
        outcome("skipped", &closed.finding, &detail::closed(&closed.statement), out)?;
    }
    for known in &report.decision.known {
        outcome("skipped", known, "known before", out)?;
    }
    writeln!(out, "  </testsuite>\n</testsuites>")
}

/// Counted from the findings that follow and not from the summary: a caller may show some only.
fn counts(report: &Report) -> String {
    let Decision { findings, waived, suppressed, known, policy, .. } = &report.decision;
    let aside = waived.len() + suppressed.len() + known.len();
    let count = |wanted: fn(&Status) -> bool| {
        findings.iter().filter(|finding| wanted(&finding.status)).count()
    };
    let gaps = count(|status| matches!(status, Status::Unknown { .. }));
    let (errors, skipped_gaps) = if policy.strict { (gaps, 0) } else { (0, gaps) };
    let not_applicable = count(|status| matches!(status, Status::NotApplicable { .. }));
    format!(
        r#"tests="{}" failures="{}" errors="{errors}" skipped="{}""#,
        1 + findings.len() + aside,
        count(|status| *status == Status::Fail),
        skipped_gaps + not_applicable + aside,
    )
}

/// Time without a zone, in UTC: the schema of Jenkins' reader has none.
fn timestamp(report: &Report) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    detail::created(report)
        .and_then(|created| created.format(format).ok())
        .map_or_else(String::new, |created| format!(r#" timestamp="{created}""#))
}

fn properties(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "    <properties>")?;
    let tool = format!("{} {}", report.tool.name, report.tool.version);
    property("tool", &tool, out)?;
    for (name, value) in [("digest", &report.target.digest), ("os", &report.target.os)] {
        if let Some(value) = value {
            property(name, value, out)?;
        }
    }
    for source in &report.data {
        property("data", &detail::data(source), out)?;
    }
    for warning in detail::data_warnings(report) {
        property("warning", &warning, out)?;
    }
    writeln!(out, "    </properties>")
}

fn property(name: &str, value: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, r#"      <property name="{name}" value="{}"/>"#, attribute(value))
}

fn test_case(finding: &Finding, strict: bool, out: &mut dyn Write) -> io::Result<()> {
    let title = detail::title(finding);
    match &finding.status {
        Status::Pass => writeln!(out, "    {}/>", case_head(finding)),
        Status::Fail => outcome("failure", finding, &title, out),
        Status::Unknown { gap } => {
            outcome(if strict { "error" } else { "skipped" }, finding, gap, out)
        }
        Status::NotApplicable { why } => outcome("skipped", finding, why, out),
    }
}

fn waived_case(waived: &WaivedFinding, out: &mut dyn Write) -> io::Result<()> {
    outcome("skipped", &waived.finding, &detail::waived(&waived.waiver), out)
}

fn case_head(finding: &Finding) -> String {
    let (subject, rule) = (attribute(&finding.subject), attribute(&finding.rule));
    format!(r#"<testcase classname="{subject}" name="{rule}""#)
}

/// A test case with an outcome: a message, and a text of one line for each piece of evidence.
fn outcome(element: &str, finding: &Finding, message: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "    {}>", case_head(finding))?;
    let kind = if element == "skipped" {
        String::new()
    } else {
        format!(r#" type="{}""#, finding.severity)
    };
    write!(out, r#"      <{element} message="{}"{kind}>"#, attribute(message))?;
    let lines: Vec<String> =
        detail::lines(finding).iter().map(|line| attribute(line).into_owned()).collect();
    writeln!(out, "{}</{element}>\n    </testcase>", lines.join("\n"))
}

/// Text for an attribute in double quotes or for an element. What XML 1.0 cannot hold (section
/// 2.2: most controls, U+FFFE, U+FFFF) is escaped the way the table does.
fn attribute(text: &str) -> Cow<'_, str> {
    let text = escape(text);
    if !text.contains(['&', '<', '>', '"']) {
        return text;
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    Cow::Owned(text.replace('>', "&gt;").replace('"', "&quot;"))
}
