use serde::{Deserialize, Serialize};

use crate::{Decision, Package, Rule, Severity};

/// Version of the JSON report: fields are only ever added; the number rises when one is.
pub const SCHEMA_VERSION: u32 = 2;

/// Everything that a command has to say about one target. Serialises as the JSON report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The program that made the report.
    pub tool: Tool,
    /// When, RFC 3339, UTC.
    pub created: String,
    /// What was looked at.
    pub target: Target,
    /// The data that findings rest on, each with its age.
    pub data: Vec<DataSource>,
    /// Installed packages.
    pub packages: Vec<Package>,
    /// The rules that findings name.
    pub rules: Vec<Rule>,
    /// What waivers, baselines and thresholds made of the findings, and the findings themselves.
    #[serde(flatten)]
    pub decision: Decision,
}

/// The program that made a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// `cofferdam`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// As the user named it.
    pub name: String,
    /// `oci-layout`, `docker-archive`, `directory`, `registry`, `store`, …
    pub kind: String,
    /// Digest of the image manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// `linux/amd64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// `Debian GNU/Linux 12 (bookworm)`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Digests of the uncompressed layers, the base first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
}

/// Age, in days, above which advisory data is called stale in every report: a month of
/// vulnerabilities is missing from it.
pub const STALE_AFTER_DAYS: i64 = 30;

/// A source of advisory data, and how old it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSource {
    /// `debian-osv`.
    pub name: String,
    /// Date of the data, `YYYY-MM-DD`.
    pub date: String,
    /// Age in days when the report was made.
    pub age_days: i64,
    /// Number of records.
    pub records: u64,
}

impl DataSource {
    /// Whether the data is older than [`STALE_AFTER_DAYS`].
    pub const fn is_stale(&self) -> bool {
        self.age_days > STALE_AFTER_DAYS
    }
}

/// How many findings there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Failures by severity.
    pub critical: usize,
    /// Failures by severity.
    pub high: usize,
    /// Failures by severity.
    pub medium: usize,
    /// Failures by severity.
    pub low: usize,
    /// Failures by severity.
    pub info: usize,
    /// Failures that nobody has rated.
    pub unknown: usize,
    /// Things that could not be looked at.
    pub gaps: usize,
    /// Rules that hold.
    pub passed: usize,
    /// Rules that do not concern the target.
    pub not_applicable: usize,
    /// Findings that a waiver covers, in none of the other counts.
    pub waived: usize,
    /// Failures for which a fix exists.
    pub fixable: usize,
    /// Failures that are known to be exploited.
    #[serde(default)]
    pub exploited: usize,
    /// Findings that a VEX statement closes, in none of the other counts.
    #[serde(default)]
    pub suppressed: usize,
    /// Findings that were known before, under a baseline, in none of the other counts.
    #[serde(default)]
    pub known: usize,
}

impl Summary {
    /// Number of open failures by severity, the worst first.
    pub const fn by_severity(&self) -> [(Severity, usize); 6] {
        [
            (Severity::Critical, self.critical),
            (Severity::High, self.high),
            (Severity::Medium, self.medium),
            (Severity::Low, self.low),
            (Severity::Info, self.info),
            (Severity::Unknown, self.unknown),
        ]
    }

    /// Number of open failures.
    pub fn failures(&self) -> usize {
        self.by_severity().iter().map(|(_, count)| count).sum()
    }
}
