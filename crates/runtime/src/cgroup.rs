//! Control groups: where a container's goes, what is written to it, and how it goes away.
//!
//! A container's cgroup is made below the runtime's own (v1) or beside it (v2, where a group with
//! processes cannot limit children), so whatever limits the runtime limits the container too.

mod complete;
mod live;
mod statistics;
mod update;

use std::{
    fs,
    path::{Component, Path, PathBuf},
    time::Duration,
};

use cofferdam_oci::runtime::{DeviceRule, Resources};
use rustix::fs::{Access, access, statfs};

pub use live::Live;

use crate::error::{Doing, Error};

const ROOT: &str = "/sys/fs/cgroup";
const CGROUP2_MAGIC: i64 = 0x6367_7270;
const CGROUP1_MAGIC: i64 = 0x0027_e0eb;

/// How cgroups are laid out on this machine, and where this process is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One tree (v2).
    Unified {
        /// This process's group, as a path in the tree.
        own: PathBuf,
    },
    /// One tree a controller (v1), perhaps with a v2 tree beside (hybrid).
    Split {
        /// This process's group by controller.
        own: Vec<(String, PathBuf)>,
    },
    /// None that can be used.
    Absent,
}

impl Layout {
    /// Looks at this machine.
    #[must_use]
    pub fn detect() -> Self {
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        match statfs(ROOT) {
            Ok(found) if found.f_type == CGROUP2_MAGIC => Self::unified(&own),
            Ok(_)
                if statfs(Path::new(ROOT).join("pids"))
                    .is_ok_and(|s| s.f_type == CGROUP1_MAGIC) =>
            {
                Self::split(&own)
            }
            _ => Self::Absent,
        }
    }

    fn unified(own: &str) -> Self {
        let own = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/");
        Self::Unified { own: PathBuf::from(own) }
    }

    fn split(own: &str) -> Self {
        let mut found = Vec::new();
        for line in own.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            for controller in controllers.split(',').filter(|c| !c.is_empty() && !c.contains('=')) {
                found.push((controller.to_owned(), PathBuf::from(path)));
            }
        }
        Self::Split { own: found }
    }
}

/// A container's control group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// Directories to make, each with the files to write there in order.
    pub directories: Vec<Directory>,
    /// Whether the directories are of cgroup v2, where a process can be made inside.
    pub unified: bool,
    /// Directories whose children get these controllers (v2), the outermost first.
    pub delegate: Vec<(PathBuf, String)>,
}

/// One directory of a control group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Directory {
    /// Its path.
    pub path: PathBuf,
    /// File name and what is written to it.
    pub writes: Vec<Write>,
}

/// A limit to write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Write {
    /// File name.
    pub file: String,
    /// Content.
    pub value: String,
    /// Whether the file may be missing, such as swap accounting that is off.
    pub optional: bool,
}

impl Write {
    fn new(file: &str, value: impl ToString) -> Self {
        Self { file: file.into(), value: value.to_string(), optional: false }
    }
}

/// Which controllers `resources` needs, and what to write for each.
#[derive(Debug, Default)]
struct Wanted(Vec<(&'static str, Vec<Write>)>);

impl Wanted {
    fn add(&mut self, controller: &'static str, write: Write) {
        match self.0.iter_mut().find(|(name, _)| *name == controller) {
            Some((_, writes)) => writes.push(write),
            None => self.0.push((controller, vec![write])),
        }
    }
}

/// Why a container gets no cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// This user may not make one anywhere, for this reason.
    NotDelegated(String),
    /// The configuration asks for something that is not supported: field and reason.
    Unsupported(&'static str, String),
}

/// Plans the control group for `resources` at `path` (`/linux/cgroupsPath`).
///
/// # Errors
/// When a limit is not supported, or this user has no place to make groups.
pub fn plan(
    layout: &Layout,
    path: &Path,
    resources: &Resources,
    devices_matter: bool,
) -> Result<Group, Refusal> {
    let name = relative(path)?;
    let unified = matches!(layout, Layout::Unified { .. });
    let wanted = wanted(resources, unified, devices_matter)?;
    if wanted.0.is_empty() {
        return Ok(Group::default());
    }
    match layout {
        Layout::Split { own } => split(own, path, &name, wanted),
        Layout::Unified { own } => unify(own, path, &name, wanted),
        Layout::Absent => {
            Err(Refusal::NotDelegated(format!("no cgroup file system is mounted at {ROOT}")))
        }
    }
}

/// The path without root, `.` and `..`.
fn relative(path: &Path) -> Result<PathBuf, Refusal> {
    let mut names = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::RootDir | Component::CurDir => {}
            _ => {
                let why = format!("'{}' leaves the cgroup tree", path.display());
                return Err(Refusal::Unsupported("/linux/cgroupsPath", why));
            }
        }
    }
    Ok(names)
}

