//! SARIF 2.1.0 (OASIS standard, errata 01).

use std::{
    collections::{BTreeSet, HashMap},
    io::{self, Write},
};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use self::{
    descriptor::{descriptor, level, severity_properties},
    place::{fix, location, locations},
};
use super::{detail, json as written};
use crate::{ExitStatus, Finding, Report, Rule, Status, VexStatement, Waiver};

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
    let run = Run {
        tool: Tool {
            driver: Driver {
                name: &report.tool.name,
                version: &report.tool.version,
                information_uri: env!("CARGO_PKG_REPOSITORY"),
                rules: Each(|| catalogue.rules.iter().copied().map(descriptor)),
                notifications: Each(|| catalogue.notifications.iter().copied().map(descriptor)),
            },
        },
        invocations: [Invocation {
            execution_successful: report.decision.verdict != ExitStatus::Error,
            exit_code: report.decision.verdict.code(),
            end_time_utc: detail::created(report).and_then(|time| time.format(&Rfc3339).ok()),
            tool_execution_notifications: Each(|| notifications(report, &catalogue)),
        }],
        column_kind: "unicodeCodePoints",
        results: Each(|| results(report, &catalogue)),
        properties: json!({
            "target": report.target,
            "data": report.data,
            "policy": report.decision.policy,
            "summary": report.decision.summary,
            "verdict": report.decision.verdict,
        }),
    };
    written::write_json(&Log { schema: SCHEMA, version: "2.1.0", runs: [run] }, out)
}

/// The log file (section 3.13).
#[derive(Serialize)]
struct Log<'a, R> {
    #[serde(rename = "$schema")]
    schema: &'a str,
    version: &'a str,
    runs: [R; 1],
}

/// A run (section 3.14).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a, D, I, R> {
    tool: Tool<D>,
    invocations: [I; 1],
    column_kind: &'a str,
    results: R,
    properties: Value,
}

#[derive(Serialize)]
struct Tool<D> {
    driver: D,
}

/// The program, as a tool component (section 3.19).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a, R, N> {
    name: &'a str,
    version: &'a str,
    information_uri: &'a str,
    rules: R,
    notifications: N,
}

/// How the program ran (section 3.20).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation<N> {
    execution_successful: bool,
    exit_code: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time_utc: Option<String>,
    tool_execution_notifications: N,
}

/// An array whose members are made while it is written: of a large report, one is in memory at a
/// time.
struct Each<F>(F);

impl<F: Fn() -> I, I: Iterator<Item = Value>> Serialize for Each<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
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

/// Why a finding is not among those that are open.
#[derive(Clone, Copy)]
enum Aside<'a> {
    Waived(&'a Waiver),
    Closed(&'a VexStatement),
    /// It was known before.
    Known,
}

/// All findings, with why those are aside that are.
fn everything(report: &Report) -> impl Iterator<Item = (&Finding, Option<Aside<'_>>)> {
    let decision = &report.decision;
    let open = decision.findings.iter().map(|finding| (finding, None));
    let waived = decision.waived.iter();
    let waived = waived.map(|waived| (&waived.finding, Some(Aside::Waived(&waived.waiver))));
    let closed = decision.suppressed.iter();
    let closed = closed.map(|closed| (&closed.finding, Some(Aside::Closed(&closed.statement))));
    let known = decision.known.iter().map(|finding| (finding, Some(Aside::Known)));
    open.chain(waived).chain(closed).chain(known)
}

fn notifications(report: &Report, catalogue: &Catalogue<'_>) -> impl Iterator<Item = Value> {
    let gaps = everything(report).filter_map(move |(finding, aside)| {
        let gap = detail::gap(finding)?;
        Some(gap_notification(finding, gap, aside, catalogue))
    });
    let data = detail::data_warnings(report)
        .into_iter()
        .map(|text| json!({ "level": "warning", "message": { "text": text } }));
    gaps.chain(data)
}

fn gap_notification(
    finding: &Finding,
    gap: &str,
    aside: Option<Aside<'_>>,
    catalogue: &Catalogue<'_>,
) -> Value {
    let mut text = format!("could not look at '{}': {gap}", finding.subject);
    if let Some(why) = aside.and_then(justification) {
        text.push_str(&format!(" ({why})"));
    }
    let mut descriptor = json!({ "id": finding.rule });
    if let Some(index) = catalogue.notification_index.get(finding.rule.as_ref()) {
        descriptor["index"] = json!(index);
    }
    json!({
        "descriptor": descriptor,
        "level": if aside.is_some() { "note" } else { "warning" },
        "message": { "text": plain(&text) },
        "locations": [location(&finding.subject)],
    })
}

fn results(report: &Report, catalogue: &Catalogue<'_>) -> impl Iterator<Item = Value> {
    everything(report).filter(|(finding, _)| finding.status == Status::Fail).map(
        move |(finding, aside)| {
            let mut result = result(finding, aside, catalogue);
            // A part of them all, or of none (section 3.27.24).
            if report.decision.baseline.is_some() {
                let is_known = matches!(aside, Some(Aside::Known));
                result["baselineState"] = json!(if is_known { "unchanged" } else { "new" });
            }
            result
        },
    )
}

fn result(finding: &Finding, aside: Option<Aside<'_>>, catalogue: &Catalogue<'_>) -> Value {
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
        "suppressions": aside.and_then(suppression).into_iter().collect::<Vec<Value>>(),
        "properties": properties(finding),
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

/// How severe it is, and what is known of attacks.
fn properties(finding: &Finding) -> Value {
    let mut properties = severity_properties(finding.severity);
    if let Some(exploited) = finding.exploited() {
        properties["exploited"] = json!(exploited);
    }
    if let Some(epss) = finding.epss() {
        properties["epss"] = json!(epss);
    }
    properties
}

/// Text without what SARIF reads as an embedded link (section 3.11.6): a package's name is no
/// place to put one.
fn plain(text: &str) -> String {
    text.replace("](", "] (")
}

fn suppression(aside: Aside<'_>) -> Option<Value> {
    let properties = match aside {
        Aside::Waived(waiver) => json!({ "waiver": waiver }),
        Aside::Closed(statement) => json!({ "vex": statement }),
        Aside::Known => return None,
    };
    Some(json!({
        "kind": "external",
        "status": "accepted",
        "justification": justification(aside),
        "properties": properties,
    }))
}

fn justification(aside: Aside<'_>) -> Option<String> {
    match aside {
        Aside::Waived(waiver) => Some(detail::waived(waiver)),
        Aside::Closed(statement) => Some(detail::closed(statement)),
        Aside::Known => None,
    }
}
