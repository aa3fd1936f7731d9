use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{Meta, null_is_default};

/// A number or a name: ports are given as either.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrString {
    /// Number.
    Int(i64),
    /// Name.
    String(String),
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::String(name) => name.fmt(f),
        }
    }
}

/// A Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Metadata.
    #[serde(deserialize_with = "null_is_default")]
    pub metadata: Meta,
    /// What it is.
    #[serde(deserialize_with = "null_is_default")]
    pub spec: ServiceSpec,
}

/// `spec` of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// `ClusterIP` (also when unset), `NodePort`, `LoadBalancer` or `ExternalName`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Labels of the pods behind it; none selects none.
    #[serde(deserialize_with = "null_is_default")]
    pub selector: BTreeMap<String, String>,
    /// Ports.
    #[serde(deserialize_with = "null_is_default")]
    pub ports: Vec<ServicePort>,
    /// Address inside the cluster; `None` for headless ones.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<String>,
    /// Addresses that nodes take for it, whoever they belong to.
    #[serde(rename = "externalIPs", deserialize_with = "null_is_default")]
    pub external_ips: Vec<String>,
    /// Name that it stands for, of type `ExternalName`.
    pub external_name: Option<String>,
    /// Where a load balancer takes requests from; empty is anywhere.
    #[serde(deserialize_with = "null_is_default")]
    pub load_balancer_source_ranges: Vec<String>,
}

/// A port of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// Name.
    pub name: Option<String>,
    /// Port of the service.
    #[serde(deserialize_with = "null_is_default")]
    pub port: i32,
    /// Port of the pods; unset is the same number.
    pub target_port: Option<IntOrString>,
    /// Port of every node; 0 for none.
    #[serde(deserialize_with = "null_is_default")]
    pub node_port: i32,
    /// `TCP` (also when unset), `UDP` or `SCTP`.
    pub protocol: Option<String>,
}

/// A Namespace.
pub type Namespace = super::Metadata;
