//! What is particular to Linux (config-linux.md).

use std::collections::BTreeMap;

use super::{Resources, Seccomp};

object! {
    /// What is particular to Linux (config-linux.md).
    pub struct Linux {
        optional {
            /// User ids of the container in the host's.
            uid_mappings: Vec<IdMapping>,
            /// Group ids of the container in the host's.
            gid_mappings: Vec<IdMapping>,
            /// Kernel parameters to set in the container's namespaces.
            sysctl: BTreeMap<String, String>,
            /// Limits.
            resources: Option<Resources>,
            /// Where the container's cgroup is.
            cgroups_path: String,
            /// Namespaces to make or to join.
            namespaces: Vec<Namespace>,
            /// Devices beyond the default ones.
            devices: Vec<Device>,
            /// Host network devices to move inside, by their host name.
            net_devices: BTreeMap<String, NetDevice>,
            /// System-call filter.
            seccomp: Option<Seccomp>,
            /// Propagation of the root mount.
            rootfs_propagation: Option<RootfsPropagation>,
            /// Paths that read as empty inside.
            masked_paths: Vec<String>,
            /// Paths that are read-only inside.
            readonly_paths: Vec<String>,
            /// SELinux context of mounts.
            mount_label: String,
            /// Cache and memory bandwidth allocation.
            intel_rdt: Option<IntelRdt>,
            /// NUMA memory policy.
            memory_policy: Option<MemoryPolicy>,
            /// Execution domain.
            personality: Option<Personality>,
            /// Offsets of `monotonic` and `boottime` in the time namespace.
            time_offsets: BTreeMap<String, TimeOffset>,
            /// Landlock, an extension that was proposed and is not part of the specification.
            landlock: Option<serde_json::Value>,
        }
    }
}

impl Linux {
    /// The namespace of this type, if it is asked for.
    #[must_use]
    pub fn namespace(&self, kind: NamespaceType) -> Option<&Namespace> {
        self.namespaces.iter().find(|n| n.kind == kind)
    }
}

names! {
    /// Namespace type (namespaces(7)).
    pub enum NamespaceType {
        /// Process ids.
        Pid = "pid",
        /// Network stack.
        Network = "network",
        /// Mount table.
        Mount = "mount",
        /// System V IPC and POSIX message queues.
        Ipc = "ipc",
        /// Host name.
        Uts = "uts",
        /// User and group ids, capabilities.
        User = "user",
        /// View of the cgroup tree.
        Cgroup = "cgroup",
        /// Monotonic and boot-time clocks.
        Time = "time",
    }
}

/// A namespace to make or to join.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Namespace {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: NamespaceType,
    /// A file of the namespace to join, such as `/proc/123/ns/net`; empty makes a new one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
}

object! {
    /// A range of ids (user_namespaces(7)).
    #[derive(Copy, Eq)]
    pub struct IdMapping {
        required {
            /// First id inside.
            #[serde(rename = "containerID")]
            container_id: u32,
            /// First id outside.
            #[serde(rename = "hostID")]
            host_id: u32,
            /// How many.
            size: u32,
        }
    }
}

object! {
    /// Offset of a clock (time_namespaces(7)).
    pub struct TimeOffset {
        optional {
            /// Seconds.
            secs: i64,
            /// Nanoseconds, below 10⁹.
            nanosecs: u32,
        }
    }
}

names! {
    /// Type of a device node (mknod(1)).
    pub enum DeviceType {
        /// Character device.
        Character = "c",
        /// Unbuffered character device, the same on Linux.
        Unbuffered = "u",
        /// Block device.
        Block = "b",
        /// Named pipe.
        Fifo = "p",
    }
}

/// A device node to make inside.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// Path inside.
    pub path: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: DeviceType,
    /// Major number; not for pipes.
    #[serde(default)]
    pub major: i64,
    /// Minor number; not for pipes.
    #[serde(default)]
    pub minor: i64,
    /// Permission bits; 0666 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_mode: Option<u32>,
    /// Owner, in the container's ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Group, in the container's ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
}

object! {
    /// A host network device to move inside.
    pub struct NetDevice {
        optional {
            /// Its name inside; the host's if empty.
            name: String,
        }
    }
}

names! {
    /// Propagation of the root mount (mount_namespaces(7)).
    pub enum RootfsPropagation {
        /// Mounts go both ways.
        Shared = "shared",
        /// The host's mounts come in.
        Slave = "slave",
        /// None.
        Private = "private",
        /// None, and it cannot be bound elsewhere.
        Unbindable = "unbindable",
        /// As `shared`, and for all mounts below: what engines write.
        SharedBelow = "rshared",
        /// As `slave`, and for all mounts below: what engines write.
        SlaveBelow = "rslave",
        /// As `private`, and for all mounts below: what engines write.
        PrivateBelow = "rprivate",
        /// As `unbindable`, and for all mounts below: what engines write.
        UnbindableBelow = "runbindable",
    }
}

names! {
    /// Execution domain (personality(2)).
    pub enum PersonalityDomain {
        /// The machine's own.
        Linux = "LINUX",
        /// 32 bits.
        Linux32 = "LINUX32",
    }
}

/// Execution domain (personality(2)).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Personality {
    /// The domain.
    pub domain: PersonalityDomain,
    /// The specification knows none yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

object! {
    /// Cache and memory bandwidth allocation by resctrl.
    pub struct IntelRdt {
        optional {
            /// Class of service.
            #[serde(rename = "closID")]
            clos_id: String,
            /// Lines of the schemata file.
            schemata: Vec<String>,
            /// L3 line of the schemata file.
            l3_cache_schema: String,
            /// Memory-bandwidth line of the schemata file.
            mem_bw_schema: String,
            /// Whether a monitoring group is made.
            enable_monitoring: bool,
        }
    }
}

object! {
    /// NUMA memory policy (set_mempolicy(2)).
    pub struct MemoryPolicy {
        required {
            /// Mode, such as `MPOL_BIND`.
            mode: String,
        }
        optional {
            /// Nodes, such as `0-1`.
            nodes: String,
            /// Flags, such as `MPOL_F_STATIC_NODES`.
            flags: Vec<String>,
        }
    }
}
