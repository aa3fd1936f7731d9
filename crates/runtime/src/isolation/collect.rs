//! Reading what there is to compare.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use cofferdam_sys::{
    device_filter, mount,
    root::{Links, Root},
};
use rustix::{
    fs::{FileType, Mode, OFlags, fstat, major, minor, open},
    io::Errno,
    process::Pid,
    thread::UnshareFlags,
};

use super::{Evidence, Expected, MOST, Member, Place, Setting, There};
use crate::{
    cgroup::{Directory, Live},
    container::Container,
    error::{Doing, Error},
    explain::{Observation, ReadFilters, Seen, observe, parse_mounts, parse_namespace_link},
    identity::Identity,
    plan::{Joined, Plan},
};

/// Longest file of a control group that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

pub(super) fn read(container: &Container, plan: &Plan, is_paused: bool) -> Result<Evidence, Error> {
    let gone = || Error::Missing(container.id().clone());
    let init = container.state().init.ok_or_else(gone)?;
    let init_pid = u32::try_from(init.pid).map_err(|_| gone())?;
    let groups = Groups::read(container)?;
    let (peers, machine) = own_mounts();
    let mut evidence = Evidence { peers, machine, ..Evidence::default() };
    let found = Found::look(plan, init_pid, &groups, &mut evidence);
    // A frozen process does not stop to be read.
    let filters = if is_paused { ReadFilters::No } else { ReadFilters::Yes };
    let pids =
        std::iter::once(init_pid).chain(found.members.into_iter().filter(|p| *p != init_pid));
    for pid in pids.take(MOST) {
        if let Some(member) = member(pid, filters, &groups, is_paused) {
            evidence.processes.push(member);
        }
    }
    if evidence.processes.first().is_none_or(|first| first.observation.pid != init_pid) {
        return Err(gone());
    }
    evidence.strangers = found.strangers;
    evidence.places = places(plan, init_pid);
    evidence.joined = plan.joined.iter().map(joined).collect();
    evidence.settings = settings(container, plan);
    // What was read by number has been of this container only if it is still there.
    if init.is_alive().doing("look at", "the container's process")? {
        Ok(evidence)
    } else {
        Err(gone())
    }
}

/// Which processes are in each directory of the container's control group.
struct Groups(Vec<(PathBuf, BTreeSet<u32>)>);

impl Groups {
    fn read(container: &Container) -> Result<Self, Error> {
        let state = container.state();
        let members = |directory: &PathBuf| {
            let live = Live::new(std::slice::from_ref(directory), state.unified);
            let pids = live.processes()?.into_iter().filter_map(|pid| u32::try_from(pid).ok());
            Ok((directory.clone(), pids.collect()))
        };
        state.cgroups.iter().map(members).collect::<Result<_, _>>().map(Self)
    }

    fn all(&self) -> BTreeSet<u32> {
        self.0.iter().flat_map(|(_, pids)| pids).copied().collect()
    }

    fn outside(&self, pid: u32) -> Vec<PathBuf> {
        let without = self.0.iter().filter(|(_, pids)| !pids.contains(&pid));
        without.map(|(directory, _)| directory.clone()).collect()
    }
}

/// Processes that are the container's, and those that are with it.
struct Found {
    members: BTreeSet<u32>,
    strangers: Vec<(u32, String)>,
}

impl Found {
    /// The container's are those in its control group and, from wherever they came, those in the
    /// mount namespace that was made for it.
    fn look(plan: &Plan, init: u32, groups: &Groups, evidence: &mut Evidence) -> Self {
        let mut found = Self { members: groups.all(), strangers: Vec::new() };
        let own = |kind, flag| {
            let inode = namespace(&init.to_string(), kind)?;
            let is_own = plan.namespaces.contains(flag)
                && namespace("self", kind).is_some_and(|other| other != inode);
            is_own.then_some(inode)
        };
        let mounts = own("mnt", UnshareFlags::NEWNS);
        let processes = own("pid", UnshareFlags::NEWPID);
        let Ok(entries) = fs::read_dir("/proc") else {
            evidence.unseen.push("/proc cannot be read".into());
            return found;
        };
        let mut hidden = 0_usize;
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        for pid in pids.filter(|pid: &u32| *pid != init) {
            let name = pid.to_string();
            match fs::read_link(format!("/proc/{name}/ns/mnt")) {
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => hidden += 1,
                _ if found.members.contains(&pid) => {}
                _ if mounts.is_some() && namespace(&name, "mnt") == mounts => {
                    found.members.insert(pid);
                }
                _ if processes.is_some() && namespace(&name, "pid") == processes => {
                    found.strangers.push((pid, self::name(pid)));
                }
                _ => {}
            }
        }
        evidence.hidden = hidden;
        if found.members.len() > MOST {
            let left = found.members.len() - MOST;
            evidence
                .unseen
                .push(format!("{left} more were not looked at, beyond the first {MOST}"));
        }
        found
    }
}

fn namespace(process: &str, kind: &str) -> Option<u64> {
    let link = fs::read_link(format!("/proc/{process}/ns/{kind}")).ok()?;
    parse_namespace_link(link.to_str()?, kind)
}

fn name(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    String::from_utf8_lossy(&name).trim_end().to_owned()
}

