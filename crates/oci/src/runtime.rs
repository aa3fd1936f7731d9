//! Runtime-spec 1.3: the configuration that a container is started from.
//!
//! [`Spec`] is a bundle's `config.json`. Optional fields that are absent, `null` or empty read
//! alike and are left out when written; a required field that is absent is an error that names it.
//! Keys that the specification does not know are ignored while reading, as it asks, and can be
//! listed with [`Spec::unknown_keys`]. Parts for other operating systems (`solaris`, `windows`,
//! `vm`, `zos`, `freebsd`) are kept as they are and not interpreted.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};

/// Defines a JSON object of the specification: required fields must be there, optional ones may be
/// absent or null.
macro_rules! object {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $(required {
                $($(#[$required_meta:meta])* $required:ident: $required_type:ty,)*
            })?
            $(optional {
                $($(#[$optional_meta:meta])* $optional:ident: $optional_type:ty,)*
            })?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            $($($(#[$required_meta])* pub $required: $required_type,)*)?
            $($(
                #[serde(
                    default,
                    deserialize_with = "crate::runtime::null_as_default",
                    skip_serializing_if = "crate::runtime::is_default"
                )]
                $(#[$optional_meta])*
                pub $optional: $optional_type,
            )*)?
        }
    };
}

/// Defines a closed set of names of the specification, written exactly so in JSON.
macro_rules! names {
    (
        $(#[$meta:meta])*
        pub enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $text:literal,)+ }
    ) => {
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every name, in the specification's order.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name as the specification writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

mod linux;
mod process;
mod resources;
mod seccomp;
#[cfg(test)]
mod tests;
mod unknown;

pub use linux::{
    Device, DeviceType, IdMapping, IntelRdt, Linux, MemoryPolicy, Namespace, NamespaceType,
    NetDevice, Personality, PersonalityDomain, RootfsPropagation, TimeOffset,
};
pub use process::{
    Capabilities, ConsoleSize, CpuAffinity, IoPriority, IoPriorityClass, Process, Rlimit,
    Scheduler, User,
};
pub use resources::{
    BlockIo, Cpu, DeviceRule, HugepageLimit, InterfacePriority, Memory, NetworkPriority, Pids,
    Rdma, Resources, ThrottleDevice, WeightDevice,
};
pub use seccomp::{Action, Architecture, Argument, Operator, Seccomp, SeccompFlag, Syscall};

/// Version of the runtime specification that these types follow.
pub const VERSION: &str = "1.3.0";

object! {
    /// A container's configuration (config.md).
    pub struct Spec {
        required {
            /// Version of the specification that the configuration follows, as SemVer.
            oci_version: String,
        }
        optional {
            /// What runs.
            process: Option<Process>,
            /// The root file system.
            root: Option<Root>,
            /// Host name inside; empty leaves the inherited one.
            hostname: String,
            /// NIS domain name inside.
            domainname: String,
            /// Mounts beyond the root, in order.
            mounts: Vec<Mount>,
            /// Programs run at points of the life cycle.
            hooks: Option<Hooks>,
            /// Free-form metadata.
            annotations: BTreeMap<String, String>,
            /// What is particular to Linux.
            linux: Option<Linux>,
            /// Not interpreted.
            solaris: Option<serde_json::Value>,
            /// Not interpreted.
            windows: Option<serde_json::Value>,
            /// Not interpreted.
            vm: Option<serde_json::Value>,
            /// Not interpreted.
            zos: Option<serde_json::Value>,
            /// Not interpreted.
            freebsd: Option<serde_json::Value>,
        }
    }
}

object! {
    /// The container's root file system (config.md, `root`).
    pub struct Root {
        required {
            /// Path, absolute or relative to the bundle.
            path: String,
        }
        optional {
            /// Whether the root is read-only inside.
            readonly: bool,
        }
    }
}

object! {
    /// One mount (config.md, `mounts`).
    pub struct Mount {
        required {
            /// Where, as an absolute path inside the container.
            destination: String,
        }
        optional {
            /// File-system type, such as `tmpfs`; `bind` or empty for a bind mount.
            #[serde(rename = "type")]
            kind: String,
            /// Device, directory or a name without meaning.
            source: String,
            /// Options as in fstab.
            options: Vec<String>,
            /// User id mapping of an idmapped mount.
            uid_mappings: Vec<IdMapping>,
            /// Group id mapping of an idmapped mount.
            gid_mappings: Vec<IdMapping>,
        }
    }
}

object! {
    /// Programs run at points of the life cycle (config.md, `hooks`).
    pub struct Hooks {
        optional {
            /// Deprecated: in the runtime's namespaces, after the container's are made.
            prestart: Vec<Hook>,
            /// In the runtime's namespaces, while the container is created.
            create_runtime: Vec<Hook>,
            /// In the container's namespaces, before pivot_root.
            create_container: Vec<Hook>,
            /// In the container's namespaces, before the program.
            start_container: Vec<Hook>,
            /// In the runtime's namespaces, after the program started.
            poststart: Vec<Hook>,
            /// In the runtime's namespaces, after the container is deleted.
            poststop: Vec<Hook>,
        }
    }
}

object! {
    /// One hook (config.md, `hooks`).
    pub struct Hook {
        required {
            /// Absolute path of the program on the host.
            path: String,
        }
        optional {
            /// Its arguments, the first being its name.
            args: Vec<String>,
            /// Its environment, `KEY=value`.
            env: Vec<String>,
            /// Seconds after which it is killed.
            timeout: Option<i64>,
        }
    }
}

impl Hooks {
    /// Whether no hook is asked for at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        is_default(self)
    }
}

/// Why a `config.json` is not a configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// Not JSON, or a field has the wrong shape.
    #[error("could not read the container configuration")]
    Parse(#[from] serde_json::Error),
    /// Written for a version of the specification that is incompatible with this one.
    #[error("could not use a container configuration of runtime-spec '{version}'; 1.x is known")]
    Version {
        /// What the configuration says.
        version: String,
    },
}

impl Spec {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// When it is not JSON, a known field has the wrong shape, a required one is absent, or its
    /// version is not 1.x.
    pub fn parse(json: &[u8]) -> Result<Self, SpecError> {
        let spec: Self = serde_json::from_slice(json)?;
        if !is_version_one(&spec.oci_version) {
            return Err(SpecError::Version { version: spec.oci_version });
        }
        Ok(spec)
    }

    /// Paths (`/linux/foo`) of keys in `json` that the specification does not know.
    ///
    /// `json` is what this configuration was parsed from.
    ///
    /// # Errors
    /// When `json` is not JSON.
    pub fn unknown_keys(&self, json: &[u8]) -> Result<Vec<String>, SpecError> {
        let given: serde_json::Value = serde_json::from_slice(json)?;
        Ok(unknown::keys(&given, &serde_json::to_value(self)?))
    }
}

/// Whether `version` is a SemVer of major version 1: numbers only, with an optional suffix.
fn is_version_one(version: &str) -> bool {
    let numbers = version.split(['-', '+']).next().unwrap_or_default();
    let mut parts = numbers.split('.');
    let number = |part: Option<&str>| {
        part.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()))
    };
    parts.next() == Some("1")
        && number(parts.next())
        && number(parts.next())
        && parts.next().is_none()
}

/// Reads null as the type's default: Go writes nil slices and maps so.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// Whether a value is its type's default and thus need not be written.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
