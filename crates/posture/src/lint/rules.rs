//! The rules. A new one is a row in the file of its subject, with what, why and how.

mod base;
mod clean;
mod command;
mod copy;
pub(super) mod coverage;
mod label;
mod metadata;
mod package;
mod pin;
mod secret;
mod stage;
mod style;
mod user;
mod yes;

use std::iter;

use cofferdam_finding::{Reference, Rule, Severity, Topic};

use super::view::{Hit, View};

/// A rule and its check.
pub(super) struct LintRule {
    pub(super) rule: Rule,
    /// What to do, in one line.
    pub(super) fix: &'static str,
    pub(super) check: fn(&View<'_>) -> Vec<Hit>,
}

const TABLES: &[&[LintRule]] = &[
    base::RULES,
    stage::RULES,
    user::RULES,
    secret::RULES,
    command::RULES,
    pin::RULES,
    yes::RULES,
    clean::RULES,
    label::RULES,
    copy::RULES,
    metadata::RULES,
    style::RULES,
];

/// Every rule with a check.
pub(super) fn all() -> impl Iterator<Item = &'static LintRule> {
    TABLES.iter().flat_map(|table| table.iter())
}

/// Every rule about Dockerfiles, the coverage rule too.
pub fn rules() -> impl Iterator<Item = &'static Rule> {
    all().map(|lint| &lint.rule).chain(iter::once(&coverage::RULE))
}

/// A rule: id, title, severity, what, why and how, where else it is, the one-line fix, the check.
const fn rule(
    (id, title, severity): (&'static str, &'static str, Severity),
    [what, why, how]: [&'static str; 3],
    references: &'static [Reference],
    fix: &'static str,
    check: fn(&View<'_>) -> Vec<Hit>,
) -> LintRule {
    let rule = Rule::new(id, title, severity, Topic::Configuration, [what, why, how], references);
    LintRule { rule, fix, check }
}

/// The rule of hadolint that looks for the same.
const fn hadolint(id: &'static str) -> Reference {
    Reference::new("hadolint", id)
}

const fn cis(id: &'static str) -> Reference {
    Reference::new("CIS", id)
}

const fn nist(id: &'static str) -> Reference {
    Reference::new("NIST SP 800-190", id)
}

const fn cwe(id: &'static str) -> Reference {
    Reference::new("CWE", id)
}
