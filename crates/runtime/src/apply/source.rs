//! Trees of this machine that are mounted in a container.
//!
//! Most are opened by the child in its own mount namespace. Those that the child may not open, or
//! whose ids only a privileged process can map, are opened by the parent.

use std::{os::fd::OwnedFd, path::Path};

use cofferdam_oci::runtime::NamespaceType;
use cofferdam_sys::mount;
use rustix::{
    fs::{Mode, OFlags, open},
    mount::{MountPropagationFlags, mount_change},
};

use crate::{
    error::{Doing, Error},
    plan::{
        Mount, Plan, What,
        option::{MS_SHARED, MS_SLAVE},
    },
};

/// Trees that the parent has opened.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) root: Option<OwnedFd>,
    /// For each mount, if they were opened here.
    pub(super) mounts: Vec<Option<Vec<OwnedFd>>>,
}

impl Sources {
    /// Opens what the child, less privileged than this process, could not.
    pub(super) fn open(plan: &Plan) -> Result<Self, Error> {
        let privileged = rustix::process::geteuid().is_root();
        let elsewhere = plan.joins(NamespaceType::Mount).is_some();
        let all = elsewhere || privileged && plan.is_in_user_namespace();
        let one = |mount: &Mount| match trees(mount) {
            _ if !all && mount.id_map.is_none() => Ok(None),
            // The child fails in the same way, and tells of it.
            Err(_) if mount.optional => Ok(None),
            trees => trees.map(Some),
        };
        Ok(Self {
            root: all.then(|| root(plan)).transpose()?,
            mounts: plan.mounts.iter().map(one).collect::<Result<_, _>>()?,
        })
    }

    /// In the child: opens the others, and lets nothing of this mount namespace be seen by, or
    /// see of, any other from then on. Returns the root, and for each mount its trees or why it
    /// has none.
    pub(super) fn complete(&self, plan: &Plan) -> Result<Opened, Error> {
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        let doing = "make private the mounts below";
        match propagation_needed(plan) {
            MS_SHARED => {}
            MS_SLAVE => {
                let slave = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
                mount_change("/", slave).doing(doing, "/")?;
            }
            _ => mount_change("/", private).doing(doing, "/")?,
        }
        let copy = |trees: &Vec<OwnedFd>| {
            let copies = trees.iter().map(OwnedFd::try_clone).collect::<Result<Vec<_>, _>>();
            copies.doing("copy", "a descriptor")
        };
        let root = match &self.root {
            Some(tree) => tree.try_clone().doing("copy", "a descriptor")?,
            None => root(plan)?,
        };
        let mounts = plan.mounts.iter().enumerate().map(|(index, mount)| {
            match self.mounts.get(index).and_then(Option::as_ref) {
                Some(opened) => copy(opened),
                None => trees(mount),
            }
        });
        let opened = Opened { root, mounts: mounts.collect() };
        if propagation_needed(plan) != 0 {
            mount_change("/", private).doing(doing, "/")?;
        }
        Ok(opened)
    }
}

/// All trees of a container.
pub(super) struct Opened {
    pub(super) root: OwnedFd,
    pub(super) mounts: Vec<Result<Vec<OwnedFd>, Error>>,
}

/// The propagation that sources need to have when they are opened, for what is asked of them;
/// 0 if none is asked.
fn propagation_needed(plan: &Plan) -> u64 {
    let asked = plan.mounts.iter().flat_map(|mount| &mount.propagation);
    let asked = asked.chain(&plan.root_propagation).map(|change| change.kind);
    let asked: Vec<_> = asked.filter(|kind| [MS_SHARED, MS_SLAVE].contains(kind)).collect();
    if asked.contains(&MS_SHARED) { MS_SHARED } else { asked.first().copied().unwrap_or(0) }
}

fn root(plan: &Plan) -> Result<OwnedFd, Error> {
    tree(&plan.root.path, !plan.root.mapped)
}

fn trees(mount: &Mount) -> Result<Vec<OwnedFd>, Error> {
    match &mount.what {
        What::Bind { source, recursive } => Ok(vec![tree(source, *recursive)?]),
        What::Cgroups(view) => view.trees.iter().map(|t| tree(&t.source, false)).collect(),
        What::FileSystem { .. } | What::Again { .. } => Ok(Vec::new()),
    }
}

/// A detached copy of the mounts at a path of this machine.
fn tree(path: &Path, recursive: bool) -> Result<OwnedFd, Error> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let object = open(path, flags, Mode::empty()).doing("open", path.display())?;
    mount::copy(object, recursive).doing("copy the mount of", path.display())
}