/// A process, or `None` when it has ended.
fn member(pid: u32, filters: ReadFilters, groups: &Groups, is_paused: bool) -> Option<Member> {
    let number = Pid::from_raw(i32::try_from(pid).ok()?)?;
    let identity = Identity::of(number).ok()?;
    let mut observation: Observation = observe(pid, filters).ok()?;
    if is_paused {
        observation.filters =
            Seen::Unknown("the container is paused, and what is frozen cannot be asked".into());
    }
    let member = Member { observation, name: name(pid), outside: groups.outside(pid) };
    // Zombies have nothing that could be isolated.
    identity.is_alive().unwrap_or(false).then_some(member)
}

/// Propagation of this process's own mounts, and where they are.
fn own_mounts() -> (Vec<String>, Vec<String>) {
    let own = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mounts = parse_mounts(&own);
    let at = mounts.iter().map(|mount| mount.at.clone()).collect();
    (mounts.into_iter().flat_map(|mount| mount.propagation).collect(), at)
}

/// What is at each path that the plan is about.
fn places(plan: &Plan, init: u32) -> Vec<Place> {
    let root = Root::open(Path::new(&format!("/proc/{init}/root")));
    let destinations = plan.mounts.iter().map(|mount| mount.destination.as_path());
    let others = plan.masked.iter().chain(&plan.readonly).map(PathBuf::as_path);
    let paths: BTreeSet<_> =
        std::iter::once(Path::new("/")).chain(destinations).chain(others).collect();
    let look = |path: &Path| match &root {
        Ok(root) => there(root, path),
        Err(error) => Seen::Unknown(format!("the container's root: {error}")),
    };
    paths.into_iter().map(|path| Place { path: path.to_owned(), found: look(path) }).collect()
}

fn there(root: &Root, path: &Path) -> Seen<Option<There>> {
    let look = || -> rustix::io::Result<There> {
        let handle = root.handle(path, Links::Follow)?;
        let place = mount::place(&handle)?;
        let found = fstat(&handle)?;
        let kind = FileType::from_raw_mode(found.st_mode);
        let device = (major(found.st_rdev), minor(found.st_rdev));
        Ok(There {
            mount: place.id,
            is_mount_root: place.is_root,
            is_directory: kind == FileType::Directory,
            is_null: kind == FileType::CharacterDevice && device == (1, 3),
        })
    };
    match look() {
        Ok(there) => Seen::Known(Some(there)),
        Err(Errno::NOENT | Errno::NOTDIR) => Seen::Known(None),
        Err(error) => Seen::Unknown(format!("{}: {error}", path.display())),
    }
}

fn joined(joined: &Joined) -> (&'static str, Seen<u64>) {
    let kind = super::process::name(joined.kind);
    let found = match fs::metadata(&joined.path) {
        Ok(found) => Seen::Known(found.ino()),
        Err(error) => Seen::Unknown(format!("{}: {error}", joined.path.display())),
    };
    (kind, found)
}

/// What the files of the control group read that the plan has written.
fn settings(container: &Container, plan: &Plan) -> Vec<Setting> {
    let state = container.state();
    let mut found = Vec::new();
    for planned in &plan.cgroup.directories {
        // Where the group is now; a relative path would lead elsewhere from another one.
        let directory = state.cgroups.iter().find(|path| path.starts_with(&planned.mounted));
        let Some(directory) = directory else { continue };
        found.extend(written(planned, directory));
        let denies =
            |write: &crate::cgroup::Write| write.file == "devices.deny" && write.value == "a";
        if planned.writes.iter().any(denies) {
            let file = directory.join("devices.list");
            let list = read_setting(&file);
            found.push(Setting { file, expected: Expected::NotEveryDevice, found: list });
        }
        let is_v2 = state.unified || directory.join("cgroup.controllers").exists();
        if plan.cgroup.devices.is_some() && is_v2 {
            let (file, count) = (directory.clone(), device_programs(directory));
            found.push(Setting { file, expected: Expected::DeviceProgram, found: count });
        }
    }
    found
}

fn written(planned: &Directory, directory: &Path) -> Vec<Setting> {
    let mut found: Vec<Setting> = Vec::new();
    for write in &planned.writes {
        let file = directory.join(&write.file);
        // Those of devices are for writing only, and others were given up.
        if write.file.starts_with("devices.") || !file.exists() {
            continue;
        }
        // Of several values for a file the last one stays.
        found.retain(|setting| setting.file != file);
        let value = read_setting(&file);
        found.push(Setting { file, expected: Expected::Value(write.value.clone()), found: value });
    }
    found
}

fn read_setting(file: &Path) -> Seen<String> {
    use std::io::Read as _;
    let mut text = String::new();
    let read = fs::File::open(file).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    match read {
        Ok(_) => Seen::Known(text.trim().to_owned()),
        Err(error) => Seen::Unknown(format!("{}: {error}", file.display())),
    }
}

fn device_programs(directory: &Path) -> Seen<String> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let count = open(directory, flags, Mode::empty()).and_then(device_filter::attached);
    match count {
        Ok(count) => Seen::Known(count.to_string()),
        Err(error) => Seen::Unknown(format!("device programs of {}: {error}", directory.display())),
    }
}
