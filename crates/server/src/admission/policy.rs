use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::Severity;
use cofferdam_kube::{
    practice::PRACTICES,
    pss::{CHECKS, Level, Version},
};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// Bytes of a policy: rules and namespaces by the thousand.
const SIZE_LIMIT: usize = 1 << 20;

/// What happens to a request that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing.
    Ignore,
    /// It is noted in the server's audit log.
    Audit,
    /// Whoever made it is warned; it is noted, too.
    Warn,
    /// It is refused.
    Deny,
}

/// Which rules are in force, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Level of the Pod Security Standards whose checks are made.
    pub level: Level,
    /// Version of the standard.
    pub version: Version,
    /// Registries and repositories that images may come from; empty allows all.
    pub registries: Vec<String>,
    /// What happens by severity of a rule.
    pub actions: BTreeMap<Severity, Action>,
    /// What happens by rule, whatever its severity.
    pub rules: BTreeMap<String, Action>,
    /// Namespaces about which nothing is said.
    pub namespaces: BTreeSet<String>,
    /// Users to whom nothing is said: `system:node:*` by prefix.
    pub users: Vec<String>,
    /// What happens to objects that cannot be understood.
    pub not_understood: Action,
}

/// Why a text is no policy.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// It is not what a policy looks like.
    #[error("{0}")]
    Format(String),
    /// It names a rule that is not there.
    #[error("there is no rule '{0}' that admission can check")]
    NoRule(String),
}

impl Action {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Audit => "audit",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }
}

impl Default for Policy {
    /// Refuses what is high or worse at the level baseline, warns of what is medium, and notes the rest.
    fn default() -> Self {
        Self {
            level: Level::Baseline,
            version: Version::Latest,
            registries: Vec::new(),
            actions: BTreeMap::from([
                (Severity::Critical, Action::Deny),
                (Severity::High, Action::Deny),
                (Severity::Medium, Action::Warn),
                (Severity::Low, Action::Audit),
                (Severity::Info, Action::Ignore),
            ]),
            rules: BTreeMap::new(),
            namespaces: BTreeSet::from(["kube-system".to_owned()]),
            users: Vec::new(),
            not_understood: Action::Deny,
        }
    }
}

/// A policy as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema_version: u32,
    #[serde(default, deserialize_with = "parsed")]
    level: Option<Level>,
    #[serde(default, deserialize_with = "parsed")]
    standard_version: Option<Version>,
    #[serde(default)]
    registries: Vec<String>,
    #[serde(default)]
    actions: BTreeMap<String, Action>,
    #[serde(default)]
    rules: BTreeMap<String, Action>,
    #[serde(default)]
    exempt: Exempt,
    not_understood: Option<Action>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Exempt {
    namespaces: Option<BTreeSet<String>>,
    users: Vec<String>,
}

fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

impl Policy {
    /// Reads a policy, which is TOML. What it leaves out is as in the default.
    ///
    /// # Errors
    /// If it is none, or names a rule or a key that is not there: a policy that is not understood
    /// must not be taken for one that permits.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > SIZE_LIMIT {
            return Err(PolicyError::Format(format!("it has more than {SIZE_LIMIT} bytes")));
        }
        let document: Document =
            toml::from_str(text).map_err(|error| PolicyError::Format(error.to_string()))?;
        if document.schema_version != 1 {
            let version = document.schema_version;
            return Err(PolicyError::Format(format!(
                "schema_version {version} is not known; 1 is"
            )));
        }
        let default = Self::default();
        let mut actions = default.actions;
        for (name, action) in document.actions {
            let severity = name.parse::<Severity>().map_err(PolicyError::Format)?;
            actions.insert(severity, action);
        }
        if let Some(unknown) = document.rules.keys().find(|id| !is_rule(id)) {
            return Err(PolicyError::NoRule(unknown.clone()));
        }
        Ok(Self {
            level: document.level.unwrap_or(default.level),
            version: document.standard_version.unwrap_or(default.version),
            registries: document.registries,
            actions,
            rules: document.rules,
            namespaces: document.exempt.namespaces.unwrap_or(default.namespaces),
            users: document.exempt.users,
            not_understood: document.not_understood.unwrap_or(default.not_understood),
        })
    }

    /// What happens to a request that breaks a rule.
    pub fn action(&self, rule: &str, severity: Severity) -> Action {
        let by_severity = || self.actions.get(&severity).copied().unwrap_or(Action::Audit);
        self.rules.get(rule).copied().unwrap_or_else(by_severity)
    }

    /// Why nothing is said about a request, if that is so.
    pub fn exempts(&self, namespace: &str, user: &str) -> Option<&'static str> {
        let is_user = |exempt: &String| match exempt.strip_suffix('*') {
            Some(prefix) => user.starts_with(prefix),
            None => user == exempt,
        };
        if self.namespaces.contains(namespace) {
            Some("the namespace is exempt")
        } else if self.users.iter().any(is_user) {
            Some("the user is exempt")
        } else {
            None
        }
    }
}

fn is_rule(id: &str) -> bool {
    CHECKS
        .iter()
        .map(|check| &check.rule)
        .chain(PRACTICES.iter().map(|one| &one.rule))
        .any(|rule| rule.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_as_in_the_default() {
        assert_eq!(Policy::parse("schema_version = 1").unwrap(), Policy::default());
    }

    #[test]
    fn a_policy_says_what_happens_by_rule_and_by_severity() {
        let policy = Policy::parse(
            "schema_version = 1\nlevel = \"restricted\"\nstandard_version = \"v1.30\"\n\
             registries = [\"quay.io/org\"]\nnot_understood = \"warn\"\n\
             [actions]\nhigh = \"warn\"\n[rules]\nkube-image-tag = \"deny\"\n\
             [exempt]\nnamespaces = [\"a\"]\nusers = [\"system:node:*\", \"root\"]\n",
        )
        .unwrap();
        assert_eq!(policy.action("kube-image-tag", Severity::Medium), Action::Deny);
        assert_eq!(policy.action("kube-privileged", Severity::High), Action::Warn);
        assert_eq!(policy.action("kube-runtime-socket", Severity::Critical), Action::Deny);
        for (namespace, user, exempt) in [
            ("a", "x", true),
            ("b", "system:node:n", true),
            ("b", "root", true),
            ("b", "roots", false),
            ("kube-system", "x", false),
        ] {
            assert_eq!(policy.exempts(namespace, user).is_some(), exempt, "{namespace} {user}");
        }
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in [
            "",
            "schema_version = 2",
            "schema_version = 1\ndeny = true",
            "schema_version = 1\nlevel = \"strict\"",
            "schema_version = 1\n[rules]\nkube-image-tags = \"deny\"",
            "schema_version = 1\n[rules]\nkube-image-tag = \"refuse\"",
            "schema_version = 1\n[actions]\nsevere = \"deny\"",
            "schema_version = 1\n[exempt]\nnamespace = [\"a\"]",
        ] {
            assert!(Policy::parse(text).is_err(), "{text}");
        }
    }
}