fn split(
    own: &[(String, PathBuf)],
    path: &Path,
    name: &Path,
    wanted: Wanted,
) -> Result<Group, Refusal> {
    let mut group = Group::default();
    for (controller, writes) in wanted.0 {
        let tree = Path::new(ROOT).join(controller);
        let Some((_, own)) = own.iter().find(|(name, _)| name == controller) else {
            return Err(Refusal::NotDelegated(format!("no controller '{controller}' is mounted")));
        };
        // An absolute path is the caller's choice in the whole tree; a relative one is below us.
        let base = if path.is_absolute() { tree } else { tree.join(relative(own)?) };
        if access(&base, Access::WRITE_OK | Access::EXEC_OK).is_err() {
            let why = format!("'{}' cannot be written by this user", base.display());
            return Err(Refusal::NotDelegated(why));
        }
        group.directories.push(Directory { path: base.join(name), writes });
    }
    Ok(group)
}

fn unify(own: &Path, path: &Path, name: &Path, wanted: Wanted) -> Result<Group, Refusal> {
    let tree = Path::new(ROOT);
    let controllers: Vec<&str> = wanted.0.iter().map(|(controller, _)| *controller).collect();
    let base = if path.is_absolute() {
        tree.to_owned()
    } else {
        delegated(&tree.join(relative(own)?), &controllers)?
    };
    let enable = controllers.iter().map(|c| format!("+{c}")).collect::<Vec<_>>().join(" ");
    let mut delegate = vec![(base.clone(), enable.clone())];
    let mut above = base.clone();
    for component in name.parent().into_iter().flat_map(Path::components) {
        above.push(component);
        delegate.push((above.clone(), enable.clone()));
    }
    let writes = wanted.0.into_iter().flat_map(|(_, writes)| writes).collect();
    let directories = vec![Directory { path: base.join(name), writes }];
    Ok(Group { directories, unified: true, delegate })
}

/// The nearest group above `own` where this user may make groups with these controllers.
fn delegated(own: &Path, controllers: &[&str]) -> Result<PathBuf, Refusal> {
    let tree = Path::new(ROOT);
    for directory in own.ancestors().skip(1).take_while(|d| d.starts_with(tree)) {
        if access(directory, Access::WRITE_OK | Access::EXEC_OK).is_err()
            || access(directory.join("cgroup.procs"), Access::WRITE_OK).is_err()
        {
            continue;
        }
        let has = |file: &str| {
            let listed = fs::read_to_string(directory.join(file)).unwrap_or_default();
            controllers.iter().all(|c| listed.split_whitespace().any(|l| l == *c))
        };
        // The root of the tree may hold processes and children with limits.
        if has("cgroup.subtree_control") || (directory == tree && has("cgroup.controllers")) {
            return Ok(directory.to_owned());
        }
    }
    Err(Refusal::NotDelegated(format!(
        "no cgroup with controllers {} above '{}' is delegated to this user",
        controllers.join(", "),
        own.display()
    )))
}

