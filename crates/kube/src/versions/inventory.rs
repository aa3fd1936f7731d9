use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

use crate::{Snapshot, api::null_is_default};

/// What runs in which version, each with where it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Components by what they are and their version.
    pub components: Vec<Component>,
    /// What has a version that is none: the place and the text.
    pub unclear: Vec<(String, String)>,
}

/// A part of a cluster in one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// What it is.
    pub role: Role,
    /// Its version.
    pub version: Version,
    /// The version as it says itself: `v1.31.4+k3s1`.
    pub text: String,
    /// Nodes or pods that have it.
    pub places: Vec<String>,
}

/// What a component is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// The API server, and with it the control plane.
    ApiServer,
    /// The kubelet of a node.
    Kubelet,
    /// The container runtime of a node: `containerd`, `cri-o`.
    Runtime(String),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiServer => "kube-apiserver",
            Self::Kubelet => "kubelet",
            Self::Runtime(name) => name,
        })
    }
}

/// Major, minor, patch; what distributions put behind is left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

impl Version {
    /// The version at the beginning of a text: `v1.31.4-eks-1`.
    pub fn of(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let numbers = text.split(['-', '+', '~', ' ']).next()?;
        let mut parts = numbers.split('.').map(|part| part.parse::<u32>().ok());
        let mut next = || parts.next().flatten();
        let (major, minor, patch) = (next()?, next()?, next()?);
        Some(Self { major, minor, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Node {
    #[serde(deserialize_with = "null_is_default")]
    status: NodeStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeStatus {
    #[serde(deserialize_with = "null_is_default")]
    node_info: NodeInfo,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct NodeInfo {
    #[serde(deserialize_with = "null_is_default")]
    kubelet_version: String,
    #[serde(deserialize_with = "null_is_default")]
    container_runtime_version: String,
}

/// The versions that a snapshot shows. The server's is `server` if that is known, else that of the
/// images of the kube-apiserver pods.
pub fn inventory(snapshot: &Snapshot, server: Option<&str>) -> Inventory {
    let mut seen: BTreeMap<(Role, String), Vec<String>> = BTreeMap::new();
    for object in snapshot.of("", "Node") {
        let Ok(node) = object.view::<Node>() else { continue };
        let info = node.status.node_info;
        let place = format!("Node {}", object.name);
        if !info.kubelet_version.is_empty() {
            seen.entry((Role::Kubelet, info.kubelet_version)).or_default().push(place.clone());
        }
        if let Some((name, version)) = info.container_runtime_version.split_once("://") {
            let role = Role::Runtime(name.to_owned());
            seen.entry((role, version.to_owned())).or_default().push(place);
        }
    }
    match server {
        Some(text) => {
            seen.insert((Role::ApiServer, text.to_owned()), vec!["as said".into()]);
        }
        None => match &snapshot.server_version {
            Some(text) => {
                seen.insert((Role::ApiServer, text.clone()), vec!["as the server says".into()]);
            }
            None => servers(snapshot, &mut seen),
        },
    }
    let mut inventory = Inventory::default();
    for ((role, text), places) in seen {
        match Version::of(&text) {
            Some(version) => {
                inventory.components.push(Component { role, version, text, places });
            }
            None => {
                inventory.unclear.extend(places.into_iter().map(|one| (one, text.clone())));
            }
        }
    }
    inventory
}

fn servers(snapshot: &Snapshot, seen: &mut BTreeMap<(Role, String), Vec<String>>) {
    for workload in snapshot.workloads().workloads {
        for container in &workload.spec.containers {
            let Some((name, tag)) = container.image.rsplit_once(':') else { continue };
            let is_server = name.rsplit('/').next().is_some_and(|name| {
                name == "kube-apiserver" || name.starts_with("kube-apiserver-")
            });
            if is_server && workload.namespace() == "kube-system" {
                let tag = tag.split('@').next().unwrap_or(tag).to_owned();
                seen.entry((Role::ApiServer, tag)).or_default().push(workload.object.title());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_what_distributions_add() {
        for (text, version) in [
            ("v1.31.4", Some("1.31.4")),
            ("1.29.3-gke.1282000", Some("1.29.3")),
            ("v1.27.4+k3s1", Some("1.27.4")),
            ("1.7.13~ds1", Some("1.7.13")),
            ("v1.31", None),
            ("latest", None),
            ("", None),
            ("1.2.99999999999", None),
        ] {
            let found = Version::of(text).map(|version| version.to_string());
            assert_eq!(found.as_deref(), version, "{text}");
        }
    }
}
