//! How control groups are laid out on a machine.

use std::path::{Path, PathBuf};

use cofferdam_sys::proc;
use rustix::fs::statfs;

/// Where distributions mount them.
pub(super) const ROOT: &str = "/sys/fs/cgroup";
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
    /// One tree for each controller or a few of them (v1).
    Split {
        /// The trees of v1.
        trees: Vec<Tree>,
        /// A tree of v2 beside them (hybrid), with the controllers that are there and not in v1.
        unified: Option<Tree>,
    },
    /// None that can be used.
    Absent,
}

/// One tree of control groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Its controllers; for a tree of v1 without any, its name after `name=`.
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub mounted: PathBuf,
    /// This process's group, as a path in the tree.
    pub own: PathBuf,
}

/// Version of a tree's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// One file for each setting, with bytes and microseconds.
    V1,
    /// The unified hierarchy.
    V2,
}

impl Tree {
    /// The directory of this process's group.
    #[must_use]
    pub fn own_directory(&self) -> PathBuf {
        self.mounted.join(self.own.strip_prefix("/").unwrap_or(&self.own))
    }

    /// Whether this controller belongs to it.
    #[must_use]
    pub fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|known| known == controller)
    }
}

impl Layout {
    /// Looks at this machine.
    #[must_use]
    pub fn detect() -> Self {
        let own = proc::read(Path::new("/proc/self/cgroup")).unwrap_or_default();
        let is = |path: &Path, magic| statfs(path).is_ok_and(|found| found.f_type == magic);
        let root = Path::new(ROOT);
        if is(root, CGROUP2_MAGIC) {
            return Self::Unified { own: unified_path(&own).unwrap_or_else(|| "/".into()) };
        }
        let mut trees = split(&own, |name| root.join(name).is_dir());
        trees.retain(|tree| is(&tree.mounted, CGROUP1_MAGIC));
        let mounted = root.join("unified");
        let unified = unified_path(&own).filter(|_| is(&mounted, CGROUP2_MAGIC)).map(|own| {
            let listed = proc::read(&mounted.join("cgroup.controllers"));
            let controllers = listed.unwrap_or_default();
            let controllers = controllers.split_whitespace().map(str::to_owned).collect();
            Tree { controllers, mounted, own }
        });
        if trees.is_empty() && unified.is_none() {
            return Self::Absent;
        }
        Self::Split { trees, unified }
    }

    /// The version of the tree that a controller is in, if it is in any.
    #[must_use]
    pub fn version_of(&self, controller: &str) -> Option<Version> {
        match self {
            Self::Unified { .. } => Some(Version::V2),
            Self::Split { trees, .. } if trees.iter().any(|tree| tree.has(controller)) => {
                Some(Version::V1)
            }
            Self::Split { unified: Some(tree), .. } if tree.has(controller) => Some(Version::V2),
            Self::Split { .. } | Self::Absent => None,
        }
    }

    /// Directories of the groups that this process is in.
    #[must_use]
    pub fn own_directories(&self) -> Vec<PathBuf> {
        match self {
            Self::Unified { own } => {
                vec![Path::new(ROOT).join(own.strip_prefix("/").unwrap_or(own))]
            }
            Self::Split { trees, unified } => {
                trees.iter().chain(unified).map(Tree::own_directory).collect()
            }
            Self::Absent => Vec::new(),
        }
    }
}

fn unified_path(own: &str) -> Option<PathBuf> {
    own.lines().find_map(|line| line.strip_prefix("0::")).map(PathBuf::from)
}

/// The trees of v1 in /proc/self/cgroup; `is_there` tells names below [`ROOT`] that exist.
fn split(own: &str, is_there: impl Fn(&str) -> bool) -> Vec<Tree> {
    let mut found = Vec::new();
    for line in own.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(listed), Some(path)) = (fields.next(), fields.next()) else { continue };
        if listed.is_empty() {
            continue;
        }
        let name = listed.strip_prefix("name=").unwrap_or(listed);
        let controllers: Vec<String> = match listed.strip_prefix("name=") {
            Some(name) => vec![name.to_owned()],
            None => listed.split(',').map(str::to_owned).collect(),
        };
        // Mounted together they are at `cpu,cpuacct`, and often at each name as well.
        let together = controllers.len() > 1;
        let mounted = if !together || is_there(name) { name } else { &controllers[0] };
        let mounted = Path::new(ROOT).join(mounted);
        found.push(Tree { controllers, mounted, own: path.into() });
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_groups_are_found_in_both_layouts() {
        let text = "9:name=systemd:/s\n8:pids:/a\n2:cpu,cpuacct:/b\n0::/x/y\nbroken\n";
        let tree = |controllers: &[&str], mounted: &str, own: &str| Tree {
            controllers: controllers.iter().map(ToString::to_string).collect(),
            mounted: mounted.into(),
            own: own.into(),
        };
        assert_eq!(
            split(text, |name| name != "cpu,cpuacct"),
            [
                tree(&["systemd"], "/sys/fs/cgroup/systemd", "/s"),
                tree(&["pids"], "/sys/fs/cgroup/pids", "/a"),
                tree(&["cpu", "cpuacct"], "/sys/fs/cgroup/cpu", "/b"),
            ]
        );
        let together = split(text, |_| true);
        assert_eq!(together[2].own_directory(), Path::new("/sys/fs/cgroup/cpu,cpuacct/b"));
        assert_eq!(unified_path(text).unwrap(), Path::new("/x/y"));
    }
}
