//! Whether limits can be set on containers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cofferdam_runtime::explain::{Mount, parse_membership, parse_mounts};

use super::{Check, Machine};

/// The controllers that `run` sets limits by.
const WANTED: [&str; 3] = ["memory", "pids", "cpu"];

pub(super) fn checks(machine: &Machine) -> Vec<Check> {
    let read = |name: &str| {
        let path = format!("/proc/self/{name}");
        fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))
    };
    match (read("mountinfo"), read("cgroup")) {
        (Ok(mounts), Ok(membership)) => {
            let layout = Layout::of(&parse_mounts(&mounts), &parse_membership(&membership));
            let mut checks = vec![layout.check()];
            checks.extend(WANTED.map(|controller| limit(&layout, controller, machine)));
            checks
        }
        (Err(why), _) | (_, Err(why)) => vec![Check::unknown("cgroups", why)],
    }
}

/// Where this process is in the cgroups.
#[derive(Debug, PartialEq, Eq)]
struct Layout {
    /// Directory of this process on version 2.
    version_2: Option<PathBuf>,
    /// Controllers and directory of this process, for each hierarchy of version 1.
    version_1: Vec<(String, PathBuf)>,
}

impl Layout {
    fn of(mounts: &[Mount], memberships: &[(String, String)]) -> Self {
        let mut layout = Self { version_2: None, version_1: Vec::new() };
        for (controllers, path) in memberships {
            let mount = mounts.iter().rev().find(|mount| {
                if controllers.is_empty() {
                    mount.kind == "cgroup2"
                } else {
                    let options = &mount.file_system_options;
                    mount.kind == "cgroup"
                        && controllers.split(',').all(|name| options.iter().any(|o| o == name))
                }
            });
            let Some(mount) = mount else { continue };
            let Ok(below) = Path::new(path).strip_prefix(&mount.root) else { continue };
            // Joining nothing would leave a slash at the end.
            let directory = Path::new(&mount.at).join(below).components().collect();
            if controllers.is_empty() {
                layout.version_2 = Some(directory);
            } else if !controllers.starts_with("name=") {
                layout.version_1.push((controllers.clone(), directory));
            }
        }
        layout
    }

    fn check(&self) -> Check {
        let name = "cgroups";
        match (&self.version_2, self.version_1.is_empty()) {
            (Some(at), true) => Check::works(name, format!("version 2, here at {}", at.display())),
            (Some(_), false) => Check::works(name, "version 1, with version 2 beside it"),
            (None, false) => Check::works(name, "version 1"),
            (None, true) => Check::degraded(name, "not mounted")
                .means("run sets no limits")
                .advice("mount cgroup2 at /sys/fs/cgroup"),
        }
    }

    /// Where a cgroup with this controller would be made; why not, if not.
    fn directory_of(&self, controller: &str) -> Result<&Path, String> {
        let version_1 = self
            .version_1
            .iter()
            .find(|(controllers, _)| controllers.split(',').any(|name| name == controller));
        if let Some((_, directory)) = version_1 {
            return Ok(directory);
        }
        let directory = self.version_2.as_deref().ok_or("no such controller")?;
        let file = directory.join("cgroup.controllers");
        let controllers =
            fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        if controllers.split_whitespace().any(|name| name == controller) {
            Ok(directory)
        } else {
            Err(format!("not handed down to {}", directory.display()))
        }
    }
}

/// Tried by making a cgroup and removing it.
fn limit(layout: &Layout, controller: &str, machine: &Machine) -> Check {
    let (name, without) = match controller {
        "memory" => ("memory limit", "run --memory is refused"),
        "pids" => ("process limit", "run limits the processes of each user id instead"),
        _ => ("processor limit", "run --cpus is refused"),
    };
    let tried = layout.directory_of(controller).and_then(|directory| {
        let child = directory.join(format!("cofferdam-doctor-{}", std::process::id()));
        let made = fs::create_dir(&child).and_then(|()| fs::remove_dir(&child));
        made.map(|()| directory).map_err(|error| format!("{}: {error}", directory.display()))
    });
    match tried {
        Ok(directory) => Check::works(name, format!("can be set below {}", directory.display())),
        Err(why) => {
            let check = Check::degraded(name, why).means(without);
            if machine.is_root() {
                check.advice(format!(
                    "enable the {controller} controller on the kernel's command line"
                ))
            } else {
                check.advice("have systemd hand controllers to users (Delegate=yes for user@.service), or run as root")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(mounts: &str, membership: &str) -> Layout {
        Layout::of(&parse_mounts(mounts), &parse_membership(membership))
    }

    #[test]
    fn all_three_layouts_are_told_apart() {
        let unified = "1 0 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let legacy = "2 0 0:2 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n";
        let named = "3 0 0:3 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n";
        let version_2 = layout(unified, "0::/user.slice/a\n");
        assert_eq!(version_2.version_2, Some("/sys/fs/cgroup/user.slice/a".into()));
        assert!(version_2.check().saw.starts_with("version 2"));
        let version_1 =
            layout(&[legacy, named].concat(), "1:name=systemd:/\n4:cpu,cpuacct:/x\n0::/\n");
        assert_eq!(version_1.version_1, [("cpu,cpuacct".into(), "/sys/fs/cgroup/cpu/x".into())]);
        assert_eq!(version_1.directory_of("cpu"), Ok(Path::new("/sys/fs/cgroup/cpu/x")));
        assert_eq!(version_1.directory_of("pids"), Err("no such controller".to_owned()));
        assert_eq!(version_1.check().saw, "version 1");
        let both = layout(&[unified, legacy].concat(), "4:cpu,cpuacct:/x\n0::/\n");
        assert_eq!(both.check().saw, "version 1, with version 2 beside it");
        assert_eq!(layout("", "0::/\n").check().status, super::super::Status::Degraded);
    }

    #[test]
    fn a_controller_that_is_not_handed_down_limits_nothing() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("cgroup.controllers"), "cpu pids\n").unwrap();
        let layout = Layout { version_2: Some(top.path().to_owned()), version_1: Vec::new() };
        assert_eq!(layout.directory_of("pids"), Ok(top.path()));
        assert!(layout.directory_of("memory").unwrap_err().starts_with("not handed down to"));
        let machine = Machine { user: 1, group: 1, data_directory: PathBuf::new(), database: None };
        assert_eq!(limit(&layout, "pids", &machine).status, super::super::Status::Works);
        assert_eq!(limit(&layout, "memory", &machine).status, super::super::Status::Degraded);
        assert_eq!(fs::read_dir(top.path()).unwrap().count(), 1, "what was tried is gone");
    }
}
