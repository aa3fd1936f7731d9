//! Control groups: where a container's goes, what is written to it, and how it goes away.
//!
//! A container's cgroup is made below the runtime's own (v1) or beside it (v2, where a group with
//! processes cannot limit children), so whatever limits the runtime limits the container too. It
//! has a directory in every tree, as engines look for usage in all of them.

mod devices;
mod layout;
mod limits;
mod live;
mod make;
mod shortage;
mod statistics;
pub mod systemd;
mod update;

use std::path::{Component, Path, PathBuf};

use cofferdam_oci::runtime::Resources;
use cofferdam_sys::device_filter;
use rustix::fs::{Access, access};

use crate::plan::{CgroupTree, CgroupView};
use limits::Wanted;

use layout::ROOT;
pub use layout::{Layout, Tree, Version};
use limits::wanted;
pub use live::Live;
pub(crate) use make::{Made, add};
use make::{put, write_all};
pub use shortage::Shortage;

/// A container's control group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    /// Directories to make, each with the files to write there in order.
    pub directories: Vec<Directory>,
    /// Whether the only directory is of cgroup v2, where a process can be made inside.
    pub unified: bool,
    /// Directories whose children get these controllers (v2), the outermost first.
    pub delegate: Vec<(PathBuf, Vec<String>)>,
    /// Which devices may be used, where cgroup v2 has to enforce that; `None` leaves them.
    pub devices: Option<Vec<device_filter::Rule>>,
    /// User id of this machine that the directory is given to (v2), so that the container can
    /// make groups in it.
    pub owner: Option<u32>,
    /// The unit of systemd's that it belongs to, which makes it.
    pub unit: Option<systemd::Unit>,
}

/// One directory of a control group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Directory {
    /// Its path.
    pub path: PathBuf,
    /// Where its tree is mounted.
    pub mounted: PathBuf,
    /// Controllers of the tree.
    pub controllers: Vec<String>,
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
    /// File and content in case that the kernel has not the first one.
    pub instead: Option<(String, String)>,
    /// Whether the file may be missing, which is told.
    pub optional: bool,
    /// Whether the file may be missing, which means nothing.
    pub quiet: bool,
}

/// Why a container gets no cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// This user may not make one anywhere, for this reason.
    NotDelegated(String),
    /// The configuration asks for something that is not there: field and reason.
    Unsupported(&'static str, String),
}

impl Refusal {
    fn no_controller(name: &str) -> Self {
        Self::NotDelegated(format!("this machine has no cgroup controller '{name}'"))
    }
}

/// What is to be limited, and where.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `/linux/cgroupsPath`: absolute in each tree, or relative to the runtime's own group.
    pub path: &'a Path,
    /// `/linux/resources`.
    pub resources: &'a Resources,
    /// Whether the group decides which devices may be used.
    pub devices: bool,
    /// Whether a group has to be there even when nothing is limited.
    pub needed: bool,
}

/// Plans a control group.
///
/// # Errors
/// When a limit is not supported, or this user has no place to make groups.
pub fn plan(layout: &Layout, request: &Request<'_>) -> Result<Group, Refusal> {
    let name = relative(request.path)?;
    if name.as_os_str().is_empty() {
        let why = format!("'{}' names no group", request.path.display());
        return Err(Refusal::Unsupported("/linux/cgroupsPath", why));
    }
    let mut wanted = wanted(layout, request.resources)?;
    let rules = device_rules(layout, request, &mut wanted)?;
    let needed = request.needed || !wanted.0.is_empty() || rules.is_some();
    let planned = match layout {
        Layout::Split { trees, unified } => {
            split(trees, unified.as_ref(), request.path, &name, wanted)
        }
        Layout::Unified { own } => unify(own, request.path, &name, wanted),
        Layout::Absent => Err(Refusal::NotDelegated("no cgroup file system is mounted".into())),
    };
    match planned {
        Ok(group) => Ok(Group { devices: rules, ..group }),
        Err(Refusal::NotDelegated(_)) if !needed => Ok(Group::default()),
        Err(refusal) => Err(refusal),
    }
}

/// Adds lines for cgroup v1 to what is wanted, or returns the rules for a program on v2.
fn device_rules(
    layout: &Layout,
    request: &Request<'_>,
    wanted: &mut Wanted,
) -> Result<Option<Vec<device_filter::Rule>>, Refusal> {
    const FIELD: &str = "/linux/resources/devices";
    let wrong = |why| Refusal::Unsupported(FIELD, why);
    let given = devices::parse(&request.resources.devices).map_err(wrong)?;
    if !request.devices {
        return Ok(None);
    }
    let rules = with_defaults(given);
    match layout.version_of("devices") {
        Some(Version::V1) => {
            let lines = devices::lines(&rules).map_err(wrong)?;
            let write = |(file, value): (&str, String)| Write {
                file: file.into(),
                value,
                ..Write::default()
            };
            wanted.0.push(("devices".into(), lines.into_iter().map(write).collect()));
            Ok(None)
        }
        _ if devices::allow_everything(&rules) => Ok(None),
        _ => Ok(Some(rules)),
    }
}

