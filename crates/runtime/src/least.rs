//! The configuration with the least privilege that an ordinary program can do with: what
//! `cofferdam run` starts from.

use std::path::PathBuf;

use cofferdam_oci::{
    image::Execution,
    runtime::{
        Capabilities, Cpu, IdMapping, Linux, Memory, Mount, Namespace, NamespaceType, Pids,
        Process, Resources, Rlimit, Root, Spec, User, VERSION,
    },
};

use crate::{
    facts::Facts,
    ids::{self, is_mapped},
    plan::annotation,
    profile,
    user::{Identity, UserError, resolve},
};

/// Bytes of the throw-away layer unless asked otherwise: 1 GiB.
pub const ROOT_SIZE: u64 = 1 << 30;
/// Tasks of a container unless asked otherwise.
pub const TASKS: i64 = 2048;
/// Where programs are looked for when the image does not say.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Paths of /proc and /sys that tell of the machine or steer it, and read as empty.
const MASKED: [&str; 17] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/vmallocinfo",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/cgroup",
    "/sys/kernel",
    "/sys/module",
];
/// Paths of /proc that steer the machine.
const READONLY: [&str; 5] =
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// What somebody wants to run.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The root directory, absolute.
    pub root: PathBuf,
    /// What the image says of its program.
    pub image: Execution,
    /// Program and arguments; the image's if empty.
    pub arguments: Vec<String>,
    /// Environment beyond the image's, `NAME=value`.
    pub environment: Vec<String>,
    /// Working directory; the image's if `None`.
    pub directory: Option<String>,
    /// User, as [`resolve`] takes it; the image's if `None`.
    pub user: Option<String>,
    /// Host name.
    pub hostname: String,
    /// Bytes of memory.
    pub memory: Option<i64>,
    /// Tasks; [`TASKS`] if `None`, as far as this machine can enforce that.
    pub tasks: Option<i64>,
    /// Thousandths of a processor.
    pub processors: Option<i64>,
    /// Whether the root is read-only; /tmp, /run and /var/tmp are then writable memory.
    pub readonly: bool,
    /// Bytes of the throw-away layer; [`ROOT_SIZE`] if `None`.
    pub root_size: Option<u64>,
    /// Whether there is a terminal.
    pub terminal: bool,
    /// Whether an init process runs as PID 1.
    pub init: bool,
    /// Which ids the container gets.
    pub user_namespace: UserNamespace,
}

/// Which ids of this machine a container's ids stand for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserNamespace {
    /// Subordinate ids if there are any, else the caller's own id alone.
    #[default]
    Auto,
    /// The caller's own id alone.
    Own,
    /// The machine's ids themselves; for root only.
    Host,
}

/// Tables of subordinate ids and the caller's name.
#[derive(Debug, Clone, Default)]
pub struct Subordinates {
    /// Content of /etc/subuid.
    pub users: String,
    /// Content of /etc/subgid.
    pub groups: String,
    /// The caller's name.
    pub name: Option<String>,
}

