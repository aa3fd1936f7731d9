use std::fmt;

use cofferdam_finding::{Finding, RemedyState, Report, Severity, Status};

/// Which failures are shown. What is hidden still counts: the summary and the verdict are those of
/// the whole scan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// The least severity of what is not known to be exploited.
    pub(super) severity: Option<Severity>,
    /// Only those with a package that a newer version fixes.
    pub(super) only_fixed: bool,
}

impl Filter {
    /// Takes out what is not shown; says how many.
    pub(super) fn apply(self, report: &mut Report) -> usize {
        let before = report.decision.findings.len();
        report.decision.findings.retain(|finding| self.shows(finding));
        before - report.decision.findings.len()
    }

    fn shows(self, finding: &Finding) -> bool {
        // What is used in attacks is never too harmless to be shown.
        let severe = finding.exploited().is_some()
            || self.severity.is_none_or(|least| finding.severity >= least);
        let fixed = finding.evidence.iter().any(|evidence| {
            evidence.package.as_ref().is_some_and(|package| package.remedy == RemedyState::Fixed)
        });
        finding.status != Status::Fail || (severe && (fixed || !self.only_fixed))
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = self.severity.map(|least| format!("below {least}"));
        let fixed = self.only_fixed.then(|| "without a fix".to_owned());
        let reasons: Vec<String> = severity.into_iter().chain(fixed).collect();
        f.write_str(&reasons.join(" or "))
    }
}
