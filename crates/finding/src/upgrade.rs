use serde::{Deserialize, Serialize};

/// The smallest upgrade of a package that closes the most of its vulnerabilities.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// The package, as findings name it.
    pub subject: String,
    /// Its installed version.
    pub installed: String,
    /// The version to upgrade to; none if no version closes anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Vulnerabilities that it closes.
    pub closes: Vec<String>,
    /// Vulnerabilities that stay open with it.
    pub leaves: Vec<String>,
    /// Vulnerabilities that it brings and the installed version does not have.
    pub brings: Vec<String>,
    /// Of those that it closes, how many are known to be exploited.
    pub exploited: usize,
    /// What to type, where a package manager does it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}
