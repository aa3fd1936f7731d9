use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{IntOrString, PodSecurityContext, SecurityContext, Volume, null_is_default};

/// What a pod is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// Containers that run one after the other before the others start.
    #[serde(deserialize_with = "null_is_default")]
    pub init_containers: Vec<Container>,
    /// Containers.
    #[serde(deserialize_with = "null_is_default")]
    pub containers: Vec<Container>,
    /// Containers that were put into the running pod.
    #[serde(deserialize_with = "null_is_default")]
    pub ephemeral_containers: Vec<Container>,
    /// Volumes.
    #[serde(deserialize_with = "null_is_default")]
    pub volumes: Vec<Volume>,
    /// Security settings of all containers.
    pub security_context: Option<PodSecurityContext>,
    /// Whether it is in the node's network namespace.
    #[serde(deserialize_with = "null_is_default")]
    pub host_network: bool,
    /// Whether it is in the node's process namespace.
    #[serde(rename = "hostPID", deserialize_with = "null_is_default")]
    pub host_pid: bool,
    /// Whether it is in the node's IPC namespace.
    #[serde(rename = "hostIPC", deserialize_with = "null_is_default")]
    pub host_ipc: bool,
    /// Whether it is in the node's user namespace; unset is true.
    pub host_users: Option<bool>,
    /// Whether its containers share one process namespace.
    pub share_process_namespace: Option<bool>,
    /// Operating system that it is made for.
    pub os: Option<PodOs>,
    /// Service account; unset or empty is `default`.
    pub service_account_name: Option<String>,
    /// The old name of the same field.
    pub service_account: Option<String>,
    /// Whether its containers get a token of the service account.
    pub automount_service_account_token: Option<bool>,
    /// Node that it has to run on.
    pub node_name: Option<String>,
    /// Priority class.
    pub priority_class_name: Option<String>,
    /// Runtime class.
    pub runtime_class_name: Option<String>,
    /// Names that lead to addresses of the pod's own choice.
    #[serde(deserialize_with = "null_is_default")]
    pub host_aliases: Vec<HostAlias>,
    /// Taints that do not keep it away.
    #[serde(deserialize_with = "null_is_default")]
    pub tolerations: Vec<Toleration>,
    /// Where it wants to run, and with whom.
    pub affinity: Option<Value>,
    /// How pods of its kind are spread over nodes.
    #[serde(deserialize_with = "null_is_default")]
    pub topology_spread_constraints: Vec<Value>,
}

/// Names of an address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostAlias {
    /// The address.
    #[serde(deserialize_with = "null_is_default")]
    pub ip: String,
    /// The names.
    #[serde(deserialize_with = "null_is_default")]
    pub hostnames: Vec<String>,
}

/// A taint that does not keep a pod away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Toleration {
    /// Key of the taint; empty is any.
    #[serde(deserialize_with = "null_is_default")]
    pub key: String,
    /// `Equal` (also when unset) or `Exists`.
    #[serde(deserialize_with = "null_is_default")]
    pub operator: String,
    /// Effect of the taint; empty is any.
    #[serde(deserialize_with = "null_is_default")]
    pub effect: String,
}

impl PodSpec {
    /// Init containers, containers, ephemeral containers: in this order.
    pub fn all_containers(&self) -> impl Iterator<Item = &Container> {
        self.init_containers.iter().chain(&self.containers).chain(&self.ephemeral_containers)
    }

    /// Whether it is in a user namespace of its own.
    pub fn has_user_namespace(&self) -> bool {
        self.host_users == Some(false)
    }

    /// Whether it says that it is made for Windows.
    pub fn is_windows(&self) -> bool {
        self.os.as_ref().is_some_and(|os| os.name == "windows")
    }
}

/// `os` of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodOs {
    /// `linux` or `windows`.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
}

