//! What will be done to start a container, as data: made from the configuration without asking
//! the kernel anything, printed by `--dry-run`, carried out by [`crate::apply`].
//!
//! Whatever the configuration asks for and this runtime cannot do is an error here, before
//! anything has been done. What is given up is listed in [`Plan::given_up`], with the reason.

mod build;
mod device;
mod external;
mod filter;
pub(crate) mod landlock;
mod mount;
pub(crate) mod namespace;
pub mod option;
pub(crate) mod parameter;
mod print;
mod process;
mod schedule;

use std::{ffi::CString, path::PathBuf};

use cofferdam_oci::runtime::{ConsoleSize, NamespaceType, TimeOffset};
use cofferdam_sys::capability::Sets;
use rustix::thread::UnshareFlags;

use crate::{cgroup::Group, id::ContainerId, ids::Maps};

pub use option::OPTIONS as MOUNT_OPTIONS;

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
    apparmor: true,
    selinux: true,
    intel_rdt: true,
    mapped_mounts: true,
    network_devices: true,
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
    /// `true`: a limit of memory and swap together is given up where swap is not counted.
    pub const OPTIONAL_SWAP: &str = "dev.cofferdam.limits.swap.optional";
    /// What the program gives up by Landlock, as JSON.
    pub const LANDLOCK: &str = "dev.cofferdam.landlock";
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
    /// Propagation of the root mount; private if `None`.
    pub root_propagation: Option<Propagation>,
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
    /// Device nodes; the default ones are missing when this machine's /dev is mounted.
    pub devices: Vec<Device>,
    /// Symbolic links in /dev: name and target.
    pub links: Vec<(&'static str, &'static str)>,
    /// Paths that read as empty.
    pub masked: Vec<PathBuf>,
    /// Paths that are made read-only.
    pub readonly: Vec<PathBuf>,
    /// SELinux context of file systems; may be empty.
    pub mount_label: String,
    /// Kernel parameters: path under /proc/sys, value.
    pub parameters: Vec<(PathBuf, String)>,
    /// Whether the loopback interface is set up.
    pub loopback: bool,
    /// Offsets of the time namespace's clocks.
    pub time_offsets: Vec<(String, TimeOffset)>,
    /// Network devices of this machine that move into the container.
    pub net_devices: Vec<NetDevice>,
    /// Cache and memory bandwidth.
    pub resctrl: Option<Resctrl>,
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
    /// Whether device nodes in it have no effect.
    pub nodev: bool,
}

/// A network device that moves into the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetDevice {
    /// Its name on this machine.
    pub host: String,
    /// Its name inside; `%d` in it stands for the first number that is free.
    pub inside: String,
}

/// A group of resctrl, which allocates cache and memory bandwidth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resctrl {
    /// Its directory below the file system; empty for the root group.
    pub group: String,
    /// Whether it is made for this container and removed with it.
    pub own: bool,
    /// Lines to write to `schemata`.
    pub schemata: Vec<String>,
    /// Name of a monitoring group to make.
    pub monitoring: Option<String>,
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
    /// Attributes of the mount alone.
    pub attributes: Attributes,
    /// Attributes of it and of all mounts below, which are set first.
    pub below: Attributes,
    /// Changes of its propagation, in order.
    pub propagation: Vec<Propagation>,
    /// Under which other ids its files are shown.
    pub id_map: Option<IdMap>,
    /// Whether what is at the destination is copied into it first (`tmpcopyup`).
    pub copy_up: bool,
    /// Whether the container starts without it when the kernel refuses it.
    pub optional: bool,
    /// Options that mean nothing for it, such as `mode=` of a bind mount: they are left out, as the
    /// kernel would do.
    pub ignored: Vec<String>,
}

impl Mount {
    /// Whether it cannot be copied to another place.
    pub(crate) fn is_unbindable(&self) -> bool {
        self.propagation.iter().any(|change| change.kind == option::MS_UNBINDABLE)
    }
}

/// `MOUNT_ATTR_*` to change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// To set.
    pub set: u64,
    /// To clear.
    pub clear: u64,
}

