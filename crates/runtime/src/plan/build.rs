//! From the configuration to the plan.

use std::path::{Path, PathBuf};

use cofferdam_oci::runtime::{Linux, NamespaceType, Resources, RootfsPropagation, Spec};
use cofferdam_sys::seccomp::{Arch, Flags, compile};
use rustix::thread::UnshareFlags;

use super::{Device, Filter, GivenUp, Joined, Limit, Plan, Root, What, annotation, mount, process};
use crate::{
    cgroup::{self, Group, Refusal},
    error::Error,
    facts::Facts,
    id::ContainerId,
    ids::{Maps, Writer},
    profile,
};

/// Devices that every container has (config-linux.md, default devices).
const DEVICES: [(&str, (u32, u32)); 6] = [
    ("/dev/null", (1, 3)),
    ("/dev/zero", (1, 5)),
    ("/dev/full", (1, 7)),
    ("/dev/random", (1, 8)),
    ("/dev/urandom", (1, 9)),
    ("/dev/tty", (5, 0)),
];

/// Symbolic links that every container has (runtime-linux.md, dev symbolic links).
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

impl Plan {
    /// Plans the container `id` of the bundle in `directory`.
    ///
    /// # Errors
    /// When the configuration asks for what is impossible, contradictory or not supported.
    pub fn new(
        id: ContainerId,
        spec: &Spec,
        directory: &Path,
        facts: &Facts,
    ) -> Result<Self, Error> {
        let default = Linux::default();
        let linux = spec.linux.as_ref().unwrap_or(&default);
        let asked = Asked::new(spec)?;
        refuse_unsupported(spec, linux)?;
        let mut given_up = Vec::new();
        let (namespaces, joined) = namespaces(linux)?;
        let ids = ids(linux, namespaces, facts)?;
        if ids.is_none() && !facts.is_privileged() {
            return Err(Error::configuration(
                "/linux/namespaces",
                "a user namespace is needed, as this user is not root",
            ));
        }
        let mut process = process::plan(spec, ids.as_ref())?;
        process.init = asked.init;
        if ids.as_ref().is_some_and(|maps| maps.writer == Writer::Own) {
            let why = "no subordinate ids for this user in /etc/subuid and /etc/subgid";
            given_up.push(GivenUp::new("user ids other than the own one", why));
        }
        let cgroup =
            cgroup(&id, linux, facts, &asked, ids.is_some(), &mut process.limits, &mut given_up)?;
        let mut mounts = mount::plan(spec)?;
        for mount in &mut mounts {
            mount.optional = asked.optional_mounts.contains(&mount.destination);
        }
        let own_dev =
            mounts.iter().any(|m| m.destination == Path::new("/dev") && !is_bind(&m.what));
        Ok(Self {
            root: root(spec, directory, &asked, ids.is_some(), facts)?,
            loopback: namespaces.contains(UnshareFlags::NEWNET),
            namespaces,
            joined,
            ids,
            hostname: spec.hostname.clone(),
            domainname: spec.domainname.clone(),
            mounts,
            devices: if own_dev { devices(linux)? } else { Vec::new() },
            links: if own_dev { LINKS.to_vec() } else { Vec::new() },
            masked: absolute("/linux/maskedPaths", &linux.masked_paths)?,
            readonly: absolute("/linux/readonlyPaths", &linux.readonly_paths)?,
            parameters: parameters(linux, namespaces)?,
            time_offsets: time_offsets(linux, namespaces)?,
            cgroup,
            filter: filter(linux, &mut given_up)?,
            process,
            given_up,
            id,
        })
    }
}

fn is_bind(what: &What) -> bool {
    matches!(what, What::Bind { .. })
}

/// What the annotations ask for.
#[derive(Debug, Default)]
struct Asked {
    ephemeral: Option<u64>,
    mapped: bool,
    init: bool,
    optional_limits: bool,
    optional_mounts: Vec<PathBuf>,
}

