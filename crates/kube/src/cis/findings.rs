//! Results of a benchmark as findings.

use std::{borrow::Cow, collections::BTreeSet};

use cofferdam_finding::{
    Applicability, Evidence, Explanation, Finding, Fingerprint, Fix, Gap, Reference, Rule,
    Severity, Status, Topic,
};

use super::check::{Checked, Results, State};

/// Letters of evidence: outputs may be whole configuration files.
const EVIDENCE_LIMIT: usize = 400;

/// A program or a file that a benchmark needs could not be looked at.
pub const NOT_SEEN: &str = "kube-cis-not-seen";

/// The rules behind gaps.
pub static RULES: &[Rule] = &[Rule::new(
    NOT_SEEN,
    "Something that a benchmark asks about could not be seen",
    Severity::Medium,
    Topic::Coverage,
    [
        "A file could not be read for want of permission, or a section of the benchmark has \
             nothing to look at.",
        "Checks that rest on it are undecided, or answered as if it were not there.",
        "Run as root on the node, or name the root of a complete copy of its files.",
    ],
    REFERENCES,
)];

const REFERENCES: &[Reference] = &[Reference::new("NIST SP 800-190", "3.3")];

/// Findings for the results, with a rule for each check.
pub fn findings(benchmark: &str, results: &[Results]) -> (Vec<Finding>, Vec<Rule>) {
    let (mut findings, mut rules) = (Vec::new(), Vec::new());
    let mut named = BTreeSet::new();
    for section in results {
        for checked in section.checks() {
            let rule = rule(benchmark, checked);
            // One number may stand for two checks; their findings are told apart by their section.
            let subject = format!("{} {}", section.controls.section, checked.check.id);
            findings.push(finding(&rule, subject, checked));
            if named.insert(rule.id.clone()) {
                rules.push(rule);
            }
        }
    }
    (findings, rules)
}

/// A gap about something that the benchmark could not see.
pub fn not_seen(object: String, why: String) -> Gap {
    Gap { rule: NOT_SEEN.into(), object, why }
}

fn rule(benchmark: &str, checked: &Checked) -> Rule {
    let check = &checked.check;
    let severity = if check.scored { Severity::Medium } else { Severity::Low };
    Rule {
        id: Cow::Owned(format!("{benchmark}/{}", check.id)),
        title: Cow::Owned(one_line(&check.text)),
        severity,
        topic: Topic::Configuration,
        explain: Explanation {
            what: Cow::Owned(one_line(&check.text)),
            why: Cow::Owned(format!("The benchmark {benchmark} asks for it.")),
            fix: Cow::Owned(check.remediation.trim().to_owned()),
        },
        references: Cow::Owned(vec![Reference {
            system: Cow::Borrowed("CIS"),
            id: Cow::Owned(format!("{benchmark} {}", check.id)),
        }]),
    }
}

fn finding(rule: &Rule, subject: String, checked: &Checked) -> Finding {
    let check = &checked.check;
    let manual = check.kind == "manual" || check.tests.is_none();
    let status = match checked.state {
        State::Pass => Status::Pass,
        State::Info => Status::NotApplicable { why: "the benchmark leaves it out".into() },
        State::Unknown => Status::Unknown { gap: one_line(&checked.reason) },
        State::Warn if manual => {
            Status::Unknown { gap: "a person has to look: the benchmark has no test for it".into() }
        }
        State::Fail | State::Warn => Status::Fail,
    };
    let severity = match status {
        Status::Unknown { .. } if manual => Severity::Info,
        _ => rule.severity,
    };
    let command = [&check.audit, &check.audit_config, &check.audit_env];
    let command = command.into_iter().find(|command| !command.is_empty());
    let saw = if checked.actual.is_empty() { &checked.reason } else { &checked.actual };
    let evidence = command.map(|command| Evidence {
        location: short(command),
        saw: short(saw),
        wanted: short(&checked.expected),
        ..Evidence::default()
    });
    let fix = (status == Status::Fail && !check.remediation.trim().is_empty()).then(|| Fix {
        summary: short(&check.remediation),
        edits: Vec::new(),
        applicability: Applicability::Manual,
    });
    Finding {
        fingerprint: Fingerprint::of(&rule.id, &subject),
        title: one_line(&check.text),
        rule: rule.id.clone(),
        context: None,
        subject,
        status,
        severity,
        evidence: evidence.into_iter().collect(),
        fix,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn short(text: &str) -> String {
    let line = one_line(text);
    if line.chars().count() <= EVIDENCE_LIMIT {
        return line;
    }
    line.chars().take(EVIDENCE_LIMIT).chain(['…']).collect()
}