/// A change of a mount's propagation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Propagation {
    /// `MS_PRIVATE` and the like.
    pub kind: u64,
    /// Whether it holds for mounts below too.
    pub recursive: bool,
}

/// Other ids that the files of a mount are shown under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdMap {
    /// The maps; those of the container's user namespace if `None`.
    pub maps: Option<Maps>,
    /// Whether they hold for mounts below too.
    pub recursive: bool,
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
    /// The container's own part of the control groups.
    Cgroups(CgroupView),
    /// What is mounted there already, with other attributes and options (`remount`).
    Again {
        /// Options of the file system; none for `remount,bind`.
        options: Vec<(String, Option<String>)>,
    },
}

/// What a container sees of the control groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CgroupView {
    /// Trees to show: name below the destination, directory on this machine, and whether it is
    /// not the container's own, thus only to be read. One without a name is the whole view.
    pub trees: Vec<CgroupTree>,
    /// Other names of trees: link and target.
    pub links: Vec<(String, String)>,
}

/// A tree of control groups that a container sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CgroupTree {
    /// Name below the destination; empty for cgroup v2, which is all there is.
    pub name: String,
    /// Directory on this machine.
    pub source: PathBuf,
    /// Whether the container may not write there, as the group is not its own.
    pub foreign: bool,
}

/// A device node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Path inside; on this machine the same, where that is mounted instead.
    pub path: PathBuf,
    /// What it is.
    pub kind: Node,
    /// Permission bits.
    pub mode: u32,
    /// Owner, in the container's ids.
    pub user: u32,
    /// Group, in the container's ids.
    pub group: u32,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// A character device with its major and minor number.
    Character(u32, u32),
    /// A block device with its major and minor number.
    Block(u32, u32),
    /// A named pipe.
    Pipe,
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
    /// Capabilities that are asked for, and that are unknown or not to be had.
    pub unavailable: Vec<String>,
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
    /// Sockets that whoever started this program has passed to it, as sd_listen_fds(3) has it: they
    /// are the first descriptors after the standard ones.
    pub sockets: u32,
    /// Whether it gets a session keyring of its own.
    pub new_keyring: bool,
    /// AppArmor profile that it changes to.
    pub apparmor: Option<String>,
    /// SELinux label that it changes to.
    pub selinux: Option<String>,
    /// What it gives up by Landlock.
    pub landlock: Option<Landlock>,
    /// CPU scheduling.
    pub scheduling: Option<cofferdam_sys::schedule::Scheduling>,
    /// I/O priority: class and level.
    pub io_priority: Option<(u8, u8)>,
    /// Processors that it runs on. The specification has it for `exec` only; the container's
    /// first process goes without.
    pub affinity: Option<Affinity>,
    /// Execution domain.
    pub personality: Option<u32>,
    /// NUMA memory policy.
    pub memory_policy: Option<NodePolicy>,
}

/// Processors that a process runs on; empty leaves them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affinity {
    /// While it joins the container.
    pub initial: Vec<usize>,
    /// From then on.
    pub last: Vec<usize>,
}

/// A NUMA memory policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePolicy {
    /// `MPOL_*` with its flags.
    pub mode: u32,
    /// Nodes, in order.
    pub nodes: Vec<u32>,
}

/// What a program gives up by Landlock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landlock {
    /// What is refused where no rule allows it.
    pub handled: cofferdam_sys::landlock::Handled,
    /// Paths inside, and what is allowed at and below them.
    pub paths: Vec<(PathBuf, u64)>,
    /// TCP ports, and what is allowed with them.
    pub ports: Vec<(u16, u64)>,
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
    /// Who decides about calls with the action `SCMP_ACT_NOTIFY`.
    pub listener: Option<Listener>,
    /// Names in the configuration that no call has.
    pub unknown: Vec<String>,
}

/// An agent that decides about system calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// Its socket on this machine.
    pub path: PathBuf,
    /// What it is told besides.
    pub metadata: String,
    /// The container's state, without process id and status.
    pub state: serde_json::Value,
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