impl Asked {
    fn new(spec: &Spec) -> Result<Self, Error> {
        let mut asked = Self::default();
        for (key, value) in &spec.annotations {
            let wrong = |wanted: &str| {
                Error::configuration(
                    format!("/annotations/{key}"),
                    format!("'{value}' is not {wanted}"),
                )
            };
            let flag = || match value.as_str() {
                "true" => Ok(true),
                "false" => Ok(false),
                _ => Err(wrong("true or false")),
            };
            match key.as_str() {
                annotation::EPHEMERAL_ROOT => {
                    let size = value.parse().ok().filter(|size| *size > 0);
                    asked.ephemeral = Some(size.ok_or_else(|| wrong("a number of bytes"))?);
                }
                annotation::MAPPED_ROOT => asked.mapped = flag()?,
                annotation::INIT => asked.init = flag()?,
                annotation::OPTIONAL_LIMITS => asked.optional_limits = flag()?,
                annotation::OPTIONAL_MOUNTS => {
                    asked.optional_mounts = value.split(',').map(PathBuf::from).collect();
                }
                _ if key.starts_with(annotation::PREFIX) => {
                    return Err(Error::configuration(
                        "/annotations",
                        format!("'{key}' is unknown"),
                    ));
                }
                _ => {}
            }
        }
        Ok(asked)
    }
}

/// Everything that the specification knows and this runtime does not do yet.
fn refuse_unsupported(spec: &Spec, linux: &Linux) -> Result<(), Error> {
    let process = spec.process.as_ref();
    let asked = [
        ("/hooks", spec.hooks.as_ref().is_some_and(|hooks| !hooks.is_empty())),
        ("/vm", spec.vm.is_some()),
        ("/process/apparmorProfile", process.is_some_and(|p| !p.apparmor_profile.is_empty())),
        ("/process/selinuxLabel", process.is_some_and(|p| !p.selinux_label.is_empty())),
        ("/process/scheduler", process.is_some_and(|p| p.scheduler.is_some())),
        ("/process/ioPriority", process.is_some_and(|p| p.io_priority.is_some())),
        ("/process/execCPUAffinity", process.is_some_and(|p| p.exec_cpu_affinity.is_some())),
        ("/linux/netDevices", !linux.net_devices.is_empty()),
        ("/linux/mountLabel", !linux.mount_label.is_empty()),
        ("/linux/intelRdt", linux.intel_rdt.is_some()),
        ("/linux/memoryPolicy", linux.memory_policy.is_some()),
        ("/linux/personality", linux.personality.is_some()),
        (
            "/linux/seccomp/listenerPath",
            linux.seccomp.as_ref().is_some_and(|s| !s.listener_path.is_empty()),
        ),
        (
            "/linux/rootfsPropagation",
            linux.rootfs_propagation.is_some_and(|p| p != RootfsPropagation::Private),
        ),
    ];
    match asked.into_iter().find(|(_, asked)| *asked) {
        Some((field, _)) => Err(Error::configuration(field, "not supported yet")),
        None => Ok(()),
    }
}

fn namespaces(linux: &Linux) -> Result<(UnshareFlags, Vec<Joined>), Error> {
    let mut new = UnshareFlags::empty();
    let mut joined = Vec::new();
    let mut seen = Vec::new();
    for (index, namespace) in linux.namespaces.iter().enumerate() {
        let field = format!("/linux/namespaces/{index}");
        if seen.contains(&namespace.kind) {
            return Err(Error::configuration(
                field,
                format!("'{}' is there twice", namespace.kind),
            ));
        }
        seen.push(namespace.kind);
        if namespace.path.is_empty() {
            new |= flag(namespace.kind);
        } else if matches!(namespace.kind, NamespaceType::User | NamespaceType::Mount) {
            let why = format!("joining a '{}' namespace is not supported yet", namespace.kind);
            return Err(Error::configuration(field, why));
        } else {
            joined.push(Joined { kind: namespace.kind, path: PathBuf::from(&namespace.path) });
        }
    }
    if !new.contains(UnshareFlags::NEWNS) {
        return Err(Error::configuration("/linux/namespaces", "a 'mount' namespace is needed"));
    }
    Ok((new, joined))
}

pub(crate) const fn flag(kind: NamespaceType) -> UnshareFlags {
    match kind {
        NamespaceType::Pid => UnshareFlags::NEWPID,
        NamespaceType::Network => UnshareFlags::NEWNET,
        NamespaceType::Mount => UnshareFlags::NEWNS,
        NamespaceType::Ipc => UnshareFlags::NEWIPC,
        NamespaceType::Uts => UnshareFlags::NEWUTS,
        NamespaceType::User => UnshareFlags::NEWUSER,
        NamespaceType::Cgroup => UnshareFlags::NEWCGROUP,
        NamespaceType::Time => UnshareFlags::NEWTIME,
    }
}

