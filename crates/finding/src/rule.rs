use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How bad it is, least first. `Unknown` is below everything: no source has said.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// No source has rated it.
    #[default]
    Unknown,
    /// Worth knowing, not worth acting on by itself. Distributions call it negligible or unimportant.
    Info,
    /// CVSS 0.1–3.9.
    Low,
    /// CVSS 4.0–6.9.
    Medium,
    /// CVSS 7.0–8.9.
    High,
    /// CVSS 9.0–10.0.
    Critical,
}

impl Severity {
    /// All severities, the worst first, as reports list them.
    pub const DESCENDING: [Self; 6] =
        [Self::Critical, Self::High, Self::Medium, Self::Low, Self::Info, Self::Unknown];

    /// The name as written in every format and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::DESCENDING.into_iter().find(|severity| severity.name() == text).ok_or_else(|| {
            format!("'{text}' is not one of critical, high, medium, low, info, unknown")
        })
    }
}

/// What area a rule belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// A known vulnerability in a package.
    Vulnerability,
    /// How an image, container, host or cluster is set up.
    Configuration,
    /// A secret where it should not be.
    Secret,
    /// What keeps a container in.
    Isolation,
    /// Who may do what.
    Access,
    /// What may talk to what.
    Network,
    /// What the licences of packages ask for.
    License,
    /// What could not be looked at, or looked at with stale data.
    Coverage,
}

impl Topic {
    /// The name as written in every format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vulnerability => "vulnerability",
            Self::Configuration => "configuration",
            Self::Secret => "secret",
            Self::Isolation => "isolation",
            Self::Access => "access",
            Self::Network => "network",
            Self::License => "license",
            Self::Coverage => "coverage",
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a rule looks for, why it matters and how to fix it: the text behind `cofferdam explain`,
/// the reference pages and the SARIF rule table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What the rule looks for.
    pub what: Cow<'static, str>,
    /// Why that is bad.
    pub why: Cow<'static, str>,
    /// How to fix it.
    pub fix: Cow<'static, str>,
}

/// Where to read more: `system` is `CIS`, `NIST SP 800-190`, `CWE`, `CVE`, `URL`, …
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// The catalogue.
    pub system: Cow<'static, str>,
    /// The entry in it, or the address.
    pub id: Cow<'static, str>,
}

impl Reference {
    /// A reference known when the program is built.
    pub const fn new(system: &'static str, id: &'static str) -> Self {
        Self { system: Cow::Borrowed(system), id: Cow::Borrowed(id) }
    }
}

/// A rule. Cofferdam's own rules are static tables with kebab-case ids; a vulnerability is a rule
/// that comes out of the advisory database, its id the CVE (or other advisory) id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Unique, stable name.
    pub id: Cow<'static, str>,
    /// One line.
    pub title: Cow<'static, str>,
    /// Severity unless a finding says otherwise.
    pub severity: Severity,
    /// Area.
    pub topic: Topic,
    /// The long text.
    pub explain: Explanation,
    /// Where to read more.
    pub references: Cow<'static, [Reference]>,
}

impl Rule {
    /// A rule known when the program is built; its explanation is what, why and how to fix it.
    pub const fn new(
        id: &'static str,
        title: &'static str,
        severity: Severity,
        topic: Topic,
        [what, why, fix]: [&'static str; 3],
        references: &'static [Reference],
    ) -> Self {
        Self {
            id: Cow::Borrowed(id),
            title: Cow::Borrowed(title),
            severity,
            topic,
            explain: Explanation {
                what: Cow::Borrowed(what),
                why: Cow::Borrowed(why),
                fix: Cow::Borrowed(fix),
            },
            references: Cow::Borrowed(references),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_order_and_round_trip() {
        assert!(Severity::Critical > Severity::High);
        assert!(Severity::Unknown < Severity::Info);
        for severity in Severity::DESCENDING {
            assert_eq!(severity.name().parse(), Ok(severity));
        }
        assert!("severe".parse::<Severity>().unwrap_err().contains("critical"));
    }
}
