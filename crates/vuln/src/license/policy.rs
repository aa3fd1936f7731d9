//! Which licences packages may have.

use std::collections::BTreeMap;

use cofferdam_finding::{
    Applicability, Evidence, Finding, Fingerprint, Fix, Gap, Package, Severity, Status,
    matches_pattern,
};

use super::{Expression, Term, names};
use crate::{
    Inventory,
    rules::{LICENSE_DENIED, LICENSE_UNKNOWN},
};

/// Packages of a database that are named in a gap about it.
const NAMES_TOLD: usize = 5;

/// What licences packages may have: identifiers with `*` for any text, in any case. What is denied
/// is denied even if it is allowed as well; with an empty list of what is allowed, all else is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Licences that are allowed; all if there are none.
    pub allow: Vec<String>,
    /// Licences that are not.
    pub deny: Vec<String>,
}

/// What a policy makes of a package's licences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// There is a way to use the package that keeps the policy.
    Allowed,
    /// There is none: because of these licences.
    Denied(Vec<String>),
    /// It declares none.
    Undeclared,
    /// What it declares cannot be understood.
    NotUnderstood {
        /// The text.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl Policy {
    /// Whether it says anything.
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// What it makes of what a package declares: all of it holds together.
    pub fn verdict(&self, declared: &[String]) -> Verdict {
        let mut denied = Vec::new();
        let mut not_understood = None;
        for text in declared.iter().filter(|text| !text.trim().is_empty()) {
            // A text that is in a list as it stands needs no understanding.
            if has(&self.deny, text) {
                denied.push(text.clone());
                continue;
            }
            if has(&self.allow, text) {
                continue;
            }
            match Expression::parse(text) {
                Ok(expression) => denied.extend(self.denied(&expression)),
                Err(why) => not_understood = Some((text.clone(), why)),
            }
        }
        denied.sort();
        denied.dedup();
        match not_understood {
            _ if !denied.is_empty() => Verdict::Denied(denied),
            Some((text, why)) => Verdict::NotUnderstood { text, why },
            None if declared.iter().all(|text| text.trim().is_empty()) => Verdict::Undeclared,
            None => Verdict::Allowed,
        }
    }

    /// The terms in the way; none if there is a way.
    fn denied(&self, expression: &Expression) -> Vec<String> {
        match expression {
            Expression::Term(term) if self.allows(term) => Vec::new(),
            Expression::Term(term) => vec![term.to_string()],
            Expression::And(all) => all.iter().flat_map(|one| self.denied(one)).collect(),
            Expression::Or(any) => {
                let choices: Vec<Vec<String>> = any.iter().map(|one| self.denied(one)).collect();
                match choices.iter().any(Vec::is_empty) {
                    true => Vec::new(),
                    false => choices.into_iter().flatten().collect(),
                }
            }
        }
    }

    fn allows(&self, term: &Term) -> bool {
        let whole = term.to_string();
        if term.exception.is_some() {
            // An exception gives more than the licence alone: who allows it by name means that.
            if has(&self.deny, &whole) {
                return false;
            }
            if has(&self.allow, &whole) {
                return true;
            }
        }
        let alone = Term { exception: None, ..term.clone() }.to_string();
        if has(&self.deny, &alone) || has(&self.deny, &term.id) {
            return false;
        }
        self.allow.is_empty() || has(&self.allow, &alone) || self.allows_later(term)
    }

    /// Whether a later version of the licence, which may be chosen, is allowed.
    fn allows_later(&self, term: &Term) -> bool {
        let Some((family, version)) = names::family(&term.id) else {
            return has(&self.allow, &term.id);
        };
        let is_choice = |id: &String| {
            names::family(id).is_some_and(|(other, later)| {
                let fits = if term.or_later { later >= version } else { later == version };
                // `-or-later` in a list means the licence that says so, not one that says `-only`.
                let wider = !term.or_later && id.to_ascii_lowercase().ends_with("-or-later");
                other == family && fits && !wider && !has(&self.deny, id)
            })
        };
        self.allow.iter().any(is_choice)
    }
}

fn has(list: &[String], id: &str) -> bool {
    let id = id.to_ascii_lowercase();
    list.iter().any(|pattern| matches_pattern(&pattern.to_ascii_lowercase(), &id))
}

/// The packages of an inventory that a policy does not allow, and those about which it cannot tell.
pub fn judge(inventory: &Inventory, policy: &Policy) -> (Vec<Finding>, Vec<Gap>) {
    let (mut findings, mut gaps) = (Vec::new(), Vec::new());
    if policy.is_empty() {
        return (findings, gaps);
    }
    let mut silent: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &inventory.packages {
        match policy.verdict(&package.licenses) {
            Verdict::Allowed => {}
            Verdict::Denied(terms) => findings.push(denied(package, &terms)),
            Verdict::Undeclared => silent.entry(&package.location).or_default().push(&package.name),
            Verdict::NotUnderstood { text, why } => gaps.push(Gap {
                rule: LICENSE_UNKNOWN.into(),
                object: format!("{} {}", package.name, package.version),
                why: format!("could not understand its licence '{}': {why}", shortened(&text)),
            }),
        }
    }
    gaps.extend(silent.into_iter().map(|(location, names)| {
        let told = names.iter().take(NAMES_TOLD).copied().collect::<Vec<_>>().join(", ");
        let more = match names.len().saturating_sub(NAMES_TOLD) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let why = format!("no licence is declared for {told}{more}");
        Gap { rule: LICENSE_UNKNOWN.into(), object: location.to_owned(), why }
    }));
    (findings, gaps)
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

fn denied(package: &Package, terms: &[String]) -> Finding {
    let subject = format!("{}:{}", package.kind.name(), package.name);
    let terms = terms.join(", ");
    Finding {
        fingerprint: Fingerprint::of(LICENSE_DENIED, &subject),
        rule: LICENSE_DENIED.into(),
        title: format!(
            "{} {} has a licence that is not allowed: {terms}",
            package.name, package.version
        ),
        subject,
        status: Status::Fail,
        severity: Severity::Medium,
        evidence: vec![Evidence {
            location: package.location.clone(),
            saw: format!(
                "{} {}: {}",
                package.name,
                package.version,
                package.licenses.join(" AND ")
            ),
            wanted: format!("a licence other than {terms}"),
            ..Evidence::default()
        }],
        fix: Some(Fix {
            summary: "replace the package, or let the policy allow the licence".to_owned(),
            edits: Vec::new(),
            applicability: Applicability::Manual,
        }),
        context: None,
    }
}
