//! One cause is one row: findings of the same rule about the same subject become one.
//!
//! What could not be looked at is kept apart from what was: a failure does not hide that its
//! evidence is incomplete.

use std::{
    cmp::Ordering,
    collections::{BTreeSet, HashMap},
};

use crate::{Epss, Evidence, Finding, Share, Status};

/// Reasons that the status of a merged row states; evidence has them all.
const REASONS: usize = 3;

/// Findings with duplicates merged, the worst first; the same for every order of the input.
pub(crate) fn merged(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(order);
    // By rule and subject too: a fingerprint is 64 bits of a hash, and no collision may swallow a
    // finding.
    let mut places: HashMap<(String, String, String, bool), usize> = HashMap::new();
    let mut rows: Vec<Row> = Vec::with_capacity(findings.len());
    for finding in findings {
        let key = (
            finding.fingerprint.as_str().to_owned(),
            finding.rule.to_string(),
            finding.subject.clone(),
            matches!(finding.status, Status::Unknown { .. }),
        );
        let place = *places.entry(key).or_insert(rows.len());
        match rows.get_mut(place) {
            Some(row) => row.others.push(finding),
            None => rows.push(Row { worst: finding, others: Vec::new() }),
        }
    }
    let mut merged: Vec<Finding> = rows.into_iter().map(Row::joined).collect();
    merged.sort_by(order);
    merged
}

/// Findings of one cause. The worst comes first in [`order`]: its title stands.
struct Row {
    worst: Finding,
    others: Vec<Finding>,
}

impl Row {
    fn joined(self) -> Finding {
        let Self { worst: mut row, others } = self;
        let mut reasons: Vec<String> = reason(&row.status).map(str::to_owned).into_iter().collect();
        for other in others.into_iter().filter(|other| rank(&other.status) == rank(&row.status)) {
            reasons.extend(reason(&other.status).map(str::to_owned));
            row.evidence.extend(other.evidence);
            row.severity = row.severity.max(other.severity);
            row.fix = row.fix.take().or(other.fix);
            row.context = row.context.take().or(other.context);
        }
        if reasons.len() > 1 {
            join_reasons(&mut row, reasons);
        }
        row.evidence.sort();
        row.evidence.dedup();
        row
    }
}

fn reason(status: &Status) -> Option<&str> {
    match status {
        Status::Unknown { gap: reason } | Status::NotApplicable { why: reason } => Some(reason),
        Status::Fail | Status::Pass => None,
    }
}

/// States the first of several reasons, and sees that each is in the evidence: a broken file can
/// give a million of them.
fn join_reasons(row: &mut Finding, reasons: Vec<String>) {
    let distinct: BTreeSet<String> = reasons.into_iter().collect();
    let mut text = distinct.iter().take(REASONS).cloned().collect::<Vec<_>>().join("; ");
    if distinct.len() > REASONS {
        text.push_str(&format!("; and {} more", distinct.len() - REASONS));
    }
    if distinct.len() > 1 {
        let seen: BTreeSet<String> = row.evidence.iter().map(|one| one.saw.clone()).collect();
        let missing = distinct.into_iter().filter(|reason| !seen.contains(reason));
        let location = &row.subject;
        row.evidence.extend(missing.map(|saw| Evidence {
            location: location.clone(),
            saw,
            ..Evidence::default()
        }));
    }
    match &mut row.status {
        Status::Unknown { gap: reason } | Status::NotApplicable { why: reason } => *reason = text,
        Status::Fail | Status::Pass => {}
    }
}

/// Worst first: what is known to be exploited, what is likely to be, then by severity, by how likely
/// it is, and what can be fixed. Then by subject, so that a package's vulnerabilities stand together,
/// then by rule.
fn order(a: &Finding, b: &Finding) -> Ordering {
    rank(&a.status)
        .cmp(&rank(&b.status))
        .then_with(|| b.exploited().is_some().cmp(&a.exploited().is_some()))
        .then_with(|| is_likely(b).cmp(&is_likely(a)))
        .then_with(|| b.severity.cmp(&a.severity))
        .then_with(|| probability(b).cmp(&probability(a)))
        .then_with(|| b.is_fixable().cmp(&a.is_fixable()))
        .then_with(|| a.subject.cmp(&b.subject))
        .then_with(|| natural(&a.rule, &b.rule))
        .then_with(|| a.cmp(b))
}

fn probability(finding: &Finding) -> Option<Share> {
    finding.epss().map(|epss| epss.probability)
}

fn is_likely(finding: &Finding) -> bool {
    probability(finding).is_some_and(|probability| probability >= Epss::LIKELY)
}

const fn rank(status: &Status) -> u8 {
    match status {
        Status::Fail => 0,
        Status::Unknown { .. } => 1,
        Status::Pass => 2,
        Status::NotApplicable { .. } => 3,
    }
}

/// Compares texts with their numbers as numbers: `CVE-2024-999` before `CVE-2024-10000`.
pub(crate) fn natural(a: &str, b: &str) -> Ordering {
    let (mut a_rest, mut b_rest) = (a, b);
    while !a_rest.is_empty() && !b_rest.is_empty() {
        let (a_run, a_next) = run(a_rest);
        let (b_run, b_next) = run(b_rest);
        let both_numbers = [a_run, b_run].iter().all(|run| run.as_bytes()[0].is_ascii_digit());
        let ordering = if both_numbers { numbers(a_run, b_run) } else { a_run.cmp(b_run) };
        if ordering.is_ne() {
            return ordering;
        }
        (a_rest, b_rest) = (a_next, b_next);
    }
    a_rest.len().cmp(&b_rest.len()).then_with(|| a.cmp(b))
}

/// Splits off the leading run of digits or of other characters.
fn run(text: &str) -> (&str, &str) {
    let digits = text.as_bytes()[0].is_ascii_digit();
    let end = text.bytes().position(|byte| byte.is_ascii_digit() != digits);
    text.split_at(end.unwrap_or(text.len()))
}

fn numbers(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_in_ids_count_as_numbers() {
        for (less, more) in [
            ("CVE-2024-999", "CVE-2024-10000"),
            ("CVE-2023-10000", "CVE-2024-1"),
            ("a", "a1"),
            ("a1", "ab"),
            ("a01", "a2"),
            ("a01", "a1"),
            ("", "a"),
        ] {
            assert_eq!(natural(less, more), Ordering::Less, "{less} < {more}");
            assert_eq!(natural(more, less), Ordering::Greater, "{more} > {less}");
        }
    }

    proptest! {
        #[test]
        fn the_natural_order_is_an_order(a in "[0-2aé-]{0,5}", b in "[0-2aé-]{0,5}", c in "[0-2aé-]{0,5}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &b).is_eq(), a == b);
            if natural(&a, &b).is_lt() && natural(&b, &c).is_lt() {
                prop_assert!(natural(&a, &c).is_lt());
            }
        }
    }
}
