//! SARIF 2.1.0 (OASIS standard, errata 01).

use std::{
    collections::{BTreeSet, HashMap},
    io::{self, Write},
};

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use self::{
    descriptor::{descriptor, level, severity_properties},
    place::{fix, location, locations},
};
use super::{detail, json as written};
use crate::{Finding, Report, Rule, Status, Waiver};

mod descriptor;
mod place;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Writes the report as SARIF 2.1.0.
///
/// Failures are results, waived ones with a suppression; gaps are notifications of the tool's
/// execution; what passed is left out. The reference page of reports says which field holds what.
///
/// # Errors
///
/// The writer fails.
pub fn sarif(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let catalogue = Catalogue::new(report);
    let run = json!({
        "tool": { "driver": driver(report, &catalogue) },
        "invocations": [invocation(report, &catalogue)],
        "columnKind": "unicodeCodePoints",
        "results": results(report, &catalogue),
        "properties": {
            "target": report.target,
            "data": report.data,
            "policy": report.decision.policy,
            "summary": report.decision.summary,
            "verdict": report.decision.verdict,
        },
    });
    written::write(&json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": [run] }), out)
}

/// The rules of the report, those that report gaps apart: SARIF refers to either by position.
struct Catalogue<'a> {
    rules: Vec<&'a Rule>,
    notifications: Vec<&'a Rule>,
    rule_index: HashMap<&'a str, usize>,
    notification_index: HashMap<&'a str, usize>,
}

impl<'a> Catalogue<'a> {
    fn new(report: &'a Report) -> Self {
        let mut for_gaps = BTreeSet::new();
        let mut for_results = BTreeSet::new();
        for (finding, _) in everything(report) {
            let of_kind = match finding.status {
                Status::Unknown { .. } => &mut for_gaps,
                _ => &mut for_results,
            };
            of_kind.insert(finding.rule.as_ref());
        }
        let rules = distinct(report, |id| for_results.contains(id) || !for_gaps.contains(id));
        let notifications = distinct(report, |id| for_gaps.contains(id));
        Self {
            rule_index: positions(&rules),
            notification_index: positions(&notifications),
            rules,
            notifications,
        }
    }
}

fn distinct(report: &Report, wanted: impl Fn(&str) -> bool) -> Vec<&Rule> {
    let mut seen = BTreeSet::new();
    let rules = report.rules.iter();
    rules.filter(|rule| wanted(&rule.id) && seen.insert(rule.id.as_ref())).collect()
}

fn positions<'a>(rules: &[&'a Rule]) -> HashMap<&'a str, usize> {
    rules.iter().enumerate().map(|(index, rule)| (rule.id.as_ref(), index)).collect()
}

/// All findings, with the waiver of those that have one.
fn everything(report: &Report) -> impl Iterator<Item = (&Finding, Option<&Waiver>)> {
    let open = report.decision.findings.iter().map(|finding| (finding, None));
    let waived = report.decision.waived.iter();
    open.chain(waived.map(|waived| (&waived.finding, Some(&waived.waiver))))
}

fn driver(report: &Report, catalogue: &Catalogue<'_>) -> Value {
    let descriptors =
        |rules: &[&Rule]| -> Vec<Value> { rules.iter().map(|rule| descriptor(rule)).collect() };
    json!({
        "name": report.tool.name,
        "version": report.tool.version,
        "informationUri": env!("CARGO_PKG_REPOSITORY"),
        "rules": descriptors(&catalogue.rules),
        "notifications": descriptors(&catalogue.notifications),
    })
}

fn invocation(report: &Report, catalogue: &Catalogue<'_>) -> Value {
    let gaps = everything(report).filter_map(|(finding, waiver)| {
        let gap = detail::gap(finding)?;
        Some(gap_notification(finding, gap, waiver, catalogue))
    });
    let data = detail::data_warnings(report)
        .into_iter()
        .map(|text| json!({ "level": "warning", "message": { "text": text } }));
    let mut invocation = json!({
        "executionSuccessful": true,
        "exitCode": report.decision.verdict.code(),
        "toolExecutionNotifications": gaps.chain(data).collect::<Vec<Value>>(),
    });
    if let Some(created) = detail::created(report).and_then(|time| time.format(&Rfc3339).ok()) {
        invocation["endTimeUtc"] = json!(created);
    }
    invocation
}

fn gap_notification(
    finding: &Finding,
    gap: &str,
    waiver: Option<&Waiver>,
    catalogue: &Catalogue<'_>,
) -> Value {
    let mut text = format!("could not look at '{}': {gap}", finding.subject);
    if let Some(waiver) = waiver {
        text.push_str(&format!(" ({})", justification(waiver)));
    }
    let mut descriptor = json!({ "id": finding.rule });
    if let Some(index) = catalogue.notification_index.get(finding.rule.as_ref()) {
        descriptor["index"] = json!(index);
    }
    json!({
        "descriptor": descriptor,
        "level": if waiver.is_some() { "note" } else { "warning" },
        "message": { "text": plain(&text) },
        "locations": [location(&finding.subject)],
    })
}

fn results(report: &Report, catalogue: &Catalogue<'_>) -> Vec<Value> {
    everything(report)
        .filter(|(finding, _)| finding.status == Status::Fail)
        .map(|(finding, waiver)| result(finding, waiver, catalogue))
        .collect()
}

fn result(finding: &Finding, waiver: Option<&Waiver>, catalogue: &Catalogue<'_>) -> Value {
    let mut text = detail::title(finding);
    for line in detail::lines(finding) {
        text.push('\n');
        text.push_str(&line);
    }
    let mut result = json!({
        "ruleId": finding.rule,
        "kind": "fail",
        "level": level(finding.severity),
        "message": { "text": plain(&text) },
        "locations": locations(finding),
        "partialFingerprints": { "cofferdam/v1": finding.fingerprint },
        "suppressions": waiver.map(suppression).into_iter().collect::<Vec<Value>>(),
        "properties": severity_properties(finding.severity),
    });
    if let Some(index) = catalogue.rule_index.get(finding.rule.as_ref()) {
        result["ruleIndex"] = json!(index);
    }
    let fixes: Vec<Value> = finding.fix.iter().filter_map(fix).collect();
    if !fixes.is_empty() {
        result["fixes"] = json!(fixes);
    }
    result
}

/// Text without what SARIF reads as an embedded link (section 3.11.6): a package's name is no
/// place to put one.
fn plain(text: &str) -> String {
    text.replace("](", "] (")
}

fn suppression(waiver: &Waiver) -> Value {
    json!({
        "kind": "external",
        "status": "accepted",
        "justification": justification(waiver),
        "properties": { "waiver": waiver },
    })
}

fn justification(waiver: &Waiver) -> String {
    format!("waived by {} until {}: {}", waiver.owner, waiver.last_day(), waiver.reason)
}
