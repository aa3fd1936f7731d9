//! A control group in every tree, for containers that are managed while they run.
//!
//! Limits need a group only in the trees of their controllers; freezing, counting and finding a
//! container's processes need one whatever is limited.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::{Directory, Group, Layout, ROOT, Refusal, Wanted, Write, put, relative, unify};
use crate::error::{Doing, Error};

/// Files of a cpuset that no process may enter before they are written (v1).
const CPUSET: [&str; 2] = ["cpuset.cpus", "cpuset.mems"];

impl Group {
    /// Adds directories in the trees that the limits need none in, where this user may make them.
    ///
    /// # Errors
    /// When the path leaves the tree.
    pub(crate) fn complete(&mut self, layout: &Layout, path: &Path) -> Result<(), Refusal> {
        let name = relative(path)?;
        match layout {
            Layout::Split { own } => {
                for (controller, own) in own {
                    self.add_tree(controller, own, path, &name)?;
                }
            }
            Layout::Unified { own } if self.directories.is_empty() => {
                match unify(own, path, &name, Wanted::default()) {
                    Ok(group) => *self = group,
                    // Nothing is limited, thus nothing is lost but control.
                    Err(Refusal::NotDelegated(_)) => {}
                    Err(refusal) => return Err(refusal),
                }
            }
            Layout::Unified { .. } | Layout::Absent => {}
        }
        Ok(())
    }

    fn add_tree(
        &mut self,
        controller: &str,
        own: &Path,
        path: &Path,
        name: &Path,
    ) -> Result<(), Refusal> {
        let tree = Path::new(ROOT).join(controller);
        if self.directories.iter().any(|directory| directory.path.starts_with(&tree)) {
            return Ok(());
        }
        let base = if path.is_absolute() { tree } else { tree.join(relative(own)?) };
        if access(&base, Access::WRITE_OK | Access::EXEC_OK).is_err() {
            return Ok(());
        }
        let writes = if controller == "cpuset" { inherited(&base) } else { Vec::new() };
        self.directories.push(Directory { path: base.join(name), writes });
        Ok(())
    }

    /// Fills the cpusets above the container's, which are of no use empty (v1).
    ///
    /// # Errors
    /// When the kernel refuses.
    pub(crate) fn fill_cpusets(&self) -> Result<(), Error> {
        let tree = Path::new(ROOT).join("cpuset");
        let Some(directory) = self.directories.iter().find(|d| d.path.starts_with(&tree)) else {
            return Ok(());
        };
        let mut reached = tree.clone();
        let below = directory.path.strip_prefix(&tree).ok().and_then(Path::parent);
        for component in below.into_iter().flat_map(Path::components) {
            let Component::Normal(component) = component else { continue };
            let writes = inherited(&reached);
            reached.push(component);
            match fs::create_dir(&reached) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                made => made.doing("make the cgroup", reached.display())?,
            }
            for write in writes {
                let file = reached.join(&write.file);
                if is_empty(&file) {
                    put(&file, &write.value).doing("set the limit", file.display())?;
                }
            }
        }
        Ok(())
    }
}

fn inherited(parent: &Path) -> Vec<Write> {
    let read = |file: &&str| fs::read_to_string(parent.join(file)).ok();
    let files = CPUSET.iter().filter_map(|file| Some((file, read(file)?)));
    files.map(|(file, value)| Write::new(file, value.trim())).collect()
}

fn is_empty(file: &PathBuf) -> bool {
    fs::read_to_string(file).is_ok_and(|value| value.trim().is_empty())
}
