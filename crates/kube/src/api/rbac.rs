use serde::{Deserialize, Serialize};

use super::{LabelSelector, Meta, null_is_default};

/// A rule of a role: permits `verbs` on resources, or on paths that are none.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyRule {
    /// Verbs; `*` is all.
    #[serde(deserialize_with = "null_is_default")]
    pub verbs: Vec<String>,
    /// API groups; the core group is empty, `*` is all.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub api_groups: Vec<String>,
    /// Resources: `pods`, `pods/exec`, `*/scale`, `*`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<String>,
    /// Names that it is restricted to; empty is all, and requests without a name.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub resource_names: Vec<String>,
    /// Paths such as `/healthz`, `/api/*`.
    #[serde(
        rename = "nonResourceURLs",
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub non_resource_urls: Vec<String>,
}

/// A Role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Role {
    /// Metadata.
    #[serde(deserialize_with = "null_is_default")]
    pub metadata: Meta,
    /// What it permits.
    #[serde(deserialize_with = "null_is_default")]
    pub rules: Vec<PolicyRule>,
}

/// A ClusterRole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterRole {
    /// Metadata.
    #[serde(deserialize_with = "null_is_default")]
    pub metadata: Meta,
    /// What it permits. With an aggregation rule, a controller replaces it.
    #[serde(deserialize_with = "null_is_default")]
    pub rules: Vec<PolicyRule>,
    /// Roles whose rules it takes over.
    pub aggregation_rule: Option<AggregationRule>,
}

/// Roles whose rules a ClusterRole takes over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AggregationRule {
    /// Those that any of these selects.
    #[serde(deserialize_with = "null_is_default")]
    pub cluster_role_selectors: Vec<LabelSelector>,
}

/// A RoleBinding or a ClusterRoleBinding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Binding {
    /// Metadata.
    #[serde(deserialize_with = "null_is_default")]
    pub metadata: Meta,
    /// Who gets the role.
    #[serde(deserialize_with = "null_is_default")]
    pub subjects: Vec<Subject>,
    /// The role.
    #[serde(deserialize_with = "null_is_default")]
    pub role_ref: RoleRef,
}

/// Who gets a role.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subject {
    /// `User`, `Group` or `ServiceAccount`.
    #[serde(deserialize_with = "null_is_default")]
    pub kind: String,
    /// Group of the kind.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub api_group: String,
    /// Name.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    /// Namespace of a service account.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// The role of a binding.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RoleRef {
    /// `rbac.authorization.k8s.io`.
    #[serde(deserialize_with = "null_is_default")]
    pub api_group: String,
    /// `Role` or `ClusterRole`.
    #[serde(deserialize_with = "null_is_default")]
    pub kind: String,
    /// Name.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
}

/// A ServiceAccount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccount {
    /// Metadata.
    #[serde(deserialize_with = "null_is_default")]
    pub metadata: Meta,
    /// Whether pods get its token unless they say otherwise; unset is true.
    pub automount_service_account_token: Option<bool>,
}