fn wanted(resources: &Resources, unified: bool, devices_matter: bool) -> Result<Wanted, Refusal> {
    let mut wanted = Wanted::default();
    unsupported(resources)?;
    if let Some(limit) = resources.pids.as_ref().and_then(|pids| pids.limit) {
        wanted.add("pids", Write::new("pids.max", limit_or_max(limit)));
    }
    memory(resources, unified, &mut wanted)?;
    cpu(resources, unified, &mut wanted)?;
    if devices_matter && !resources.devices.is_empty() {
        devices(&resources.devices, unified, &mut wanted)?;
    }
    for (file, value) in &resources.unified {
        let Some(controller) = UNIFIED.iter().find(|c| file.split('.').next() == Some(c)) else {
            let why = format!("'{file}' belongs to no controller that is known");
            return Err(Refusal::Unsupported("/linux/resources/unified", why));
        };
        if !unified || file.contains('/') {
            let why = format!("'{file}' needs a machine with cgroup v2 alone");
            return Err(Refusal::Unsupported("/linux/resources/unified", why));
        }
        wanted.add(controller, Write::new(file, value));
    }
    Ok(wanted)
}

/// Controllers of cgroup v2 that files can be written of.
const UNIFIED: [&str; 7] = ["memory", "pids", "cpu", "cpuset", "io", "hugetlb", "rdma"];

fn unsupported(resources: &Resources) -> Result<(), Refusal> {
    let refuse = |field, asked: bool| {
        if asked {
            Err(Refusal::Unsupported(field, "this limit is not supported yet".into()))
        } else {
            Ok(())
        }
    };
    refuse("/linux/resources/blockIO", resources.block_io.is_some())?;
    refuse("/linux/resources/hugepageLimits", !resources.hugepage_limits.is_empty())?;
    refuse("/linux/resources/network", resources.network.is_some())?;
    refuse("/linux/resources/rdma", !resources.rdma.is_empty())
}

fn limit_or_max(limit: i64) -> String {
    if limit > 0 { limit.to_string() } else { "max".into() }
}

fn memory(resources: &Resources, unified: bool, wanted: &mut Wanted) -> Result<(), Refusal> {
    let Some(memory) = &resources.memory else { return Ok(()) };
    let refused = [
        ("/linux/resources/memory/kernel", memory.kernel.is_some()),
        ("/linux/resources/memory/kernelTCP", memory.kernel_tcp.is_some()),
        ("/linux/resources/memory/swappiness", memory.swappiness.is_some()),
        ("/linux/resources/memory/disableOOMKiller", memory.disable_oom_killer == Some(true)),
    ];
    if let Some((field, _)) = refused.iter().find(|(_, asked)| *asked) {
        return Err(Refusal::Unsupported(field, "this limit is not supported yet".into()));
    }
    let mut add = |file: &str, value: String, optional| {
        wanted.add("memory", Write { file: file.into(), value, optional });
    };
    if let Some(limit) = memory.limit {
        if unified {
            add("memory.max", limit_or_max(limit), false);
        } else {
            add("memory.limit_in_bytes", limit.to_string(), false);
        }
    }
    if let Some(reservation) = memory.reservation {
        if unified {
            add("memory.low", limit_or_max(reservation), false);
        } else {
            add("memory.soft_limit_in_bytes", reservation.to_string(), false);
        }
    }
    if let Some(swap) = memory.swap {
        if unified {
            // The specification counts memory and swap together, cgroup v2 swap alone.
            let alone = match memory.limit {
                Some(limit) if swap >= limit && limit > 0 => (swap - limit).to_string(),
                _ if swap < 0 => "max".into(),
                _ => {
                    let why = format!("{swap} is less than the memory limit");
                    return Err(Refusal::Unsupported("/linux/resources/memory/swap", why));
                }
            };
            add("memory.swap.max", alone, true);
        } else {
            add("memory.memsw.limit_in_bytes", swap.to_string(), true);
        }
    }
    Ok(())
}

