use serde::{Deserialize, Serialize};

use super::null_is_default;

/// `securityContext` of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSecurityContext {
    /// SELinux label.
    pub se_linux_options: Option<SeLinuxOptions>,
    /// Settings for Windows.
    pub windows_options: Option<WindowsOptions>,
    /// User of all processes.
    pub run_as_user: Option<i64>,
    /// Group of all processes.
    pub run_as_group: Option<i64>,
    /// Whether the kubelet refuses to start root.
    pub run_as_non_root: Option<bool>,
    /// System call filter.
    pub seccomp_profile: Option<SecurityProfile>,
    /// AppArmor profile.
    pub app_armor_profile: Option<SecurityProfile>,
    /// Kernel parameters.
    #[serde(deserialize_with = "null_is_default")]
    pub sysctls: Vec<Sysctl>,
}

/// `securityContext` of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityContext {
    /// Capabilities beyond or below those of the runtime.
    pub capabilities: Option<Capabilities>,
    /// Whether it has all devices and capabilities of the host.
    pub privileged: Option<bool>,
    /// SELinux label.
    pub se_linux_options: Option<SeLinuxOptions>,
    /// Settings for Windows.
    pub windows_options: Option<WindowsOptions>,
    /// User of its processes.
    pub run_as_user: Option<i64>,
    /// Group of its processes.
    pub run_as_group: Option<i64>,
    /// Whether the kubelet refuses to start it as root.
    pub run_as_non_root: Option<bool>,
    /// Whether its root file system is read-only.
    pub read_only_root_filesystem: Option<bool>,
    /// Whether processes may gain more privileges than their parent (`no_new_privs` off).
    pub allow_privilege_escalation: Option<bool>,
    /// Which parts of /proc are masked.
    pub proc_mount: Option<String>,
    /// System call filter.
    pub seccomp_profile: Option<SecurityProfile>,
    /// AppArmor profile.
    pub app_armor_profile: Option<SecurityProfile>,
}

/// Capabilities without the prefix `CAP_`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Capabilities {
    /// Added to those that the runtime gives.
    #[serde(deserialize_with = "null_is_default")]
    pub add: Vec<String>,
    /// Taken away.
    #[serde(deserialize_with = "null_is_default")]
    pub drop: Vec<String>,
}

/// SELinux label of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SeLinuxOptions {
    /// User.
    #[serde(deserialize_with = "null_is_default")]
    pub user: String,
    /// Role.
    #[serde(deserialize_with = "null_is_default")]
    pub role: String,
    /// Type.
    #[serde(rename = "type", deserialize_with = "null_is_default")]
    pub kind: String,
    /// Level.
    #[serde(deserialize_with = "null_is_default")]
    pub level: String,
}

/// A seccomp or AppArmor profile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityProfile {
    /// `RuntimeDefault`, `Localhost` or `Unconfined`.
    #[serde(rename = "type", deserialize_with = "null_is_default")]
    pub kind: String,
    /// Name of the profile on the node, for `Localhost`.
    pub localhost_profile: Option<String>,
}

/// A kernel parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sysctl {
    /// Name.
    #[serde(deserialize_with = "null_is_default")]
    pub name: String,
    /// Value.
    #[serde(deserialize_with = "null_is_default")]
    pub value: String,
}

/// Security settings for Windows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WindowsOptions {
    /// Whether it runs as a process of the host.
    pub host_process: Option<bool>,
}
