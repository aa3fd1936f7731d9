//! What a host's owner allows containers to ask for: checked before anything is done.
//!
//! A policy is a JSON object; a rule that it does not have allows everything. Every violation is
//! told, with the rule's name and the field of the configuration. The file of the host applies to
//! every container, and one from the command line besides it: neither takes back what the other
//! refuses.

mod check;

use std::path::{Path, PathBuf};

use cofferdam_oci::runtime::{NamespaceType, Spec};
use serde::Deserialize;

/// The policy of the host, if there is one.
pub const HOST: &str = "/etc/cofferdam/runtime-policy.json";
/// The largest policy that is read, in bytes.
pub const LARGEST: u64 = 1024 * 1024;
/// The version of policies that is known.
const VERSION: u32 = 1;

/// A policy, with where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its file.
    pub file: PathBuf,
    rules: Rules,
}

/// The rules of a policy file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rules {
    version: u32,
    /// Ignored: for whoever reads the file.
    #[serde(default, rename = "comment")]
    _comment: String,
    /// `deny`: no container with all capabilities, or with all devices.
    #[serde(default)]
    privileged: Verdict,
    /// `deny`: no socket of a container engine, nor a directory that holds one.
    #[serde(default)]
    engine_sockets: Verdict,
    /// `deny`: no hooks.
    #[serde(default)]
    hooks: Verdict,
    /// Namespaces of the machine that may be shared.
    allowed_host_namespaces: Option<Vec<NamespaceType>>,
    /// Capabilities that may be in any set.
    allowed_capabilities: Option<Vec<String>>,
    /// Directories below which sources of bind mounts may be.
    allowed_mount_sources: Option<Vec<PathBuf>>,
    /// Files and directories that no mount may show, by itself or as a part of what it shows.
    #[serde(default)]
    denied_mount_sources: Vec<PathBuf>,
    /// Directories below which sources have to be mounted read-only.
    #[serde(default)]
    readonly_mount_sources: Vec<PathBuf>,
    /// Devices beyond the default ones that may be made, by path.
    allowed_devices: Option<Vec<PathBuf>>,
    /// Kernel parameters that may be set; a name that ends with `*` stands for all that begin so.
    allowed_sysctls: Option<Vec<String>>,
    /// AppArmor profiles, of which each program has to have one.
    allowed_apparmor_profiles: Option<Vec<String>>,
    /// Whether there has to be a system-call filter that refuses what it does not name.
    #[serde(default)]
    require_seccomp: bool,
    /// Who needs a user namespace.
    require_user_namespace: Option<Whom>,
    /// Whether execve may never grant privileges.
    #[serde(default)]
    require_no_new_privileges: bool,
    /// Whether the root has to be read-only.
    #[serde(default)]
    require_readonly_root: bool,
    /// Whether the usual files of /proc and /sys have to be masked.
    #[serde(default)]
    require_masked_paths: bool,
    /// What has to be limited.
    #[serde(default)]
    require_limits: Vec<Limited>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    #[default]
    Allow,
    Deny,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Whom {
    /// Programs that run as user 0.
    Root,
    /// Every program.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Limited {
    Memory,
    Pids,
    Cpu,
}

/// What a policy does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The policy's file.
    pub file: PathBuf,
    /// The rule's key in it.
    pub rule: &'static str,
    /// Where in the configuration.
    pub field: String,
    /// What is there, and what is wanted.
    pub why: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "rule {} of '{}': {}: {}", self.rule, self.file.display(), self.field, self.why)
    }
}

/// Why a policy is not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It is not JSON, or has a key that is unknown or of the wrong shape.
    #[error("could not understand the policy '{}'", file.display())]
    Parse {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// It is written for another program than this.
    #[error("could not use the policy '{}': its version is {version}, and only 1 is known", file.display())]
    Version {
        /// The file.
        file: PathBuf,
        /// What it says.
        version: u32,
    },
    /// A path in it is not absolute, so that it would never apply.
    #[error("could not use the policy '{}': {rule}: '{}' is not absolute", file.display(), path.display())]
    Relative {
        /// The file.
        file: PathBuf,
        /// The rule's key.
        rule: &'static str,
        /// The path.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("could not read the policy '{}'", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub fn read(file: &Path) -> Result<Self, PolicyError> {
        use std::io::Read;
        let read = || {
            let mut json = Vec::new();
            std::fs::File::open(file)?.take(LARGEST + 1).read_to_end(&mut json)?;
            if json.len() as u64 > LARGEST {
                return Err(std::io::Error::other("it is larger than 1 MiB"));
            }
            Ok(json)
        };
        let json = read().map_err(|source| PolicyError::Read { file: file.into(), source })?;
        Self::parse(&json, file)
    }

    /// The host's policy, if it has one. That it cannot be read is no reason to go without.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_host() -> Result<Option<Self>, PolicyError> {
        match Self::read(Path::new(HOST)) {
            Err(PolicyError::Read { source, .. })
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Ok(None)
            }
            result => result.map(Some),
        }
    }

    /// Understands a policy, which `file` holds.
    ///
    /// # Errors
    /// When it is not understood as a whole: a rule that is passed over would allow.
    pub fn parse(json: &[u8], file: &Path) -> Result<Self, PolicyError> {
        let file = file.to_owned();
        let rules: Rules = match serde_json::from_slice(json) {
            Ok(rules) => rules,
            Err(source) => return Err(PolicyError::Parse { file, source }),
        };
        if rules.version != VERSION {
            return Err(PolicyError::Version { file, version: rules.version });
        }
        let lists = [
            ("allowedMountSources", rules.allowed_mount_sources.as_deref().unwrap_or_default()),
            ("deniedMountSources", &rules.denied_mount_sources),
            ("readonlyMountSources", &rules.readonly_mount_sources),
            ("allowedDevices", rules.allowed_devices.as_deref().unwrap_or_default()),
        ];
        for (rule, paths) in lists {
            if let Some(path) = paths.iter().find(|path| !path.is_absolute()) {
                return Err(PolicyError::Relative { file, rule, path: path.clone() });
            }
        }
        Ok(Self { file, rules })
    }

    /// Everything in a configuration that is not allowed. Sources of mounts are looked at on this
    /// machine, as a link may lead elsewhere than it seems; `bundle` is where relative ones are.
    #[must_use]
    pub fn check(&self, spec: &Spec, bundle: &Path) -> Vec<Violation> {
        check::all(self, spec, bundle)
    }
}

#[cfg(test)]
mod tests;