fn cpu(resources: &Resources, unified: bool, wanted: &mut Wanted) -> Result<(), Refusal> {
    let Some(cpu) = &resources.cpu else { return Ok(()) };
    if cpu.realtime_runtime.is_some() || cpu.realtime_period.is_some() {
        let why = "real-time limits are not supported yet".into();
        return Err(Refusal::Unsupported("/linux/resources/cpu/realtimeRuntime", why));
    }
    if unified {
        if cpu.quota.is_some() || cpu.period.is_some() {
            let quota = limit_or_max(cpu.quota.unwrap_or(-1));
            let value = format!("{quota} {}", cpu.period.unwrap_or(100_000));
            wanted.add("cpu", Write::new("cpu.max", value));
        }
        if let Some(shares) = cpu.shares.filter(|shares| *shares > 0) {
            // 2..=262144 onto 1..=10000, as the specification's implementations do.
            let weight = 1 + shares.clamp(2, 262_144).saturating_sub(2) * 9999 / 262_142;
            wanted.add("cpu", Write::new("cpu.weight", weight));
        }
        if let Some(burst) = cpu.burst {
            wanted.add("cpu", Write::new("cpu.max.burst", burst));
        }
    } else {
        if let Some(period) = cpu.period {
            wanted.add("cpu", Write::new("cpu.cfs_period_us", period));
        }
        if let Some(quota) = cpu.quota {
            wanted.add("cpu", Write::new("cpu.cfs_quota_us", quota));
        }
        if let Some(burst) = cpu.burst {
            wanted.add("cpu", Write::new("cpu.cfs_burst_us", burst));
        }
        if let Some(shares) = cpu.shares.filter(|shares| *shares > 0) {
            wanted.add("cpu", Write::new("cpu.shares", shares));
        }
    }
    if let Some(idle) = cpu.idle {
        wanted.add("cpu", Write::new("cpu.idle", idle));
    }
    if !cpu.cpus.is_empty() {
        wanted.add("cpuset", Write::new("cpuset.cpus", &cpu.cpus));
    }
    if !cpu.mems.is_empty() {
        wanted.add("cpuset", Write::new("cpuset.mems", &cpu.mems));
    }
    if !unified && (cpu.cpus.is_empty() != cpu.mems.is_empty()) {
        let why = "cgroup v1 needs cpus and mems together".into();
        return Err(Refusal::Unsupported("/linux/resources/cpu/cpus", why));
    }
    Ok(())
}

fn devices(rules: &[DeviceRule], unified: bool, wanted: &mut Wanted) -> Result<(), Refusal> {
    if unified {
        let why = "device rules on cgroup v2 are not supported yet without a user namespace";
        return Err(Refusal::Unsupported("/linux/resources/devices", why.into()));
    }
    for rule in rules {
        let kind = if rule.kind.is_empty() { "a" } else { &rule.kind };
        let number = |n: Option<i64>| n.filter(|n| *n >= 0).map_or("*".into(), |n| n.to_string());
        let access = if rule.access.is_empty() { "rwm" } else { &rule.access };
        let value = if kind == "a" {
            "a".to_owned()
        } else {
            format!("{kind} {}:{} {access}", number(rule.major), number(rule.minor))
        };
        let file = if rule.allow { "devices.allow" } else { "devices.deny" };
        wanted.add("devices", Write::new(file, value));
    }
    Ok(())
}

/// A control group that was made and is removed again when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Made {
    directories: Vec<PathBuf>,
    /// Optional files that were missing.
    pub(crate) missing: Vec<String>,
}

impl Group {
    /// Makes the directories and writes the limits.
    ///
    /// # Errors
    /// When the kernel refuses; what was made before goes away again.
    pub(crate) fn make(&self) -> Result<Made, Error> {
        let mut made = Made::default();
        for (directory, controllers) in &self.delegate {
            fs::create_dir_all(directory).doing("make the cgroup", directory.display())?;
            let file = directory.join("cgroup.subtree_control");
            fs::write(&file, controllers).doing("enable controllers in", file.display())?;
        }
        for directory in &self.directories {
            if let Some(parent) = directory.path.parent() {
                fs::create_dir_all(parent).doing("make the cgroup", parent.display())?;
            }
            // An existing group is another container's: its limits are not to be shared.
            fs::create_dir(&directory.path).doing("make the cgroup", directory.path.display())?;
            made.directories.push(directory.path.clone());
            for write in &directory.writes {
                let file = directory.path.join(&write.file);
                match put(&file, &write.value) {
                    Err(error)
                        if write.optional && error.kind() == std::io::ErrorKind::NotFound =>
                    {
                        made.missing.push(write.file.clone());
                    }
                    result => result.doing("set the limit", file.display())?,
                }
            }
        }
        Ok(made)
    }
}

