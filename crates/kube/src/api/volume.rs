use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A volume of a pod: a name and one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Volume {
    /// Name.
    #[serde(deserialize_with = "super::null_is_default")]
    pub name: String,
    /// What it is, by the field that says so: `hostPath`, `secret`, `projected`, …
    #[serde(flatten)]
    pub sources: BTreeMap<String, Value>,
}

impl Volume {
    /// The source in field `kind`; one that is null is none.
    pub fn source(&self, kind: &str) -> Option<&Value> {
        self.sources.get(kind).filter(|source| !source.is_null())
    }

    /// The directory or file of the node that it is.
    pub fn host_path(&self) -> Option<HostPath<'_>> {
        let source = self.source("hostPath")?;
        let text = |key: &str| source.get(key).and_then(Value::as_str).unwrap_or_default();
        Some(HostPath { path: text("path"), kind: text("type") })
    }
}

/// A `hostPath` source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostPath<'a> {
    /// Path on the node.
    pub path: &'a str,
    /// What has to be there; empty for whatever is.
    pub kind: &'a str,
}
