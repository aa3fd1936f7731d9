use serde::{Deserialize, Serialize};
use time::{Date, macros::format_description};

use crate::{Finding, glob};

mod parse;

pub use parse::WaiverError;

time::serde::format_description!(iso_date, Date, "[year]-[month]-[day]");

/// A decision to live with a finding, until a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Rule id, such as a CVE, with `*`.
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
    /// Why the vulnerability does no harm, as VEX labels it (`vulnerable_code_not_present`, …); none
    /// if the waiver says that somebody lives with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
    /// Last day on which it holds, `YYYY-MM-DD`.
    #[serde(with = "iso_date")]
    pub expires: Date,
}

impl Waiver {
    /// Whether it no longer holds on `today`. The day of expiry is its last.
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires < today
    }

    /// Whether it is about the target of this name.
    pub fn concerns(&self, target: &str) -> bool {
        self.target.as_deref().is_none_or(|pattern| glob::matches(pattern, target))
    }

    /// Whether it is about this finding, whatever the target.
    pub fn matches(&self, finding: &Finding) -> bool {
        glob::matches(&self.rule, &finding.rule) && self.matches_subject(&finding.subject)
    }

    pub(crate) fn matches_subject(&self, subject: &str) -> bool {
        self.subject.as_deref().is_none_or(|pattern| glob::matches(pattern, subject))
    }

    /// The day of expiry, `YYYY-MM-DD`.
    pub fn last_day(&self) -> String {
        self.expires
            .format(format_description!("[year]-[month]-[day]"))
            .unwrap_or_else(|_| self.expires.to_string())
    }
}

/// The waivers of a file, in the file's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Waivers(pub Vec<Waiver>);

impl Waivers {
    /// Reads a waivers file: TOML, one `[[waiver]]` table an entry.
    ///
    /// # Errors
    ///
    /// The text is not TOML, or an entry has an unknown key, lacks a required one, has one of a
    /// wrong type or an empty one, an impossible date, or would waive everything everywhere. The
    /// error names the entry, the line and the key.
    pub fn parse(text: &str) -> Result<Self, WaiverError> {
        parse::waivers(text).map(Self)
    }
}