fn with_defaults(mut rules: Vec<device_filter::Rule>) -> Vec<device_filter::Rule> {
    if !devices::allow_everything(&rules) {
        rules.extend(devices::defaults());
    }
    rules
}

/// Whether the device rules of a configuration leave nothing forbidden.
#[must_use]
pub fn allow_every_device(resources: &Resources) -> bool {
    devices::parse(&resources.devices).is_ok_and(|rules| devices::allow_everything(&rules))
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
    trees: &[Tree],
    unified: Option<&Tree>,
    path: &Path,
    name: &Path,
    mut wanted: Wanted,
) -> Result<Group, Refusal> {
    let mut group = Group::default();
    for (tree, version) in
        trees.iter().map(|tree| (tree, Version::V1)).chain(unified.map(|tree| (tree, Version::V2)))
    {
        let mut writes: Vec<_> = tree.controllers.iter().flat_map(|c| wanted.take(c)).collect();
        let mut needed: Vec<_> = Vec::new();
        if version == Version::V2 {
            needed = tree.controllers.clone();
            writes.extend(wanted.take("cgroup"));
        }
        // An absolute path is the caller's choice in the whole tree; a relative one is below us.
        let base = if path.is_absolute() || version == Version::V2 {
            tree.mounted.clone()
        } else {
            tree.own_directory()
        };
        if access(&base, Access::WRITE_OK | Access::EXEC_OK).is_err() {
            if writes.is_empty() {
                continue;
            }
            let why = format!("'{}' cannot be written by this user", base.display());
            return Err(Refusal::NotDelegated(why));
        }
        if !writes.is_empty() && version == Version::V2 {
            group.delegate = delegation(&base, name, &needed);
        }
        group.directories.push(Directory {
            path: base.join(name),
            mounted: tree.mounted.clone(),
            controllers: tree.controllers.clone(),
            writes,
        });
    }
    if let Some((controller, _)) = wanted.0.first() {
        return Err(Refusal::no_controller(controller));
    }
    if group.directories.is_empty() {
        return Err(Refusal::NotDelegated("no cgroup can be written by this user".into()));
    }
    Ok(group)
}

fn unify(own: &Path, path: &Path, name: &Path, wanted: Wanted) -> Result<Group, Refusal> {
    let tree = Path::new(ROOT);
    let named = wanted.0.iter().map(|(controller, _)| controller.clone());
    let controllers: Vec<String> = named.filter(|name| name != "cgroup").collect();
    let base = if path.is_absolute() {
        tree.to_owned()
    } else {
        delegated(&tree.join(relative(own)?), &controllers)?
    };
    let delegate = delegation(&base, name, &controllers);
    let writes = wanted.0.into_iter().flat_map(|(_, writes)| writes).collect();
    let directory =
        Directory { path: base.join(name), mounted: tree.to_owned(), controllers, writes };
    Ok(Group { directories: vec![directory], unified: true, delegate, ..Group::default() })
}

/// The groups from `base` down to the parent of `name`, which have to pass controllers on.
fn delegation(base: &Path, name: &Path, controllers: &[String]) -> Vec<(PathBuf, Vec<String>)> {
    let mut above = base.to_owned();
    let mut all = vec![(above.clone(), controllers.to_vec())];
    for component in name.parent().into_iter().flat_map(Path::components) {
        above.push(component);
        all.push((above.clone(), controllers.to_vec()));
    }
    all
}