fn ids(linux: &Linux, new: UnshareFlags, facts: &Facts) -> Result<Option<Maps>, Error> {
    let (users, groups) = (&linux.uid_mappings, &linux.gid_mappings);
    if !new.contains(UnshareFlags::NEWUSER) {
        return if users.is_empty() && groups.is_empty() {
            Ok(None)
        } else {
            let why = "there is no new 'user' namespace that they could be for";
            Err(Error::configuration("/linux/uidMappings", why))
        };
    }
    for (field, map) in [("/linux/uidMappings", users), ("/linux/gidMappings", groups)] {
        if !crate::ids::is_mapped(map, 0) {
            return Err(Error::configuration(field, "id 0 of the container is not mapped"));
        }
    }
    let single = |map: &[cofferdam_oci::runtime::IdMapping], own| {
        map.len() == 1 && map[0].size == 1 && map[0].host_id == own
    };
    let writer = if facts.is_privileged() {
        Writer::Privileged
    } else if single(users, facts.user) && single(groups, facts.group) {
        Writer::Own
    } else {
        Writer::Helpers
    };
    Ok(Some(Maps { users: users.clone(), groups: groups.clone(), writer }))
}

fn root(
    spec: &Spec,
    directory: &Path,
    asked: &Asked,
    own_ids: bool,
    facts: &Facts,
) -> Result<Root, Error> {
    let root = spec.root.as_ref();
    let root = root.ok_or_else(|| Error::configuration("/root", "it is missing"))?;
    if asked.mapped && !(own_ids && facts.is_privileged()) {
        let why = "mapping the root's owners needs root and a user namespace";
        return Err(Error::configuration(format!("/annotations/{}", annotation::MAPPED_ROOT), why));
    }
    Ok(Root {
        path: directory.join(&root.path),
        ephemeral: asked.ephemeral,
        mapped: asked.mapped,
        readonly: root.readonly,
    })
}

fn absolute(field: &str, paths: &[String]) -> Result<Vec<PathBuf>, Error> {
    let absolute = |(index, path): (usize, &String)| {
        let path = PathBuf::from(path);
        if path.is_absolute() {
            Ok(path)
        } else {
            let why = format!("'{}' is not absolute", path.display());
            Err(Error::configuration(format!("{field}/{index}"), why))
        }
    };
    paths.iter().enumerate().map(absolute).collect()
}

fn devices(linux: &Linux) -> Result<Vec<Device>, Error> {
    use cofferdam_oci::runtime::DeviceType;
    let mut devices: Vec<Device> = DEVICES
        .iter()
        .map(|(path, number)| Device { path: path.into(), number: *number, block: false })
        .collect();
    for (index, device) in linux.devices.iter().enumerate() {
        let wrong = |why: String| Error::configuration(format!("/linux/devices/{index}"), why);
        let number =
            |n: i64| u32::try_from(n).map_err(|_| wrong(format!("'{n}' is no number of a device")));
        if device.kind == DeviceType::Fifo || !device.path.starts_with("/dev/") {
            return Err(wrong("only devices in /dev are supported yet".into()));
        }
        let planned = Device {
            path: PathBuf::from(&device.path),
            number: (number(device.major)?, number(device.minor)?),
            block: device.kind == DeviceType::Block,
        };
        devices.retain(|other| other.path != planned.path);
        devices.push(planned);
    }
    Ok(devices)
}

