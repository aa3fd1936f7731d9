use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::{Decision, Finding, Report, Severity, Status};

/// What was known before: the open findings of an earlier report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    /// When that report was made.
    created: String,
    known: HashMap<Identity, Known>,
}

/// What makes two findings of different reports the same: everything that a fingerprint is made of.
/// A gap and a failure are two things.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    pub(crate) rule: String,
    pub(crate) subject: String,
    pub(crate) is_gap: bool,
}

impl Identity {
    /// That of an open finding; `None` for what holds or does not apply.
    pub(crate) fn of(finding: &Finding) -> Option<Self> {
        let is_gap = match finding.status {
            Status::Fail => false,
            Status::Unknown { .. } => true,
            Status::Pass | Status::NotApplicable { .. } => return None,
        };
        let (rule, subject) = (finding.rule.to_string(), finding.subject.clone());
        Some(Self { rule, subject, is_gap })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    severity: Severity,
    is_exploited: bool,
}

impl Known {
    fn of(finding: &Finding) -> Self {
        Self { severity: finding.severity, is_exploited: finding.exploited().is_some() }
    }
}

/// What a baseline made of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaselineUse {
    /// The file.
    pub file: String,
    /// When the earlier report was made.
    pub created: String,
    /// Findings of the earlier report that are not there any more.
    pub gone: usize,
}

impl Baseline {
    /// What was open in `report`, what an earlier baseline had set aside included. What was waived,
    /// or closed by a statement, was not: if that ends, it is news.
    pub fn of(report: &Report) -> Self {
        let decision = &report.decision;
        let findings = decision.findings.iter().chain(&decision.known);
        let known = findings.filter_map(|one| Some((Identity::of(one)?, Known::of(one))));
        Self { created: report.created.clone(), known: known.collect() }
    }

    /// Whether a finding was known, no less severe, and exploited if it is now.
    fn has(&self, finding: &Finding) -> bool {
        let known = Identity::of(finding).and_then(|identity| self.known.get(&identity));
        let now = Known::of(finding);
        known.is_some_and(|known| {
            known.severity >= now.severity && (known.is_exploited || !now.is_exploited)
        })
    }
}

impl Decision {
    /// The same decision with what was known before set aside: it neither counts nor is shown.
    /// `file` is what the baseline was read from.
    #[must_use]
    pub fn against(mut self, baseline: &Baseline, file: &str) -> Self {
        let (known, new) = self.findings.into_iter().partition(|one| baseline.has(one));
        (self.known, self.findings) = (known, new);
        let all = self.findings.iter().chain(&self.known);
        let here: std::collections::HashSet<Identity> = all.filter_map(Identity::of).collect();
        let gone = baseline.known.keys().filter(|identity| !here.contains(identity)).count();
        self.baseline =
            Some(BaselineUse { file: file.to_owned(), created: baseline.created.clone(), gone });
        self.recount();
        self
    }
}
