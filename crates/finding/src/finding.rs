use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Context, Epss, Exploited, Severity, SourcePackage};

/// What came out of looking at one thing with one rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// Id of the rule.
    pub rule: Cow<'static, str>,
    /// What was looked at, within the report's target: a package, a file, a field.
    pub subject: String,
    /// One line that says what is the case.
    pub title: String,
    /// The outcome.
    pub status: Status,
    /// How bad it is here.
    pub severity: Severity,
    /// What the outcome rests on.
    pub evidence: Vec<Evidence>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// What else is known about it, for a vulnerability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Box<Context>>,
    /// Identifies the finding across runs, machines and versions of the target.
    pub fingerprint: Fingerprint,
}

impl Finding {
    /// Since when it is known to be exploited, if it is.
    pub fn exploited(&self) -> Option<&Exploited> {
        self.context.as_ref()?.exploited.as_ref()
    }

    /// How likely it is to be exploited, if anybody says.
    pub fn epss(&self) -> Option<Epss> {
        self.context.as_ref()?.epss
    }

    /// Whether a newer version of a package, or another fix, is known.
    pub fn is_fixable(&self) -> bool {
        let mut packages = self.evidence.iter().filter_map(|one| one.package.as_ref()).peekable();
        // A vulnerability has a fix if a package does; what is advised otherwise is no fix.
        if packages.peek().is_none() {
            return self.fix.is_some();
        }
        packages.any(|package| package.remedy == RemedyState::Fixed)
    }
}

/// The outcome of a rule. "Could not look" is neither a pass nor a failure.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Status {
    /// The rule is broken.
    Fail,
    /// The rule holds.
    Pass,
    /// It could not be looked at.
    Unknown {
        /// Why.
        gap: String,
    },
    /// The rule does not concern this target.
    NotApplicable {
        /// Why.
        why: String,
    },
}

/// One observation.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Evidence {
    /// Where: a path below the target's root, a field, a line.
    #[serde(rename = "where")]
    pub location: String,
    /// What was there.
    pub saw: String,
    /// What should have been there; empty where nothing could be better.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wanted: String,
    /// Line in that file, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The package at fault, for a vulnerability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageEvidence>,
}

/// A package in which a vulnerability was matched, and by what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PackageEvidence {
    /// Package URL.
    pub purl: String,
    /// Name.
    pub name: String,
    /// Installed version.
    pub version: String,
    /// Source package, by which the advisory was matched.
    pub source: SourcePackage,
    /// Whether a fix exists.
    pub remedy: RemedyState,
    /// First version that is not vulnerable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    /// The advisory record that matched, and its range: `DEBIAN-CVE-2024-1 (Debian:12: < 1.2-3)`.
    pub advisory: String,
    /// Layer of the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
}

/// Whether a distribution has a fix for a vulnerability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemedyState {
    /// A fixed version exists.
    Fixed,
    /// None exists yet.
    Unfixed,
    /// None exists, and there is no hurry: it comes with a later update.
    Deferred,
    /// None exists, and there will be none.
    WontFix,
    /// None exists: the release is no longer supported.
    EndOfLife,
    /// The advisory says nothing either way.
    Unknown,
}

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fix {
    /// One line.
    pub summary: String,
    /// Changes to files, where a program can make them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
    /// Who may apply it.
    pub applicability: Applicability,
}

/// Who may apply a fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Applicability {
    /// Keeps behaviour; may be applied by a program.
    Safe,
    /// May change behaviour; only when asked for.
    Unsafe,
    /// A person has to do it.
    Manual,
}

/// A replacement of the bytes `start..end` of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edit {
    /// File.
    pub file: String,
    /// First byte to replace.
    pub start: usize,
    /// One past the last byte to replace.
    pub end: usize,
    /// What to put there.
    pub replacement: String,
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// Id of the (coverage) rule that reports it.
    pub rule: Cow<'static, str>,
    /// The object: a path, an entry, a version.
    pub object: String,
    /// Why it could not be looked at.
    pub why: String,
}

impl Gap {
    /// The finding that a gap becomes: status unknown, never a pass, never a failure.
    pub fn into_finding(self, severity: Severity) -> Finding {
        Finding {
            fingerprint: Fingerprint::of(&self.rule, &self.object),
            subject: self.object.clone(),
            title: format!("{}: {}", self.object, self.why),
            status: Status::Unknown { gap: self.why.clone() },
            severity,
            evidence: vec![Evidence {
                location: self.object,
                saw: self.why,
                ..Evidence::default()
            }],
            fix: None,
            context: None,
            rule: self.rule,
        }
    }
}

/// Sixteen hexadecimal digits that identify a finding within a target: a hash of the rule and the
/// subject, and of nothing that changes from run to run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(String);

impl Fingerprint {
    /// The fingerprint of a rule's finding about `subject`.
    pub fn of(rule: &str, subject: &str) -> Self {
        let hash =
            Sha256::new().chain_update(rule).chain_update([0]).chain_update(subject).finalize();
        Self(hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_depends_on_rule_and_subject_apart() {
        let fingerprint = Fingerprint::of("a", "bc");
        assert_eq!(fingerprint, Fingerprint::of("a", "bc"));
        assert_ne!(fingerprint, Fingerprint::of("ab", "c"));
        assert_eq!(fingerprint.as_str().len(), 16);
    }

    #[test]
    fn a_gap_is_neither_pass_nor_failure() {
        let gap = Gap { rule: "x".into(), object: "var/lib/dpkg/status".into(), why: "cut".into() };
        assert_eq!(
            gap.into_finding(Severity::Medium).status,
            Status::Unknown { gap: "cut".into() }
        );
    }
}