/// Kernel parameters that belong to a namespace of the container and to nobody else.
fn parameters(linux: &Linux, new: UnshareFlags) -> Result<Vec<(PathBuf, String)>, Error> {
    const IPC: [&str; 9] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
        "fs.mqueue.",
    ];
    let mut found = Vec::new();
    for (name, value) in &linux.sysctl {
        let dotted = name.replace('/', ".");
        let ours = if IPC
            .iter()
            .any(|known| dotted == *known || known.ends_with('.') && dotted.starts_with(known))
        {
            new.contains(UnshareFlags::NEWIPC)
        } else {
            dotted.starts_with("net.") && new.contains(UnshareFlags::NEWNET)
        };
        let plain = dotted.split('.').all(|part| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
        });
        if !ours || !plain || value.contains(['\n', '\0']) {
            let why = "it belongs to no namespace that this container has of its own";
            return Err(Error::configuration(format!("/linux/sysctl/{name}"), why));
        }
        found.push((PathBuf::from(dotted.replace('.', "/")), value.clone()));
    }
    Ok(found)
}

fn time_offsets(
    linux: &Linux,
    new: UnshareFlags,
) -> Result<Vec<(String, cofferdam_oci::runtime::TimeOffset)>, Error> {
    if !linux.time_offsets.is_empty() && !new.contains(UnshareFlags::NEWTIME) {
        return Err(Error::configuration("/linux/timeOffsets", "there is no new 'time' namespace"));
    }
    for (clock, offset) in &linux.time_offsets {
        if !["monotonic", "boottime"].contains(&clock.as_str()) || offset.nanosecs >= 1_000_000_000
        {
            let why = "only 'monotonic' and 'boottime' have offsets, with nanosecs below 10⁹";
            return Err(Error::configuration(format!("/linux/timeOffsets/{clock}"), why));
        }
    }
    Ok(linux.time_offsets.iter().map(|(clock, offset)| (clock.clone(), offset.clone())).collect())
}

fn cgroup(
    id: &ContainerId,
    linux: &Linux,
    facts: &Facts,
    asked: &Asked,
    own_ids: bool,
    limits: &mut Vec<Limit>,
    given_up: &mut Vec<GivenUp>,
) -> Result<Group, Error> {
    let default = Resources::default();
    let resources = linux.resources.as_ref().unwrap_or(&default);
    let fallback = format!("cofferdam-{id}");
    let path =
        Path::new(if linux.cgroups_path.is_empty() { &fallback } else { &linux.cgroups_path });
    // In a user namespace no device node works but those that the runtime binds there.
    match cgroup::plan(&facts.cgroups, path, resources, !own_ids) {
        Ok(group) => Ok(group),
        Err(Refusal::Unsupported(field, why)) => Err(Error::configuration(field, why)),
        Err(Refusal::NotDelegated(why)) if asked.optional_limits => {
            if let Some(pids) = resources.pids.as_ref().and_then(|pids| pids.limit) {
                limits.extend(process::task_limit(pids));
                let why = format!("{why}; RLIMIT_NPROC limits each user id instead");
                given_up.push(GivenUp::new("process limit", why));
            }
            Ok(Group::default())
        }
        Err(Refusal::NotDelegated(why)) => {
            Err(Error::configuration("/linux/resources", format!("no limit can be set: {why}")))
        }
    }
}

fn filter(linux: &Linux, given_up: &mut Vec<GivenUp>) -> Result<Option<Filter>, Error> {
    use cofferdam_oci::runtime::SeccompFlag;
    const FIELD: &str = "/linux/seccomp";
    let Some(seccomp) = &linux.seccomp else { return Ok(None) };
    let arch = Arch::host();
    let arch = arch.ok_or_else(|| Error::configuration(FIELD, "not on this architecture yet"))?;
    let wrong = |error: &dyn std::error::Error| Error::configuration(FIELD, error.to_string());
    let conversion = profile::to_policy(seccomp, arch).map_err(|error| wrong(&error))?;
    let program = compile(&conversion.policy, arch).map_err(|error| wrong(&error))?;
    if !conversion.unknown.is_empty() {
        let what = format!("rules for the calls {}", conversion.unknown.join(", "));
        given_up.push(GivenUp::new(what, "no call of this name is known"));
    }
    let mut flags = Flags::NONE;
    for flag in &seccomp.flags {
        flags = flags
            | match flag {
                SeccompFlag::Tsync => Flags::ALL_THREADS,
                SeccompFlag::Log => Flags::LOG,
                SeccompFlag::SpecAllow => Flags::ALLOW_SPECULATION,
                SeccompFlag::WaitKillableRecv => Flags::WAIT_KILLABLE,
            };
    }
    Ok(Some(Filter { program, flags }))
}
