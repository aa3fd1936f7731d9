use serde::{Deserialize, Serialize};
use time::Date;

use crate::{Finding, Severity, Summary, Waiver, Waivers};

/// What makes a run fail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Findings at or above this severity make the run fail; none does by default.
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
    /// Counts.
    pub summary: Summary,
    /// Open findings, the worst first.
    pub findings: Vec<Finding>,
    /// Findings that a waiver covers, with the waiver.
    pub waived: Vec<WaivedFinding>,
    /// Waivers whose day has passed: their findings are open again.
    pub expired_waivers: Vec<Waiver>,
    /// Waivers that covered nothing.
    pub unused_waivers: Vec<Waiver>,
}

/// A finding and the waiver that covers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaivedFinding {
    /// The finding.
    pub finding: Finding,
    /// The waiver.
    pub waiver: Waiver,
}

/// Applies waivers and thresholds to findings: pure, `today` included.
pub fn decide(
    _findings: Vec<Finding>,
    _waivers: &Waivers,
    _policy: &Policy,
    _today: Date,
) -> Decision {
    Decision::default()
}
