//! Mounts whose files are shown under other ids.

use std::os::fd::{AsFd, OwnedFd};

use cofferdam_sys::{
    channel::Channel,
    clone::{self, Child, Request},
    mount::{self, Change},
};
use rustix::{
    fs::{Mode, OFlags, open},
    process::{WaitId, WaitIdOptions, waitid},
    thread::UnshareFlags,
};

use super::{kill, source::Sources};
use crate::{
    error::{Doing, Error},
    ids::{self, Maps},
    plan::{IdMap, Plan},
};

/// Maps the ids of the root and of mounts, whose trees this process has opened. `child` is in the
/// container's user namespace.
pub(super) fn apply(plan: &Plan, sources: &Sources, child: &Child) -> Result<(), Error> {
    if let Some(root) = sources.root.as_ref().filter(|_| plan.root.mapped) {
        let change = Change { id_map: None, ..Change::default() };
        map(root, &user_namespace(child)?, change, plan.root.path.display())?;
    }
    for (index, mount) in plan.mounts.iter().enumerate() {
        let Some(id_map) = &mount.id_map else { continue };
        let trees = sources.mounts.get(index).and_then(Option::as_ref);
        for tree in trees.into_iter().flatten() {
            let namespace = namespace(id_map, child)?;
            let change = Change { recursive: id_map.recursive, ..Change::default() };
            map(tree, &namespace, change, mount.destination.display())?;
        }
    }
    Ok(())
}

fn map(
    tree: &OwnedFd,
    namespace: &OwnedFd,
    change: Change<'_>,
    of: impl std::fmt::Display,
) -> Result<(), Error> {
    let change = Change { id_map: Some(namespace.as_fd()), ..change };
    mount::set_attributes(tree, &change).doing("map the owners of files in", of)
}

/// A user namespace with the maps.
fn namespace(id_map: &IdMap, child: &Child) -> Result<OwnedFd, Error> {
    match &id_map.maps {
        None => user_namespace(child),
        Some(maps) => with_maps(maps),
    }
}

fn user_namespace(child: &Child) -> Result<OwnedFd, Error> {
    let file = format!("/proc/{}/ns/user", child.pid.as_raw_nonzero());
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    open(&file, flags, Mode::empty()).doing("open", &file)
}

/// A new user namespace that only the descriptor keeps: the process that it came with ends.
fn with_maps(maps: &Maps) -> Result<OwnedFd, Error> {
    let (ours, theirs) = Channel::pair().doing("make", "a channel")?;
    let mut ours = Some(ours);
    let request = Request { namespaces: UnshareFlags::NEWUSER, cgroup: None };
    let holder = clone::spawn(&request, || {
        ours = None;
        // Until the parent is done or gone.
        let _ = theirs.receive();
        0
    })?;
    let namespace = ids::write(holder.pid, maps).and_then(|()| user_namespace(&holder));
    kill(&holder);
    let _ = waitid(WaitId::PidFd(holder.pidfd.as_fd()), WaitIdOptions::EXITED);
    drop(ours);
    namespace
}
