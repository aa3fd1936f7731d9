use serde::{Deserialize, Serialize};

use crate::{Decision, Package, Rule};

/// Version of the JSON report: fields are only ever added; the number rises when one is.
pub const SCHEMA_VERSION: u32 = 1;

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
    /// Findings that a waiver covers.
    pub waived: usize,
    /// Failures for which a fix exists.
    pub fixable: usize,
}
