use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::null_is_default;

/// `metadata` of any object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    /// Name.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    /// Namespace; empty where there is none.
    #[serde(deserialize_with = "null_is_default")]
    pub namespace: String,
    /// Labels.
    #[serde(deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(deserialize_with = "null_is_default")]
    pub annotations: BTreeMap<String, String>,
    /// What made it, and what goes when that goes.
    #[serde(deserialize_with = "null_is_default")]
    pub owner_references: Vec<OwnerReference>,
    /// Unique id given by the server.
    #[serde(deserialize_with = "null_is_default")]
    pub uid: String,
}

impl Meta {
    /// The controller that made the object.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller == Some(true))
    }
}

/// An entry of `metadata.ownerReferences`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// Kind of the owner.
    pub kind: String,
    /// Name of the owner, in the same namespace.
    pub name: String,
    /// Unique id of the owner.
    #[serde(deserialize_with = "null_is_default")]
    pub uid: String,
    /// Whether the owner manages the object.
    pub controller: Option<bool>,
}

/// Any object of which only the metadata matters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Metadata {
    /// Its metadata.
    #[serde(default, deserialize_with = "null_is_default")]
    pub metadata: Meta,
}

/// Selects objects by their labels; an empty one selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels that have to be there with these values.
    #[serde(deserialize_with = "null_is_default")]
    pub match_labels: BTreeMap<String, String>,
    /// Requirements that have to hold, all of them.
    #[serde(deserialize_with = "null_is_default")]
    pub match_expressions: Vec<SelectorRequirement>,
}

/// An entry of `matchExpressions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SelectorRequirement {
    /// Label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// Values for `In` and `NotIn`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub values: Vec<String>,
}

impl LabelSelector {
    /// Whether it selects something labelled so; `None` if an operator is none that the API knows.
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> Option<bool> {
        let mut all = self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value));
        for requirement in &self.match_expressions {
            all &= requirement.holds(labels)?;
        }
        Some(all)
    }
}

impl SelectorRequirement {
    /// `NotIn` holds for objects without the label, too.
    fn holds(&self, labels: &BTreeMap<String, String>) -> Option<bool> {
        let value = labels.get(&self.key);
        Some(match self.operator.as_str() {
            "In" => value.is_some_and(|value| self.values.contains(value)),
            "NotIn" => !value.is_some_and(|value| self.values.contains(value)),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => return None,
        })
    }
}
