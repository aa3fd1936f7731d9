use std::{fmt, str::FromStr};

use serde::Serialize;
use thiserror::Error;

/// User name of a service account: `system:serviceaccount:NAMESPACE:NAME`.
const ACCOUNT_PREFIX: &str = "system:serviceaccount:";

/// Who is authenticated: a user, a group, a service account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "kind")]
pub enum SubjectId {
    /// A user, by the name that authentication gives.
    User {
        /// Name.
        name: String,
    },
    /// Everybody in a group.
    Group {
        /// Name.
        name: String,
    },
    /// A service account.
    ServiceAccount {
        /// Namespace.
        namespace: String,
        /// Name.
        name: String,
    },
}

/// A word names no subject.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is none of user:NAME, group:NAME, sa:NAMESPACE/NAME")]
pub struct SubjectError(String);

impl SubjectId {
    /// The user of that name; a service account if the name is one's.
    pub fn user(name: &str) -> Self {
        let account = name.strip_prefix(ACCOUNT_PREFIX).and_then(|rest| rest.split_once(':'));
        match account {
            Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                Self::account(namespace, name)
            }
            _ => Self::User { name: name.to_owned() },
        }
    }

    /// The group of that name.
    pub fn group(name: &str) -> Self {
        Self::Group { name: name.to_owned() }
    }

    /// The service account `name` of `namespace`.
    pub fn account(namespace: &str, name: &str) -> Self {
        Self::ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

impl fmt::Display for SubjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { name } => write!(f, "user:{name}"),
            Self::Group { name } => write!(f, "group:{name}"),
            Self::ServiceAccount { namespace, name } => write!(f, "sa:{namespace}/{name}"),
        }
    }
}

impl FromStr for SubjectId {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let wrong = || SubjectError(text.to_owned());
        if text.starts_with(ACCOUNT_PREFIX) {
            return Ok(Self::user(text));
        }
        match text.split_once(':') {
            Some(("user", name)) if !name.is_empty() => Ok(Self::user(name)),
            Some(("group", name)) if !name.is_empty() => Ok(Self::group(name)),
            Some(("sa" | "serviceaccount", name)) => match name.split_once('/') {
                Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
                    Ok(Self::account(namespace, name))
                }
                _ => Err(wrong()),
            },
            // Names of the control plane have a colon of their own.
            Some(("system", _)) => Ok(Self::user(text)),
            _ => Err(wrong()),
        }
    }
}

/// Groups that authentication puts a subject into, whatever else it says of it.
pub fn implicit_groups(subject: &SubjectId) -> Vec<String> {
    match subject {
        SubjectId::ServiceAccount { namespace, .. } => vec![
            "system:serviceaccounts".into(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".into(),
        ],
        SubjectId::User { name } if name == "system:anonymous" => {
            vec!["system:unauthenticated".into()]
        }
        SubjectId::User { name } if name.starts_with("system:node:") => {
            vec!["system:nodes".into(), "system:authenticated".into()]
        }
        SubjectId::User { .. } => vec!["system:authenticated".into()],
        // A group's members are whoever they are; only these two exclude each other.
        SubjectId::Group { name } => match name.as_str() {
            "system:unauthenticated" | "system:authenticated" => Vec::new(),
            "system:serviceaccounts" => vec!["system:authenticated".into()],
            _ if name.starts_with("system:serviceaccounts:") => {
                vec!["system:serviceaccounts".into(), "system:authenticated".into()]
            }
            _ => vec!["system:authenticated".into()],
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_read_as_they_are_written() {
        for text in ["user:alice", "group:system:masters", "sa:shop/web", "user:system:admin"] {
            assert_eq!(text.parse::<SubjectId>().unwrap().to_string(), text);
        }
        for text in ["system:serviceaccount:shop:web", "user:system:serviceaccount:shop:web"] {
            assert_eq!(text.parse::<SubjectId>().unwrap().to_string(), "sa:shop/web");
        }
        for wrong in ["alice", "user:", "sa:web", "sa:/web", "sa:shop/", ""] {
            assert!(wrong.parse::<SubjectId>().is_err(), "{wrong}");
        }
    }
}
