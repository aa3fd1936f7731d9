//! What is found when evidence and plan are compared.

use crate::explain::Seen;

/// How much a difference matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Isolation is there, and not quite as it was asked for.
    Low,
    /// A defence in depth is missing.
    Medium,
    /// A layer of isolation is missing.
    High,
    /// The machine is open to the process.
    Critical,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Where what is in force differs from the configuration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// How much it matters.
    pub severity: Severity,
    /// The layer of isolation.
    pub layer: &'static str,
    /// The process; `None` if it is about the container.
    pub pid: Option<u32>,
    /// What is wrong, in words.
    pub what: String,
    /// What the configuration asks for.
    pub expected: String,
    /// What the kernel says.
    pub found: String,
    /// What to do about it.
    pub fix: &'static str,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Gap {
    /// The layer of isolation.
    pub layer: &'static str,
    /// The process; `None` if it is about the container.
    pub pid: Option<u32>,
    /// Why.
    pub why: String,
}

/// What has been found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) differences: Vec<Difference>,
    pub(crate) gaps: Vec<Gap>,
}

impl Findings {
    #[expect(clippy::too_many_arguments, reason = "each is a field of the difference")]
    pub(crate) fn differ(
        &mut self,
        severity: Severity,
        layer: &'static str,
        pid: Option<u32>,
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
        fix: &'static str,
    ) {
        self.differences.push(Difference {
            severity,
            layer,
            pid,
            what: what.into(),
            expected: expected.into(),
            found: found.into(),
            fix,
        });
    }

    pub(crate) fn gap(&mut self, pid: Option<u32>, layer: &'static str, why: impl Into<String>) {
        self.gaps.push(Gap { layer, pid, why: why.into() });
    }

    /// The fact, or a gap with the reason.
    pub(crate) fn known<'a, T>(
        &mut self,
        pid: Option<u32>,
        layer: &'static str,
        fact: &'a Seen<T>,
    ) -> Option<&'a T> {
        match fact {
            Seen::Known(fact) => Some(fact),
            Seen::Unknown(why) => {
                self.gap(pid, layer, why);
                None
            }
        }
    }

    /// Puts the worst first; of equal ones the earlier stays earlier.
    pub(crate) fn sort(&mut self) {
        self.differences.sort_by_key(|difference| std::cmp::Reverse(difference.severity));
    }
}
