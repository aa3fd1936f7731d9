//! One cause is one row: findings of the same rule about the same subject become one.
//!
//! What could not be looked at is kept apart from what was: a failure does not hide that its
//! evidence is incomplete.

use std::{cmp::Ordering, collections::BTreeMap};

use crate::{Evidence, Finding, Status};

/// Findings with duplicates merged, the worst first; the same for every order of the input.
pub(crate) fn merged(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(order);
    // By rule and subject too: a fingerprint is 64 bits of a hash, and no collision may swallow a
    // finding.
    let mut places: BTreeMap<(String, String, String, bool), usize> = BTreeMap::new();
    let mut rows: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings {
        let key = (
            finding.fingerprint.as_str().to_owned(),
            finding.rule.to_string(),
            finding.subject.clone(),
            matches!(finding.status, Status::Unknown { .. }),
        );
        match places.get(&key) {
            Some(place) => absorb(&mut rows[*place], finding),
            None => {
                places.insert(key, rows.len());
                rows.push(finding);
            }
        }
    }
    for row in &mut rows {
        row.evidence.sort();
        row.evidence.dedup();
    }
    rows
}

/// Joins a finding to the row of its cause. The row comes earlier in [`order`]: its severity and
/// title stand.
fn absorb(row: &mut Finding, other: Finding) {
    let reasons = match (&mut row.status, &other.status) {
        (Status::Unknown { gap: reason }, Status::Unknown { gap: other })
        | (Status::NotApplicable { why: reason }, Status::NotApplicable { why: other }) => {
            Some((reason, other))
        }
        _ => None,
    };
    if let Some((reason, other)) = reasons
        && !reason.split("; ").any(|one| one == other)
    {
        reason.push_str("; ");
        reason.push_str(other);
    }
    if rank(&row.status) == rank(&other.status) {
        row.evidence.extend::<Vec<Evidence>>(other.evidence);
        row.fix = row.fix.take().or(other.fix);
    }
}

/// Worst first; then by subject, so that a package's vulnerabilities stand together, then by rule.
fn order(a: &Finding, b: &Finding) -> Ordering {
    rank(&a.status)
        .cmp(&rank(&b.status))
        .then_with(|| b.severity.cmp(&a.severity))
        .then_with(|| a.subject.cmp(&b.subject))
        .then_with(|| natural(&a.rule, &b.rule))
        .then_with(|| a.cmp(b))
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