/// A container of a pod.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Name.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    /// Image reference.
    #[serde(deserialize_with = "null_is_default")]
    pub image: String,
    /// `Always`, `IfNotPresent` or `Never`.
    #[serde(deserialize_with = "null_is_default")]
    pub image_pull_policy: String,
    /// Program, instead of the image's.
    #[serde(deserialize_with = "null_is_default")]
    pub command: Vec<String>,
    /// Arguments.
    #[serde(deserialize_with = "null_is_default")]
    pub args: Vec<String>,
    /// Environment.
    #[serde(deserialize_with = "null_is_default")]
    pub env: Vec<EnvVar>,
    /// Environment out of whole config maps and secrets.
    #[serde(deserialize_with = "null_is_default")]
    pub env_from: Vec<EnvFromSource>,
    /// Ports.
    #[serde(deserialize_with = "null_is_default")]
    pub ports: Vec<ContainerPort>,
    /// Requests and limits.
    #[serde(deserialize_with = "null_is_default")]
    pub resources: ResourceRequirements,
    /// Security settings.
    pub security_context: Option<SecurityContext>,
    /// Whether it is alive.
    pub liveness_probe: Option<Probe>,
    /// Whether it can take requests.
    pub readiness_probe: Option<Probe>,
    /// Whether it has started.
    pub startup_probe: Option<Probe>,
    /// What to do after the start and before the stop.
    pub lifecycle: Option<Lifecycle>,
    /// Where volumes are mounted.
    #[serde(deserialize_with = "null_is_default")]
    pub volume_mounts: Vec<VolumeMount>,
    /// `Always` makes an init container a sidecar.
    pub restart_policy: Option<String>,
}

/// An environment variable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvVar {
    /// Name.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    /// Value, in the open.
    pub value: Option<String>,
    /// Where the value comes from.
    pub value_from: Option<EnvVarSource>,
}

/// Where the value of a variable comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvVarSource {
    /// A key of a secret.
    pub secret_key_ref: Option<KeySelector>,
    /// A key of a config map.
    pub config_map_key_ref: Option<KeySelector>,
}

/// A key of a secret or config map.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeySelector {
    /// Name of the object.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    /// Key in it.
    #[serde(deserialize_with = "null_is_default")]
    pub key: String,
}

/// Variables out of a whole object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EnvFromSource {
    /// All keys of a secret.
    pub secret_ref: Option<NamedReference>,
    /// All keys of a config map.
    pub config_map_ref: Option<NamedReference>,
}

/// A name of an object in the same namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedReference {
    /// The name.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
}

/// A port of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// Name by which services and policies refer to it.
    pub name: Option<String>,
    /// Number.
    #[serde(deserialize_with = "null_is_default")]
    pub container_port: i32,
    /// Port of the node that leads to it; 0 for none.
    #[serde(deserialize_with = "null_is_default")]
    pub host_port: i32,
    /// `TCP`, `UDP` or `SCTP`; unset is TCP.
    pub protocol: Option<String>,
}

/// Requests and limits by resource, as quantities.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourceRequirements {
    /// What is set aside.
    #[serde(deserialize_with = "null_is_default")]
    pub requests: BTreeMap<String, Value>,
    /// What may not be exceeded.
    #[serde(deserialize_with = "null_is_default")]
    pub limits: BTreeMap<String, Value>,
}

/// A probe.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// Asks by HTTP.
    pub http_get: Option<HostAction>,
    /// Opens a connection.
    pub tcp_socket: Option<HostAction>,
    /// Runs a program.
    pub exec: Option<Value>,
    /// Asks by gRPC.
    pub grpc: Option<Value>,
    /// Failures in a row that count; unset is 3.
    pub failure_threshold: Option<i64>,
}

impl Probe {
    /// What it does, without how often.
    pub fn handler(
        &self,
    ) -> (Option<&HostAction>, Option<&HostAction>, Option<&Value>, Option<&Value>) {
        (self.http_get.as_ref(), self.tcp_socket.as_ref(), self.exec.as_ref(), self.grpc.as_ref())
    }
}

/// What to do at a moment in a container's life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Lifecycle {
    /// After the start.
    pub post_start: Option<Handler>,
    /// Before the stop.
    pub pre_stop: Option<Handler>,
}

/// What a [`Lifecycle`] does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Handler {
    /// Asks by HTTP.
    pub http_get: Option<HostAction>,
    /// Opens a connection.
    pub tcp_socket: Option<HostAction>,
}

/// A request or connection that the kubelet makes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostAction {
    /// Host; empty is the pod itself.
    #[serde(deserialize_with = "null_is_default")]
    pub host: String,
    /// Number or name of the port.
    pub port: Option<IntOrString>,
    /// Path of a request by HTTP.
    pub path: Option<String>,
}

/// Where a volume is mounted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VolumeMount {
    /// Name of the volume.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    /// Path in the container.
    #[serde(deserialize_with = "null_is_default")]
    pub mount_path: String,
    /// Whether it cannot be written to.
    #[serde(deserialize_with = "null_is_default")]
    pub read_only: bool,
    /// `Bidirectional` lets mounts reach the node.
    pub mount_propagation: Option<String>,
}
