//! Rules on Dockerfiles and Containerfiles: what hadolint checks, and what makes an image unsafe.
//!
//! Rules that are about the same commands share a file under `rules/`. Pure: text in, findings out.

mod fix;
mod rules;
mod view;

use cofferdam_finding::{Applicability, Evidence, Finding, Fingerprint, Fix, Gap, Rule, Status};

pub use self::{fix::apply, rules::rules};
use self::{
    rules::LintRule,
    view::{Hit, View},
};
use crate::dockerfile;

/// What is asked for beyond the fixed rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Registries (or registries with the beginning of a path) that bases may come from; empty where
    /// any will do.
    pub registries: Vec<String>,
}

/// Bytes of a file that are looked at.
pub const LONGEST: usize = 1 << 20;

/// The rule that reports what could not be understood.
pub const NOT_UNDERSTOOD: &str = rules::coverage::ID;

/// What there is to say about the file `source`, called `path`.
pub fn lint(path: &str, source: &str, options: &Options) -> (Vec<Finding>, Vec<Gap>) {
    let file = dockerfile::parse(source);
    let view = View::new(source, &file, options);
    let mut findings = Vec::new();
    for rule in rules::all() {
        for hit in (rule.check)(&view) {
            if !is_ignored(rule, &view, &hit) {
                findings.push(finding(rule, path, &view, hit));
            }
        }
    }
    number(&mut findings);
    let gap = |problem: &dockerfile::Problem| Gap {
        rule: NOT_UNDERSTOOD.into(),
        object: format!("{path}:{}", problem.line),
        why: problem.why.clone(),
    };
    (findings, file.problems.iter().map(gap).collect())
}

/// Comments turn rules off by our ids and by hadolint's.
fn is_ignored(rule: &LintRule, view: &View<'_>, hit: &Hit) -> bool {
    let is_it = |name: &String| {
        *name == rule.rule.id || rule.rule.references.iter().any(|other| other.id == name.as_str())
    };
    let own = view.file.instructions.get(hit.instruction).map(|one| one.ignored.as_slice());
    view.file.ignored.iter().chain(own.unwrap_or_default()).any(is_it)
}

fn finding(rule: &'static LintRule, path: &str, view: &View<'_>, hit: Hit) -> Finding {
    let line = view.line(&hit);
    let written = view.file.instructions.get(hit.instruction);
    let edits = hit.edits.iter().map(|edit| {
        let file = path.to_owned();
        cofferdam_finding::Edit { file, ..edit.clone() }
    });
    Finding {
        rule: rule.rule.id.clone(),
        subject: format!("{path}:{line}"),
        title: hit.title,
        status: Status::Fail,
        severity: hit.severity.unwrap_or(rule.rule.severity),
        evidence: vec![Evidence {
            location: path.to_owned(),
            saw: hit.saw,
            wanted: rule.fix.to_owned(),
            line: Some(line),
            ..Evidence::default()
        }],
        fix: Some(Fix {
            summary: rule.fix.to_owned(),
            applicability: match hit.edits.is_empty() {
                true => Applicability::Manual,
                false => Applicability::Safe,
            },
            edits: edits.collect(),
        }),
        // Of what is written, not of the line, which moves.
        context: None,
        fingerprint: Fingerprint::of(
            &rule.rule.id,
            &format!("{path}\n{}", written.map_or("", |one| one.arguments.text.as_str())),
        ),
    }
}

/// The same instruction may stand in a file twice: the second has a fingerprint of its own.
fn number(findings: &mut [Finding]) {
    let mut seen: std::collections::BTreeMap<String, usize> = std::collections::BTreeMap::new();
    for finding in findings {
        let count = seen.entry(finding.fingerprint.to_string()).or_default();
        *count += 1;
        if *count > 1 {
            let subject = format!("{} {count}", finding.fingerprint);
            finding.fingerprint = Fingerprint::of(&finding.rule, &subject);
        }
    }
}

/// The rule with this id.
pub fn rule(id: &str) -> Option<&'static Rule> {
    rules().find(|rule| rule.id == id)
}