impl Made {
    /// Its directories.
    pub(crate) fn directories(&self) -> &[PathBuf] {
        &self.directories
    }

    /// Leaves the group to live on; returns its directories.
    pub(crate) fn keep(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.directories)
    }

    /// Moves a process into the group.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn add(&self, pid: rustix::process::Pid) -> Result<(), Error> {
        add(&self.directories, pid)
    }
}

/// Moves a process into each of these groups.
///
/// # Errors
/// When the kernel refuses.
pub(crate) fn add(directories: &[PathBuf], pid: rustix::process::Pid) -> Result<(), Error> {
    for directory in directories {
        let file = directory.join("cgroup.procs");
        put(&file, &pid.as_raw_nonzero().to_string())
            .doing("move the container into", file.display())?;
    }
    Ok(())
}

/// Writes a file that exists, without O_CREAT or O_TRUNC.
fn put(path: &Path, value: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    fs::OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

impl Drop for Made {
    fn drop(&mut self) {
        for directory in &self.directories {
            // Tasks that were killed with the container may take a moment to go.
            for _ in 0..200 {
                match fs::remove_dir(directory) {
                    Err(error) if error.raw_os_error() == Some(BUSY) => {
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    _ => break,
                }
            }
        }
    }
}

const BUSY: i32 = rustix::io::Errno::BUSY.raw_os_error();

#[cfg(test)]
mod tests {
    use cofferdam_oci::runtime::{Cpu, Memory, Pids};

    use super::*;

    fn written(resources: &Resources, unified: bool) -> Vec<String> {
        let wanted = wanted(resources, unified, true).unwrap();
        let flat = wanted.0.into_iter().flat_map(|(_, writes)| writes);
        flat.map(|write| format!("{}={}", write.file, write.value)).collect()
    }

    #[test]
    fn limits_are_written_as_each_version_wants_them() {
        let resources = Resources {
            pids: Some(Pids { limit: Some(10) }),
            memory: Some(Memory { limit: Some(100), swap: Some(150), ..Memory::default() }),
            cpu: Some(Cpu {
                quota: Some(50_000),
                period: Some(100_000),
                shares: Some(1024),
                ..Cpu::default()
            }),
            ..Resources::default()
        };
        assert_eq!(
            written(&resources, false),
            [
                "pids.max=10",
                "memory.limit_in_bytes=100",
                "memory.memsw.limit_in_bytes=150",
                "cpu.cfs_period_us=100000",
                "cpu.cfs_quota_us=50000",
                "cpu.shares=1024"
            ]
        );
        assert_eq!(
            written(&resources, true),
            [
                "pids.max=10",
                "memory.max=100",
                "memory.swap.max=50",
                "cpu.max=50000 100000",
                "cpu.weight=39"
            ]
        );
    }

    #[test]
    fn what_is_not_supported_is_refused_by_name() {
        let resources = Resources {
            hugepage_limits: vec![cofferdam_oci::runtime::HugepageLimit::default()],
            ..Resources::default()
        };
        let refusal = wanted(&resources, true, true).unwrap_err();
        assert!(matches!(refusal, Refusal::Unsupported("/linux/resources/hugepageLimits", _)));
    }

    #[test]
    fn paths_cannot_leave_the_tree() {
        assert!(relative(Path::new("/a/../../b")).is_err());
        assert_eq!(relative(Path::new("/a/./b")).unwrap(), Path::new("a/b"));
    }

    #[test]
    fn the_own_group_is_found_in_both_layouts() {
        assert_eq!(
            Layout::split("9:name=systemd:/\n8:pids:/a\n2:cpu,cpuacct:/b\n0::/\nbroken\n"),
            Layout::Split {
                own: vec![
                    ("pids".into(), "/a".into()),
                    ("cpu".into(), "/b".into()),
                    ("cpuacct".into(), "/b".into())
                ]
            }
        );
        assert_eq!(Layout::unified("0::/x/y\n"), Layout::Unified { own: "/x/y".into() });
    }
}
