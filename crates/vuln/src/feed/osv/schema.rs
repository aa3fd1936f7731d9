//! The parts of an OSV record that matter here.

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) withdrawn: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) summary: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) details: String,
    #[serde(deserialize_with = "nullable")]
    pub(super) aliases: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) upstream: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) related: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) severity: Vec<SeverityScore>,
    #[serde(deserialize_with = "nullable")]
    pub(super) affected: Vec<AffectedPackage>,
    #[serde(deserialize_with = "nullable")]
    pub(super) references: Vec<Reference>,
    #[serde(deserialize_with = "nullable")]
    pub(super) database_specific: DatabaseSpecific,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SeverityScore {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) score: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reference {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AffectedPackage {
    pub(super) package: Option<Package>,
    #[serde(deserialize_with = "nullable")]
    pub(super) ranges: Vec<EventRange>,
    #[serde(deserialize_with = "nullable")]
    pub(super) versions: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    pub(super) ecosystem_specific: EcosystemSpecific,
    #[serde(deserialize_with = "nullable")]
    pub(super) database_specific: DatabaseSpecific,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Package {
    pub(super) ecosystem: String,
    pub(super) name: String,
    pub(super) purl: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EventRange {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) events: Vec<Event>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    pub(super) introduced: Option<String>,
    pub(super) fixed: Option<String>,
    pub(super) last_affected: Option<String>,
    pub(super) limit: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct EcosystemSpecific {
    #[serde(deserialize_with = "lenient")]
    pub(super) urgency: String,
}

/// What a database adds: GitHub to a record and to what is affected, RustSec to what is affected.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct DatabaseSpecific {
    #[serde(deserialize_with = "lenient")]
    pub(super) severity: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) informational: String,
    #[serde(deserialize_with = "lenient")]
    pub(super) last_known_affected_version_range: String,
}

/// Some publishers write `null` for an empty list.
fn nullable<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Each ecosystem defines its own fields: what is a text in one may be anything in another.
fn lenient<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => Ok(text),
        _ => Ok(String::new()),
    }
}