/// The nearest group above `own` where this user may make groups with these controllers.
fn delegated(own: &Path, controllers: &[String]) -> Result<PathBuf, Refusal> {
    let tree = Path::new(ROOT);
    // The root of the tree alone may hold processes beside groups with limits.
    let above = own.ancestors().filter(|above| *above != own || *above == tree);
    for directory in above.take_while(|above| above.starts_with(tree)) {
        if access(directory, Access::WRITE_OK | Access::EXEC_OK).is_err()
            || access(directory.join("cgroup.procs"), Access::WRITE_OK).is_err()
        {
            continue;
        }
        let has = |file: &str| {
            let listed = std::fs::read_to_string(directory.join(file)).unwrap_or_default();
            controllers.iter().all(|c| listed.split_whitespace().any(|l| l == *c))
        };
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

/// What a container sees of the control groups: its own group of each tree, and to be read only
/// the runtime's of trees where it has none.
///
/// # Errors
/// When there are no control groups.
pub fn view(layout: &Layout, group: &Group, only_v2: bool) -> Result<CgroupView, String> {
    let shown = |mounted: &Path, own: PathBuf| {
        let mine = group.directories.iter().find(|directory| directory.mounted == mounted);
        let foreign = mine.is_none();
        (mine.map_or(own, |directory| directory.path.clone()), foreign)
    };
    match layout {
        Layout::Absent => Err("this machine has no control groups".into()),
        Layout::Unified { .. } => {
            let own = layout.own_directories().pop().unwrap_or_default();
            let (source, foreign) = shown(Path::new(ROOT), own);
            let tree = CgroupTree { name: String::new(), source, foreign };
            Ok(CgroupView { trees: vec![tree], links: Vec::new() })
        }
        Layout::Split { unified, .. } if only_v2 => {
            let tree = unified.as_ref().ok_or("this machine has no cgroup v2")?;
            let (source, foreign) = shown(&tree.mounted, tree.own_directory());
            let tree = CgroupTree { name: String::new(), source, foreign };
            Ok(CgroupView { trees: vec![tree], links: Vec::new() })
        }
        Layout::Split { trees, unified } => {
            let mut view = CgroupView::default();
            for tree in trees.iter().chain(unified) {
                let (source, foreign) = shown(&tree.mounted, tree.own_directory());
                let name = tree.mounted.file_name().unwrap_or_default().to_string_lossy();
                let name = name.into_owned();
                let is_v1 = unified.as_ref().is_none_or(|unified| unified != tree);
                let others = tree.controllers.iter().filter(|other| is_v1 && **other != name);
                view.links.extend(others.map(|other| (other.clone(), name.clone())));
                view.trees.push(CgroupTree { name, source, foreign });
            }
            Ok(view)
        }
    }
}

#[cfg(test)]
mod tests {
    use cofferdam_oci::runtime::{DeviceRule, Pids};

    use super::*;

    fn request<'a>(path: &'a str, resources: &'a Resources) -> Request<'a> {
        Request { path: Path::new(path), resources, devices: true, needed: false }
    }

    #[test]
    fn paths_cannot_leave_the_tree() {
        assert!(relative(Path::new("/a/../../b")).is_err());
        assert_eq!(relative(Path::new("/a/./b")).unwrap(), Path::new("a/b"));
        let resources = Resources::default();
        for path in ["/", "", ".", "/../x"] {
            let refusal = plan(&Layout::Absent, &request(path, &resources)).unwrap_err();
            assert!(matches!(refusal, Refusal::Unsupported("/linux/cgroupsPath", _)), "{path}");
        }
    }

    #[test]
    fn devices_are_controlled_by_a_program_on_version_2() {
        let layout = Layout::Unified { own: "/".into() };
        let rule = |allow| DeviceRule { allow, ..DeviceRule::default() };
        let resources = |rules| Resources { devices: rules, ..Resources::default() };
        let planned = plan(&layout, &request("/x", &resources(vec![rule(false)])));
        // Without the right to make groups the plan fails, which is another test's subject.
        if let Ok(group) = planned {
            let rules = group.devices.unwrap();
            assert!(rules.len() > 5 && !rules[0].allow);
        }
        if let Ok(group) = plan(&layout, &request("/x", &resources(vec![rule(true)]))) {
            assert_eq!(group.devices, None);
        }
    }

    #[test]
    fn limits_without_a_place_for_them_are_refused() {
        let resources = Resources { pids: Some(Pids { limit: Some(1) }), ..Resources::default() };
        let mut asked = request("x", &resources);
        asked.devices = false;
        let refusal = plan(&Layout::Absent, &asked).unwrap_err();
        assert!(matches!(refusal, Refusal::NotDelegated(_)));
        let nothing = Resources::default();
        let mut asked = request("x", &nothing);
        asked.devices = false;
        assert_eq!(plan(&Layout::Absent, &asked), Ok(Group::default()));
        asked.needed = true;
        assert!(plan(&Layout::Absent, &asked).is_err());
    }

    #[test]
    fn a_container_sees_its_own_groups_and_reads_the_others() {
        let tree = |names: &[&str], mounted: &str| Tree {
            controllers: names.iter().map(ToString::to_string).collect(),
            mounted: mounted.into(),
            own: "/own".into(),
        };
        let layout = Layout::Split {
            trees: vec![tree(&["cpu", "cpuacct"], "/c/cpu,cpuacct"), tree(&["pids"], "/c/pids")],
            unified: Some(tree(&["hugetlb"], "/c/unified")),
        };
        let directory = Directory {
            path: "/c/pids/mine".into(),
            mounted: "/c/pids".into(),
            ..Directory::default()
        };
        let group = Group { directories: vec![directory], ..Group::default() };
        let view = view(&layout, &group, false).unwrap();
        let trees: Vec<_> = view
            .trees
            .iter()
            .map(|t| (t.name.as_str(), t.source.to_str().unwrap(), t.foreign))
            .collect();
        assert_eq!(
            trees,
            [
                ("cpu,cpuacct", "/c/cpu,cpuacct/own", true),
                ("pids", "/c/pids/mine", false),
                ("unified", "/c/unified/own", true),
            ]
        );
        let links = [("cpu", "cpu,cpuacct"), ("cpuacct", "cpu,cpuacct")];
        assert_eq!(view.links, links.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(super::view(&layout, &group, true).unwrap().trees.len(), 1);
    }
}
