//! What will be done to start a container, as data: made from the configuration without asking
//! the kernel anything, printed by `--dry-run`, carried out by [`crate::apply`].
//!
//! Whatever the configuration asks for and this runtime cannot do is an error here, before
//! anything has been done. What is given up is listed in [`Plan::given_up`], with the reason.

mod build;
mod mount;
mod print;
mod process;

use std::{ffi::CString, path::PathBuf};

use cofferdam_oci::runtime::{ConsoleSize, NamespaceType, TimeOffset};
use cofferdam_sys::capability::Sets;
use rustix::thread::UnshareFlags;

use crate::{cgroup::Group, id::ContainerId, ids::Maps};

pub use mount::OPTIONS as MOUNT_OPTIONS;

/// Parts of the specification that not every runtime does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supported {
    /// AppArmor profiles.
    pub apparmor: bool,
    /// SELinux labels.
    pub selinux: bool,
    /// Cache and memory bandwidth allocation.
    pub intel_rdt: bool,
    /// Id maps of single mounts.
    pub mapped_mounts: bool,
    /// Network devices that are moved inside.
    pub network_devices: bool,
}

/// What this runtime does of them.
pub const SUPPORTED: Supported = Supported {
    apparmor: false,
    selinux: false,
    intel_rdt: false,
    mapped_mounts: false,
    network_devices: false,
};

/// Annotations by which a bundle asks for what the specification has no field for.
pub mod annotation {
    /// Bytes of a throw-away layer in memory that all changes to the root go to; the root
    /// directory itself is only read.
    pub const EPHEMERAL_ROOT: &str = "dev.cofferdam.root.ephemeral";
    /// `true`: the root directory's owners are mapped as the container's ids are, so that files
    /// of root there belong to the container's root.
    pub const MAPPED_ROOT: &str = "dev.cofferdam.root.mapped";
    /// `true`: an init process that reaps orphans and passes signals on runs as PID 1.
    pub const INIT: &str = "dev.cofferdam.init";
    /// `true`: limits that this machine cannot enforce are given up instead of being an error.
    pub const OPTIONAL_LIMITS: &str = "dev.cofferdam.limits.optional";
    /// Destinations, with commas between, of mounts that the container starts without where the
    /// kernel refuses them.
    pub const OPTIONAL_MOUNTS: &str = "dev.cofferdam.mounts.optional";
    /// Begins each annotation of ours; others of that beginning are errors.
    pub const PREFIX: &str = "dev.cofferdam.";
}

/// What will be done to start a container.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The container's name.
    pub id: ContainerId,
    /// Its root file system.
    pub root: Root,
    /// Namespaces that are made.
    pub namespaces: UnshareFlags,
    /// Namespaces that are joined.
    pub joined: Vec<Joined>,
    /// Id maps of its user namespace, if it has one of its own.
    pub ids: Option<Maps>,
    /// Host name inside.
    pub hostname: String,
    /// NIS domain name inside.
    pub domainname: String,
    /// Mounts, in order.
    pub mounts: Vec<Mount>,
    /// Devices in /dev; empty when the container brings a /dev of its own.
    pub devices: Vec<Device>,
    /// Symbolic links in /dev: name and target.
    pub links: Vec<(&'static str, &'static str)>,
    /// Paths that read as empty.
    pub masked: Vec<PathBuf>,
    /// Paths that are made read-only.
    pub readonly: Vec<PathBuf>,
    /// Kernel parameters: path under /proc/sys, value.
    pub parameters: Vec<(PathBuf, String)>,
    /// Whether the loopback interface is set up.
    pub loopback: bool,
    /// Offsets of the time namespace's clocks.
    pub time_offsets: Vec<(String, TimeOffset)>,
    /// Its control group.
    pub cgroup: Group,
    /// What runs.
    pub process: Process,
    /// The system-call filter.
    pub filter: Option<Filter>,
    /// What the container goes without, though it would be safer or more complete with it.
    pub given_up: Vec<GivenUp>,
}

/// The root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The directory on this machine.
    pub path: PathBuf,
    /// Bytes of the throw-away layer in memory; `None` lets changes go to the directory.
    pub ephemeral: Option<u64>,
    /// Whether owners are mapped as the container's ids are.
    pub mapped: bool,
    /// Whether it is read-only inside.
    pub readonly: bool,
}

/// A namespace that is joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Its type.
    pub kind: NamespaceType,
    /// A file of it.
    pub path: PathBuf,
}

/// A mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Where, inside.
    pub destination: PathBuf,
    /// What.
    pub what: What,
    /// `MOUNT_ATTR_*` that are set.
    pub set: u64,
    /// `MOUNT_ATTR_*` that are cleared.
    pub clear: u64,
    /// Whether the attributes hold for mounts below too.
    pub recursive: bool,
    /// Propagation (`MS_PRIVATE` and the like); 0 for private.
    pub propagation: u64,
    /// Whether the container starts without it when the kernel refuses it.
    pub optional: bool,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A new instance of a file system.
    FileSystem {
        /// Its type.
        kind: String,
        /// Its source, which most types only show.
        source: String,
        /// Options, with their values.
        options: Vec<(String, Option<String>)>,
    },
    /// A file or directory of this machine.
    Bind {
        /// Its path on this machine.
        source: PathBuf,
        /// Whether what is mounted below it comes along.
        recursive: bool,
    },
}

/// A device node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Path, the same on this machine and inside.
    pub path: PathBuf,
    /// Major and minor number that this machine's device has to have.
    pub number: (u32, u32),
    /// Whether it is a block device.
    pub block: bool,
}

/// What runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Process {
    /// Program and arguments; never empty.
    pub arguments: Vec<CString>,
    /// Environment.
    pub environment: Vec<CString>,
    /// Where to look for a program that is named without a slash.
    pub search: Vec<PathBuf>,
    /// Working directory, absolute.
    pub directory: PathBuf,
    /// User id inside.
    pub user: u32,
    /// Group id inside.
    pub group: u32,
    /// Supplementary groups inside.
    pub groups: Vec<u32>,
    /// Mask of permission bits for new files.
    pub umask: u32,
    /// Capability sets.
    pub capabilities: Sets,
    /// Whether execve may never grant privileges.
    pub no_new_privileges: bool,
    /// Resource limits.
    pub limits: Vec<Limit>,
    /// Adjustment of the out-of-memory score.
    pub oom_score_adjustment: Option<i32>,
    /// Whether it gets a terminal, and its size.
    pub terminal: Option<Option<ConsoleSize>>,
    /// Whether an init process runs as PID 1.
    pub init: bool,
    /// Whether it gets a session keyring of its own.
    pub new_keyring: bool,
}

/// A resource limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Name, such as `RLIMIT_NOFILE`.
    pub name: &'static str,
    /// Which.
    pub resource: rustix::process::Resource,
    /// Limit in force.
    pub soft: u64,
    /// Its ceiling.
    pub hard: u64,
}

/// A system-call filter, ready to be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// The program.
    pub program: cofferdam_sys::seccomp::Program,
    /// How it is loaded.
    pub flags: cofferdam_sys::seccomp::Flags,
}

/// Something that the container goes without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

impl GivenUp {
    pub(crate) fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}
