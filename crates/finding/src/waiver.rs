use serde::{Deserialize, Serialize};

/// A decision to live with a finding, until a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Rule id, such as a CVE.
    pub rule: String,
    /// Subject (package, path) it is limited to, with `*`; everything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Target it is limited to, with `*`; everything if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Last day on which it holds, `YYYY-MM-DD`.
    pub expires: String,
}

/// The waivers of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waivers(pub Vec<Waiver>);

/// Why a waivers file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WaiverError {
    /// Not TOML, an unknown key, or a missing one.
    #[error("waivers file is not valid")]
    Syntax(#[from] toml::de::Error),
}
