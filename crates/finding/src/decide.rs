use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use time::Date;

use crate::{
    BaselineUse, Finding, Severity, Status, Summary, SuppressedFinding, Upgrade, VexUse, Waiver,
    Waivers, glob, merge,
};

/// What makes a run fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Findings at or above this severity make the run fail; none does by default. A finding that
    /// nobody has rated is below `info`: it fails the run under `unknown` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fail_on: Option<Severity>,
    /// Whether a gap makes the run fail.
    pub strict: bool,
}

/// What a program ends with (documented in the guide, stable).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExitStatus {
    /// 0: done, nothing at or above the threshold.
    #[default]
    Success,
    /// 1: findings at or above the threshold.
    Findings,
    /// 2: wrong usage, or the work could not be done.
    Error,
    /// 3: evidence is incomplete, under `--strict`.
    Incomplete,
}

impl ExitStatus {
    /// The process exit code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Findings => 1,
            Self::Error => 2,
            Self::Incomplete => 3,
        }
    }
}

/// The findings with what was decided about them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// How the run ends.
    pub verdict: ExitStatus,
    /// The thresholds that the verdict comes from.
    pub policy: Policy,
    /// Counts.
    pub summary: Summary,
    /// What no waiver covers: failures, then gaps, then what passed and what does not apply; the
    /// worst first.
    pub findings: Vec<Finding>,
    /// Findings that a waiver covers, with the waiver, in the same order.
    pub waived: Vec<WaivedFinding>,
    /// Waivers of this target whose day has passed: their findings are open again.
    pub expired_waivers: Vec<Waiver>,
    /// Waivers of this target that hold but cover nothing.
    pub unused_waivers: Vec<Waiver>,
    /// Findings that a VEX statement closes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressed: Vec<SuppressedFinding>,
    /// What became of VEX statements, if there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vex: Option<VexUse>,
    /// Findings that were known before, under a baseline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<Finding>,
    /// What the baseline was, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<BaselineUse>,
    /// What to upgrade, the most useful first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upgrades: Vec<Upgrade>,
}

impl Decision {
    /// The same decision with what VEX statements have closed, which was left out of its findings.
    #[must_use]
    pub fn with_vex(mut self, suppressed: Vec<SuppressedFinding>, used: VexUse) -> Self {
        self.suppressed = suppressed;
        self.vex = Some(used);
        self.recount();
        self
    }

    /// Counts and judges again, after findings were set aside.
    pub(crate) fn recount(&mut self) {
        self.summary = Summary {
            suppressed: self.suppressed.len(),
            known: self.known.len(),
            ..count(&self.findings, self.waived.len())
        };
        self.verdict = verdict(&self.findings, &self.policy);
    }
}

/// A finding and the waiver that covers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaivedFinding {
    /// The finding.
    pub finding: Finding,
    /// The waiver.
    pub waiver: Waiver,
}

/// Applies waivers and thresholds to the findings about the target named `target`: pure, `today`
/// included, and the same for every order of `findings`.
///
/// Findings of one cause become one row (see [`Fingerprint`](crate::Fingerprint)). A waiver covers
/// failures and gaps; where several cover one finding, the first in the file is reported and all
/// count as used. The verdict is [`ExitStatus::Findings`] if an open failure reaches the
/// threshold, else [`ExitStatus::Incomplete`] if a gap is open under `strict`, else
/// [`ExitStatus::Success`].
pub fn decide(
    target: &str,
    findings: Vec<Finding>,
    waivers: &Waivers,
    policy: &Policy,
    today: Date,
) -> Decision {
    let (expired, live): (Vec<&Waiver>, Vec<&Waiver>) = waivers
        .0
        .iter()
        .filter(|waiver| waiver.concerns(target))
        .partition(|waiver| waiver.is_expired(today));
    let mut cover = Cover::new(&live);
    let mut decision = Decision { policy: *policy, ..Decision::default() };
    for finding in merge::merged(findings) {
        match cover.waiver(&finding) {
            Some(waiver) => {
                decision.waived.push(WaivedFinding { finding, waiver: waiver.clone() });
            }
            None => decision.findings.push(finding),
        }
    }
    decision.summary = count(&decision.findings, decision.waived.len());
    decision.verdict = verdict(&decision.findings, policy);
    decision.expired_waivers = expired.into_iter().cloned().collect();
    decision.unused_waivers = cover.unused();
    decision
}

/// Live waivers, found by rule: a scan can have tens of thousands of findings.
struct Cover<'a> {
    waivers: &'a [&'a Waiver],
    used: Vec<bool>,
    by_rule: HashMap<&'a str, Vec<usize>>,
    by_pattern: Vec<usize>,
}

impl<'a> Cover<'a> {
    fn new(waivers: &'a [&'a Waiver]) -> Self {
        let mut by_rule: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut by_pattern = Vec::new();
        for (index, waiver) in waivers.iter().enumerate() {
            if waiver.rule.contains('*') {
                by_pattern.push(index);
            } else {
                by_rule.entry(&waiver.rule).or_default().push(index);
            }
        }
        Self { waivers, used: vec![false; waivers.len()], by_rule, by_pattern }
    }

    /// The first waiver that covers a finding; all that do are noted as used.
    fn waiver(&mut self, finding: &Finding) -> Option<&'a Waiver> {
        if !matches!(finding.status, Status::Fail | Status::Unknown { .. }) {
            return None;
        }
        let exact = self.by_rule.get(finding.rule.as_ref()).into_iter().flatten();
        let pattern = self
            .by_pattern
            .iter()
            .filter(|index| glob::matches(&self.waivers[**index].rule, &finding.rule));
        let mut first = None;
        for index in exact.chain(pattern).copied() {
            if self.waivers[index].matches_subject(&finding.subject) {
                self.used[index] = true;
                first = Some(first.map_or(index, |first: usize| first.min(index)));
            }
        }
        first.map(|index| self.waivers[index])
    }

    fn unused(self) -> Vec<Waiver> {
        let unused = self.waivers.iter().zip(self.used).filter(|(_, used)| !used);
        unused.map(|(waiver, _)| (*waiver).clone()).collect()
    }
}

fn verdict(open: &[Finding], policy: &Policy) -> ExitStatus {
    let reaches = |finding: &Finding| {
        finding.status == Status::Fail
            && policy.fail_on.is_some_and(|threshold| finding.severity >= threshold)
    };
    let is_gap = |finding: &Finding| matches!(finding.status, Status::Unknown { .. });
    if open.iter().any(reaches) {
        ExitStatus::Findings
    } else if policy.strict && open.iter().any(is_gap) {
        ExitStatus::Incomplete
    } else {
        ExitStatus::Success
    }
}

fn count(open: &[Finding], waived: usize) -> Summary {
    let mut summary = Summary { waived, ..Summary::default() };
    for finding in open {
        match finding.status {
            Status::Fail => {
                *by_severity(&mut summary, finding.severity) += 1;
                summary.fixable += usize::from(finding.is_fixable());
                summary.exploited += usize::from(finding.exploited().is_some());
            }
            Status::Unknown { .. } => summary.gaps += 1,
            Status::Pass => summary.passed += 1,
            Status::NotApplicable { .. } => summary.not_applicable += 1,
        }
    }
    summary
}

fn by_severity(summary: &mut Summary, severity: Severity) -> &mut usize {
    match severity {
        Severity::Critical => &mut summary.critical,
        Severity::High => &mut summary.high,
        Severity::Medium => &mut summary.medium,
        Severity::Low => &mut summary.low,
        Severity::Info => &mut summary.info,
        Severity::Unknown => &mut summary.unknown,
    }
}
