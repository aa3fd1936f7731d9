//! The limits that hold for a process by its cgroups, version 1 and 2 (cgroups(7)).

use std::path::{Path, PathBuf};

use super::process::{self, ProcessDirectory};
use super::{Mount, Seen, parse_mounts};

/// Where a process is, and what that limits it to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Cgroup {
    /// Path by hierarchy: `(controllers, path)`; version 2 has the controllers `""`.
    pub memberships: Vec<(String, String)>,
    /// What holds.
    pub limits: Limits,
}

/// The tightest limits from the process's cgroup up to the top of what the reader can see.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Limits {
    /// Most processes and threads.
    pub pids: Seen<Limit>,
    /// Most bytes of memory.
    pub memory: Seen<Limit>,
    /// Most of a processor's time, in thousandths of one processor.
    pub cpu: Seen<Limit>,
}

/// A limit and where it is set.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Nothing limits.
    Unlimited,
    /// This much.
    At {
        /// In the unit of the limit.
        value: u64,
        /// The file that says so.
        file: PathBuf,
    },
}

/// Reads `/proc/PID/cgroup`: `(controllers, path)` a line.
#[must_use]
pub fn parse_membership(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            Some((fields.next()?.to_owned(), fields.next()?.to_owned()))
        })
        .collect()
}

pub(super) fn read(process: &ProcessDirectory, own: &ProcessDirectory) -> Seen<Cgroup> {
    let memberships = match process.read_as("cgroup", parse_membership) {
        Seen::Known(memberships) => memberships,
        Seen::Unknown(why) => return Seen::Unknown(why),
    };
    match own.read_as("mountinfo", parse_mounts) {
        Seen::Known(mounts) => {
            Seen::Known(Cgroup { limits: limits(&memberships, &mounts), memberships })
        }
        Seen::Unknown(why) => Seen::Unknown(why),
    }
}

/// A limit's files: version 2, version 1, and how their text reads.
struct Files {
    controller: &'static str,
    version_2: &'static str,
    version_1: &'static str,
    parse: fn(&str, &Path) -> Option<Limit>,
}

fn limits(memberships: &[(String, String)], mounts: &[Mount]) -> Limits {
    let of = |files: Files| limit(&files, memberships, mounts);
    Limits {
        pids: of(Files {
            controller: "pids",
            version_2: "pids.max",
            version_1: "pids.max",
            parse: parse_amount,
        }),
        memory: of(Files {
            controller: "memory",
            version_2: "memory.max",
            version_1: "memory.limit_in_bytes",
            parse: parse_amount,
        }),
        cpu: of(Files {
            controller: "cpu",
            version_2: "cpu.max",
            version_1: "cpu.cfs_quota_us",
            parse: parse_share,
        }),
    }
}

fn limit(files: &Files, memberships: &[(String, String)], mounts: &[Mount]) -> Seen<Limit> {
    let on_version_1 = memberships
        .iter()
        .find(|(controllers, _)| controllers.split(',').any(|name| name == files.controller));
    let (path, mount, file) = match on_version_1 {
        Some((_, path)) => {
            let mount = mounts.iter().rev().find(|mount| {
                mount.kind == "cgroup"
                    && mount.file_system_options.iter().any(|option| option == files.controller)
            });
            (path, mount, files.version_1)
        }
        None => {
            let Some((_, path)) =
                memberships.iter().find(|(controllers, _)| controllers.is_empty())
            else {
                return Seen::Unknown(format!(
                    "no cgroup with the {} controller",
                    files.controller
                ));
            };
            let mount = mounts.iter().rev().find(|mount| mount.kind == "cgroup2");
            (path, mount, files.version_2)
        }
    };
    let Some(mount) = mount else {
        return Seen::Unknown(format!("the {} cgroups are not mounted here", files.controller));
    };
    let Some(directories) = directories(mount, path) else {
        return Seen::Unknown(format!("cgroup {path} lies outside of what is mounted here"));
    };
    tightest(&directories, file, files.parse)
}

/// The process's cgroup and its ancestors, as directories of the reader's.
fn directories(mount: &Mount, path: &str) -> Option<Vec<PathBuf>> {
    let below = Path::new(path).strip_prefix(&mount.root).ok()?;
    if below.components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
        return None;
    }
    let all = below.ancestors().map(|ancestor| Path::new(&mount.at).join(ancestor));
    Some(all.collect())
}

/// The lowest limit. A file is missing at the top of a hierarchy and where the controller is not
/// handed down, which limits nothing; if it is missing everywhere, nothing is known.
fn tightest(
    directories: &[PathBuf],
    file: &str,
    parse: fn(&str, &Path) -> Option<Limit>,
) -> Seen<Limit> {
    let mut found = None;
    for path in directories.iter().map(|directory| directory.join(file)) {
        if !path.exists() {
            continue;
        }
        let text = match process::read_file(&path.to_string_lossy()) {
            Seen::Known(text) => text,
            Seen::Unknown(why) => return Seen::Unknown(why),
        };
        let Some(limit) = parse(text.trim(), &path) else {
            return Seen::Unknown(format!("{} reads '{}'", path.display(), text.trim()));
        };
        found = match (found, limit) {
            (Some(Limit::At { value, .. }), Limit::At { value: other, file }) if other < value => {
                Some(Limit::At { value: other, file })
            }
            (Some(before @ Limit::At { .. }), _) => Some(before),
            (_, limit) => Some(limit),
        };
    }
    found.map_or_else(
        || {
            let leaf = directories.first().map_or_else(PathBuf::new, Clone::clone);
            Seen::Unknown(format!(
                "{} has no {file}: the controller is not enabled",
                leaf.display()
            ))
        },
        Seen::Known,
    )
}