/// Why there is no configuration for a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeastError {
    /// Neither the caller nor the image names a program.
    #[error("could not tell what to run: no command is given and the image names none")]
    NoProgram,
    /// The root directory cannot be opened.
    #[error("could not open the root file system '{path}'")]
    Root {
        /// Its path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The user is not known.
    #[error(transparent)]
    User(#[from] UserError),
    /// The user's or group's id has no counterpart on this machine.
    #[error("could not run as {kind} {id}: the container has ids 0 to {last} only")]
    Unmapped {
        /// User or group.
        kind: &'static str,
        /// The id.
        id: u32,
        /// The last id that the container has.
        last: u32,
    },
    /// Not for this caller.
    #[error("could not use this machine's ids in the container: only root may")]
    HostIds,
}

/// Writes the configuration for a request.
///
/// # Errors
/// When there is nothing to run, the root cannot be opened, or the user is not known or mapped.
pub fn configuration(
    request: &Request,
    facts: &Facts,
    subordinates: &Subordinates,
) -> Result<Spec, LeastError> {
    let arguments = arguments(request).ok_or(LeastError::NoProgram)?;
    let path = request.root.display().to_string();
    let root = cofferdam_sys::root::Root::open(&request.root)
        .map_err(|error| LeastError::Root { path: path.clone(), source: error.into() })?;
    let user = request.user.as_deref().unwrap_or(&request.image.user);
    let mut identity = resolve(&root, user)?;
    let (users, groups) = maps(request.user_namespace, facts, subordinates)?;
    if request.user_namespace != UserNamespace::Host {
        check("user", &users, identity.user)?;
        check("group", &groups, identity.group)?;
        // Groups of the image's own choice that this container cannot have.
        identity.groups.retain(|group| is_mapped(&groups, *group));
        if users.len() == 1 && users[0].size == 1 {
            identity.groups.clear();
        }
    }
    let mounts = mounts(request, &groups);
    Ok(Spec {
        oci_version: VERSION.into(),
        root: Some(Root { path, readonly: request.readonly }),
        hostname: request.hostname.clone(),
        mounts,
        annotations: annotations(request, facts),
        process: Some(process(request, arguments, identity)),
        linux: Some(linux(request, users, groups)),
        ..Spec::default()
    })
}

fn arguments(request: &Request) -> Option<Vec<String>> {
    let given = !request.arguments.is_empty();
    let words = if given { &request.arguments } else { &request.image.cmd };
    let all: Vec<_> = request.image.entrypoint.iter().chain(words).cloned().collect();
    (!all.is_empty()).then_some(all)
}

fn maps(
    kind: UserNamespace,
    facts: &Facts,
    subordinates: &Subordinates,
) -> Result<(Vec<IdMapping>, Vec<IdMapping>), LeastError> {
    let own =
        |range| (ids::own_and_range(facts.user, range), ids::own_and_range(facts.group, range));
    match kind {
        UserNamespace::Host if facts.is_privileged() => Ok((Vec::new(), Vec::new())),
        UserNamespace::Host => Err(LeastError::HostIds),
        UserNamespace::Own => Ok(own(None)),
        UserNamespace::Auto if facts.is_privileged() => {
            let (users, _) = ids::for_root(&subordinates.users);
            let (groups, _) = ids::for_root(&subordinates.groups);
            Ok((ids::all_from(users), ids::all_from(groups)))
        }
        UserNamespace::Auto => {
            let range = |table: &str, id| {
                ids::ranges(table, subordinates.name.as_deref(), id).into_iter().next()
            };
            let users = range(&subordinates.users, facts.user);
            // The owner of /etc/subgid's ranges is a user too (subgid(5)).
            let groups = range(&subordinates.groups, facts.user);
            Ok(match (users, groups) {
                (Some(users), Some(groups)) => (
                    ids::own_and_range(facts.user, Some(users)),
                    ids::own_and_range(facts.group, Some(groups)),
                ),
                _ => own(None),
            })
        }
    }
}

fn check(kind: &'static str, map: &[IdMapping], id: u32) -> Result<(), LeastError> {
    if is_mapped(map, id) {
        return Ok(());
    }
    let last = map.iter().map(|range| range.container_id + (range.size - 1)).max();
    Err(LeastError::Unmapped { kind, id, last: last.unwrap_or_default() })
}

fn annotations(request: &Request, facts: &Facts) -> std::collections::BTreeMap<String, String> {
    let mut annotations = std::collections::BTreeMap::new();
    let mut set = |key: &str, value: String| drop(annotations.insert(key.to_owned(), value));
    set(annotation::EPHEMERAL_ROOT, request.root_size.unwrap_or(ROOT_SIZE).to_string());
    if facts.is_privileged() && request.user_namespace != UserNamespace::Host {
        set(annotation::MAPPED_ROOT, "true".into());
    }
    if request.init {
        set(annotation::INIT, "true".into());
    }
    set(annotation::OPTIONAL_SWAP, "true".into());
    set(annotation::OPTIONAL_MOUNTS, "/sys,/dev/mqueue".into());
    // A limit that was asked for is never given up.
    if request.memory.is_none() && request.tasks.is_none() && request.processors.is_none() {
        set(annotation::OPTIONAL_LIMITS, "true".into());
    }
    annotations
}

fn process(request: &Request, args: Vec<String>, identity: Identity) -> Process {
    let image = &request.image;
    let directory = request.directory.as_deref().unwrap_or(&image.working_dir);
    Process {
        terminal: request.terminal,
        env: environment(request, &identity),
        cwd: if directory.starts_with('/') { directory.into() } else { format!("/{directory}") },
        user: User {
            uid: identity.user,
            gid: identity.group,
            umask: Some(0o022),
            additional_gids: identity.groups,
            username: String::new(),
        },
        args,
        capabilities: Some(Capabilities::default()),
        // A core dump would go where this machine wants it, with the container's memory in it.
        rlimits: vec![Rlimit { kind: "RLIMIT_CORE".into(), hard: 0, soft: 0 }],
        no_new_privileges: true,
        ..Process::default()
    }
}

/// Minimal, then the image's, then what was asked for; the last of a name counts.
fn environment(request: &Request, identity: &Identity) -> Vec<String> {
    let mut minimal = vec![PATH.to_owned(), format!("HOSTNAME={}", request.hostname)];
    minimal.push(format!("HOME={}", identity.home.as_deref().unwrap_or("/")));
    if request.terminal {
        minimal.push("TERM=xterm".into());
    }
    let mut merged: Vec<String> = Vec::new();
    for entry in minimal.iter().chain(&request.image.env).chain(&request.environment) {
        let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
        match merged.iter_mut().find(|other| name(other) == name(entry)) {
            Some(other) => other.clone_from(entry),
            None => merged.push(entry.clone()),
        }
    }
    merged
}

fn mounts(request: &Request, groups: &[IdMapping]) -> Vec<Mount> {
    let mount = |kind: &str, destination: &str, options: &str| Mount {
        destination: destination.into(),
        kind: kind.into(),
        source: kind.into(),
        options: options.split(',').map(str::to_owned).collect(),
        ..Mount::default()
    };
    // Group 5 is `tty` on every distribution; its terminals can be written to by write(1).
    let tty = if groups.is_empty() || is_mapped(groups, 5) { ",gid=5" } else { "" };
    let terminals = format!("nosuid,noexec,newinstance,ptmxmode=0666,mode=0620{tty}");
    let mut mounts = vec![
        mount("proc", "/proc", "nosuid,noexec,nodev"),
        mount("tmpfs", "/dev", "nosuid,noexec,strictatime,mode=0755,size=64k"),
        mount("devpts", "/dev/pts", &terminals),
        mount("tmpfs", "/dev/shm", "nosuid,noexec,nodev,mode=1777,size=64m"),
        mount("mqueue", "/dev/mqueue", "nosuid,noexec,nodev"),
        mount("sysfs", "/sys", "nosuid,noexec,nodev,ro"),
    ];
    if request.readonly {
        for path in ["/tmp", "/run", "/var/tmp"] {
            mounts.push(mount("tmpfs", path, "nosuid,nodev,mode=1777,size=64m"));
        }
    }
    mounts
}

fn linux(request: &Request, users: Vec<IdMapping>, groups: Vec<IdMapping>) -> Linux {
    use NamespaceType::{Cgroup, Ipc, Mount, Network, Pid, User, Uts};
    let mut kinds = vec![Pid, Network, Ipc, Uts, Mount, Cgroup];
    if request.user_namespace != UserNamespace::Host {
        kinds.push(User);
    }
    let texts = |paths: &[&str]| paths.iter().map(ToString::to_string).collect();
    // Without capabilities nobody could listen below port 1024 in the container's own network.
    let ports = ("net.ipv4.ip_unprivileged_port_start".to_owned(), "0".to_owned());
    Linux {
        uid_mappings: users,
        gid_mappings: groups,
        sysctl: [ports].into(),
        namespaces: kinds.into_iter().map(|kind| Namespace { kind, path: String::new() }).collect(),
        resources: Some(resources(request)),
        seccomp: Some(profile::strict()),
        masked_paths: texts(&MASKED),
        readonly_paths: texts(&READONLY),
        ..Linux::default()
    }
}

fn resources(request: &Request) -> Resources {
    const PERIOD: u64 = 100_000;
    // Memory and swap together: no swap beyond the limit.
    let memory = |limit| Memory { limit: Some(limit), swap: Some(limit), ..Memory::default() };
    let cpu = |thousandths: i64| Cpu {
        period: Some(PERIOD),
        quota: Some(thousandths.saturating_mul(100)),
        ..Cpu::default()
    };
    Resources {
        pids: Some(Pids { limit: Some(request.tasks.unwrap_or(TASKS)) }),
        memory: request.memory.map(memory),
        cpu: request.processors.map(cpu),
        ..Resources::default()
    }
}
