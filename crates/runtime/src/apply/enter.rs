//! Entering the root that was built, and letting go of everything else.

use std::{
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use cofferdam_sys::{
    mount::{self, Change, attribute},
    proc::Proc,
    root::Root,
};
use rustix::{
    fs::{Mode, OFlags, open},
    mount::{MountAttrFlags, UnmountFlags, unmount},
    process::{chdir, chroot, fchdir, pivot_root},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use super::mount_table::{self, Entry};
use crate::{
    error::{Doing, Error},
    plan::Plan,
};

/// How the root is entered.
pub(super) enum Entrance<'a> {
    /// It becomes that of a mount namespace in which nothing else is left.
    Pivot,
    /// By chroot(2), as the root of a machine that runs from memory cannot be left by
    /// pivot_root(2). It goes on top of that, and all else that is mounted goes away.
    Chroot,
    /// By chroot(2) in a mount namespace that is others' too, as a tree that is in none: there is no
    /// way up from it, others see nothing of it, and it goes with its last process.
    Detached(&'a OwnedFd),
}

/// Makes the root this process's and lets go of everything that was there before.
///
/// With `in_place` the root is mounted somewhere below `/`, and not on top of it.
pub(super) fn enter(
    plan: &Plan,
    root: Root,
    entrance: &Entrance<'_>,
    in_place: bool,
) -> Result<(), Error> {
    let doing = "change to";
    let root = match entrance {
        Entrance::Pivot => {
            fchdir(&root).doing("enter", "the root")?;
            pivot_root(".", ".").doing(doing, "the root")?;
            // The old root is on top of the new one, and the memory that holds the layers on it.
            for _ in 0..if plan.root.ephemeral.is_some() { 2 } else { 1 } {
                unmount(".", UnmountFlags::DETACH).doing("leave", "the machine's own root")?;
            }
            root
        }
        Entrance::Chroot => {
            if in_place || plan.root.ephemeral.is_some() {
                put_on_top(&root)?;
            }
            fchdir(&root).doing("enter", "the root")?;
            forsake(&root)?;
            chroot(".").doing(doing, "the root")?;
            root
        }
        Entrance::Detached(namespace) => {
            let tree = mount::copy(&root, true).doing("copy the mount of", "the root")?;
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))
                .doing("join", "the mount namespace")?;
            fchdir(&tree).doing("enter", "the root")?;
            chroot(".").doing(doing, "the root")?;
            Root::new(tree)
        }
    };
    if let Some(asked) = plan.root_propagation {
        let (propagation, recursive) = (asked.kind, asked.recursive);
        let change = Change { propagation, recursive, ..Change::default() };
        mount::set_attributes(&root, &change).doing("change the propagation of", "/")?;
    }
    chdir("/").doing("enter", "/")?;
    super::directory::enter(&root, &plan.process.directory)
}

/// Moves the root onto `/`, from where `..` leads nowhere, whatever a process changes its root to.
fn put_on_top(root: &Root) -> Result<(), Error> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = open("/", flags, Mode::empty()).doing("open", "/")?;
    mount::attach(root, top).doing("move the root to", "/")
}

/// How often the table of mounts is read again: each time one layer of mounts on the same place goes.
const ROUNDS: usize = 100;

/// Unmounts everything but the root and what it is mounted on. A /proc that stays in reach of the
/// mount namespace would let its processes mount a procfs in which nothing is masked.
fn forsake(root: &Root) -> Result<(), Error> {
    let doing = "look at mounts of";
    let proc = Proc::open().doing("open", "a private /proc")?;
    let own = mount::place(root).doing(doing, "the root")?.id;
    let mut covered = Vec::new();
    for _ in 0..ROUNDS {
        let table = proc.file(Path::new("self/mountinfo"), OFlags::RDONLY);
        let table = mount_table::read(table.doing(doing, "/")?).doing(doing, "/")?;
        let missing = || std::io::Error::other("it is not among the mounts");
        let mut others = table.besides(own).ok_or_else(missing).doing(doing, "the root")?;
        others.retain(|entry| !covered.contains(&entry.id));
        if others.is_empty() {
            return Ok(());
        }
        for entry in others {
            let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
            match unmount(&entry.place, flags) {
                Ok(()) => {}
                // In a user namespace, mounts of the one around it cannot be taken away.
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::PERM) => {
                    cover(entry)?;
                    covered.push(entry.id);
                }
                Err(error) => return Err(error).doing("unmount", entry.place.display()),
            }
        }
    }
    Err(std::io::Error::other("mounts keep coming")).doing("unmount what is below", "/")
}

/// Puts an empty directory over a file system that shows the kernel's state; others stay, out of
/// reach, as they do no harm there.
fn cover(entry: &Entry) -> Result<(), Error> {
    if !["proc", "sysfs"].contains(&entry.kind.as_str()) {
        return Ok(());
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let empty = [("nr_inodes", Some("1")), ("mode", Some("0555"))];
    let attributes =
        MountAttrFlags::from_bits_retain(u32::try_from(attribute::RDONLY).unwrap_or_default());
    let covered = open(&entry.place, flags, Mode::empty()).and_then(|place| {
        let tree = mount::file_system("tmpfs", Some("covered"), &empty, attributes)?;
        mount::attach(tree, place)
    });
    covered.doing("cover", entry.place.display())
}