/// `max` or an amount; version 1 writes no memory limit as the largest number of whole pages.
fn parse_amount(text: &str, file: &Path) -> Option<Limit> {
    const NO_LIMIT: u64 = 1 << 62;
    if text == "max" {
        return Some(Limit::Unlimited);
    }
    let value = text.parse().ok()?;
    Some(if value >= NO_LIMIT {
        Limit::Unlimited
    } else {
        Limit::At { value, file: file.to_owned() }
    })
}

/// `QUOTA PERIOD` in version 2; in version 1 the quota, with the period in a file beside it.
fn parse_share(text: &str, file: &Path) -> Option<Limit> {
    let (quota, period) = match text.split_once(' ') {
        Some((quota, period)) => (quota, period.to_owned()),
        None => {
            let beside = file.with_file_name("cpu.cfs_period_us");
            (text, process::read_file(&beside.to_string_lossy()).known()?.trim().to_owned())
        }
    };
    if quota == "max" || quota == "-1" {
        return Some(Limit::Unlimited);
    }
    let (quota, period) = (quota.parse::<u64>().ok()?, period.parse::<u64>().ok()?);
    let value = quota.checked_mul(1000)?.checked_div(period)?;
    Some(Limit::At { value, file: file.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(kind: &str, root: &str, at: &Path, options: &str) -> Mount {
        let line = format!("1 2 0:3 {root} {} rw - {kind} {kind} {options}", at.display());
        parse_mounts(&line).remove(0)
    }

    fn write(directory: &Path, file: &str, text: &str) {
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(directory.join(file), text).unwrap();
    }

    #[test]
    fn the_tightest_limit_up_the_tree_counts() {
        let top = tempfile::tempdir().unwrap();
        let (outer, inner) = (top.path().join("outer"), top.path().join("outer/inner"));
        write(&outer, "pids.max", "100\n");
        write(&inner, "pids.max", "max\n");
        write(&outer, "memory.max", "900\n");
        write(&inner, "memory.max", "800\n");
        write(&inner, "cpu.max", "150000 100000\n");
        let limits = limits(
            &parse_membership("0::/outer/inner\n"),
            &[mount("cgroup2", "/", top.path(), "rw")],
        );
        let at = |value, file| Seen::Known(Limit::At { value, file });
        assert_eq!(limits.pids, at(100, outer.join("pids.max")));
        assert_eq!(limits.memory, at(800, inner.join("memory.max")));
        assert_eq!(limits.cpu, at(1500, inner.join("cpu.max")));
    }

    #[test]
    fn version_1_is_read_by_controller() {
        let top = tempfile::tempdir().unwrap();
        let mounts = ["pids", "memory", "cpu"]
            .map(|name| mount("cgroup", "/", &top.path().join(name), &format!("rw,{name}")));
        write(&top.path().join("pids/c"), "pids.max", "7\n");
        write(&top.path().join("memory/c"), "memory.limit_in_bytes", "9223372036854771712\n");
        write(&top.path().join("cpu/c"), "cpu.cfs_quota_us", "-1\n");
        write(&top.path().join("cpu/c"), "cpu.cfs_period_us", "100000\n");
        let memberships = parse_membership("3:pids:/c\n2:memory:/c\n1:cpu,cpuacct:/c\n0::/\n");
        let limits = limits(&memberships, &mounts);
        assert!(matches!(limits.pids, Seen::Known(Limit::At { value: 7, .. })));
        assert_eq!(limits.memory, Seen::Known(Limit::Unlimited));
        assert_eq!(limits.cpu, Seen::Known(Limit::Unlimited));
    }

    #[test]
    fn what_is_not_there_is_unknown() {
        let top = tempfile::tempdir().unwrap();
        let here = [mount("cgroup2", "/scope", top.path(), "rw")];
        for (membership, mounts) in [
            ("0::/scope\n", &here[..]),
            ("0::/elsewhere\n", &here[..]),
            ("0::/scope/../x\n", &here[..]),
            ("0::/scope\n", &[]),
            ("4:pids:/scope\n", &here[..]),
            ("", &here[..]),
        ] {
            let limits = limits(&parse_membership(membership), mounts);
            assert!(limits.pids.why().is_some(), "{membership}");
        }
        write(top.path(), "pids.max", "many\n");
        let limits = limits(&parse_membership("0::/scope\n"), &here);
        assert!(limits.pids.why().unwrap().ends_with("reads 'many'"), "{limits:?}");
    }
}
