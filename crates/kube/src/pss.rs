//! The Pod Security Standards: every check of the levels baseline and restricted, as each version of
//! Kubernetes defines it.
//!
//! The reference is `k8s.io/pod-security-admission`, whose fixtures are the test: see
//! `docs/reference/conformance.md`.

mod checks;
mod pod;

use std::{fmt, str::FromStr};

use cofferdam_finding::{Applicability, Evidence, Finding, Fingerprint, Fix, Status};
use thiserror::Error;

use self::checks::Look;
pub(crate) use self::pod::Pod;
pub use self::{
    checks::{CHECKS, Check},
    pod::Observed,
};
use crate::{Snapshot, Workload};

/// The newest minor version whose checks are known; later ones are taken for it.
pub const NEWEST_MINOR: u32 = 37;

/// How much a pod may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Everything.
    Privileged,
    /// Nothing that is known to lead out of the container.
    Baseline,
    /// What is best practice.
    Restricted,
}

/// Version of the standard: that of a minor release of Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The newest that is known.
    Latest,
    /// `v1.N`.
    Minor(u32),
}

/// A word is no level, or no version.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// Not a level.
    #[error("'{0}' is not one of privileged, baseline, restricted")]
    Level(String),
    /// Not a version.
    #[error("'{0}' is neither latest nor a version such as v1.31")]
    Version(String),
}

impl Level {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

impl FromStr for Level {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        [Self::Privileged, Self::Baseline, Self::Restricted]
            .into_iter()
            .find(|level| level.name() == text)
            .ok_or_else(|| ParseError::Level(text.to_owned()))
    }
}

impl Version {
    /// The minor version whose checks are used.
    pub const fn minor(self) -> u32 {
        match self {
            Self::Minor(minor) if minor < NEWEST_MINOR => minor,
            _ => NEWEST_MINOR,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("latest"),
            Self::Minor(minor) => write!(f, "v1.{minor}"),
        }
    }
}

impl FromStr for Version {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text == "latest" {
            return Ok(Self::Latest);
        }
        let minor = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.");
        let digits = minor.filter(|minor| minor.bytes().all(|byte| byte.is_ascii_digit()));
        let canonical = digits.filter(|minor| *minor == "0" || !minor.starts_with('0'));
        let minor = canonical.and_then(|minor| minor.parse().ok()).map(Self::Minor);
        minor.ok_or_else(|| ParseError::Version(text.to_owned()))
    }
}

/// A check that a pod breaks, and by what.
#[derive(Debug)]
pub struct Violation {
    /// The check.
    pub check: &'static Check,
    /// The fields; at least one.
    pub observed: Vec<Observed>,
}

/// The checks that `workload` breaks at `level` of `version`; none means that it is allowed.
pub fn evaluate(workload: &Workload<'_>, level: Level, version: Version) -> Vec<Violation> {
    let pod = Pod { metadata: &workload.metadata, spec: &workload.spec, path: workload.path };
    let minor = version.minor();
    active(level, minor)
        .filter_map(|(check, look)| {
            let observed = look(&pod);
            (!observed.is_empty()).then_some(Violation { check, observed })
        })
        .collect()
}

/// The checks that are made at `level` of `version`.
pub fn checks(level: Level, version: Version) -> impl Iterator<Item = &'static Check> {
    active(level, version.minor()).map(|(check, _)| check)
}

/// The checks of a level in a version: those of baseline that nothing overrides, and its own.
fn active(level: Level, minor: u32) -> impl Iterator<Item = (&'static Check, Look)> {
    let is_overridden = move |id: &str| {
        level == Level::Restricted
            && CHECKS.iter().any(|check| check.overrides.contains(&id) && check.at(minor).is_some())
    };
    CHECKS
        .into_iter()
        .filter(move |check| check.level <= level && !is_overridden(check.id))
        .filter_map(move |check| Some((check, check.at(minor)?)))
}

impl Violation {
    /// The violation as a finding about `workload`.
    pub fn finding(&self, workload: &Workload<'_>, snapshot: &Snapshot) -> Finding {
        let rule = &self.check.rule;
        let object = workload.object;
        let place = snapshot.place(object.source);
        let evidence = self.observed.iter().map(|one| Evidence {
            location: format!("{place} {}", one.field),
            saw: one.saw.clone(),
            wanted: one.wanted.clone(),
            ..Evidence::default()
        });
        Finding {
            rule: rule.id.clone(),
            subject: object.title(),
            title: format!("{}: {}", self.check.id, Observed::summary(&self.observed)),
            status: Status::Fail,
            severity: rule.severity,
            evidence: evidence.collect(),
            fix: Some(Fix {
                summary: rule.explain.fix.to_string(),
                edits: Vec::new(),
                applicability: Applicability::Manual,
            }),
            context: None,
            fingerprint: Fingerprint::of(&rule.id, &object.title()),
        }
    }
}
