//! The root file system: built and restricted. [`super::enter`] enters it.

use std::{os::fd::OwnedFd, path::Path};

use cofferdam_sys::{
    channel::Channel,
    mount::{self, Change, attribute},
    proc::Proc,
    root::{Links, Root, file_type},
};
use rustix::{
    fs::{FileType, Mode, OFlags, mkdirat, open},
    io::Errno,
    mount::{MountAttrFlags, UnmountFlags, unmount},
    process::fchdir,
};

use super::{
    child,
    mount::Made,
    source::{Opened, Sources},
};
use crate::{
    error::{Doing, Error},
    plan::{
        Mount, Node, Plan, What,
        option::{MS_PRIVATE, MS_SLAVE},
    },
};

/// A root that is mounted.
pub(super) struct Built {
    pub(super) root: Root,
    /// File systems in memory that are to be read-only when all is in them.
    read_only: Vec<Made>,
}

/// Builds the root with all that is mounted in it, attached but not entered.
///
/// With `in_place` the root is mounted where it is on this machine, for whoever looks for it there.
pub(super) fn build(
    plan: &Plan,
    sources: &Sources,
    channel: &Channel,
    in_place: bool,
) -> Result<Built, Error> {
    let Opened { root: lower, mounts } = sources.complete(plan)?;
    if file_type(&lower).doing("look at", plan.root.path.display())? != FileType::Directory {
        return Err(Error::configuration("/root/path", "it is not a directory"));
    }
    isolate(plan, &lower)?;
    let root = match plan.root.ephemeral {
        Some(size) => ephemeral(plan, &lower, size)?,
        None => {
            let place = if in_place { &plan.root.path } else { Path::new("/") };
            attach_at(&lower, place).doing("mount the root", plan.root.path.display())?;
            lower
        }
    };
    let root = Root::new(root);
    let mut read_only = Vec::new();
    for (planned, trees) in plan.mounts.iter().zip(mounts) {
        let made = trees.and_then(|trees| super::mount::make(planned, trees, &plan.mount_label));
        match made {
            Err(why) if planned.optional => {
                child::give_up(channel, planned.destination.display().to_string(), &why)?;
            }
            Ok(made @ Made::Tree(_)) if is_filled_later(planned) => {
                let mut writable = planned.clone();
                writable.attributes.set &= !attribute::RDONLY;
                writable.below.set &= !attribute::RDONLY;
                super::mount::put(&writable, &made, &root)?;
                read_only.push(made);
            }
            made => super::mount::put(planned, &made?, &root)?,
        }
    }
    Ok(Built { root, read_only })
}

/// Whether it is a new, empty file system that is to be read-only: places for other mounts, devices
/// and links are made in it first.
fn is_filled_later(planned: &Mount) -> bool {
    let read_only = (planned.attributes.set | planned.below.set) & attribute::RDONLY != 0;
    read_only && matches!(&planned.what, What::FileSystem { kind, .. } if kind == "tmpfs")
}

/// Nothing that is mounted in the root is seen on this machine, nor the other way round unless
/// that is asked for.
fn isolate(plan: &Plan, tree: &OwnedFd) -> Result<(), Error> {
    let slave = plan.root_propagation.is_some_and(|asked| asked.kind == MS_SLAVE);
    let change = Change {
        set: if plan.root.nodev { attribute::NODEV } else { 0 },
        propagation: if slave { MS_SLAVE } else { MS_PRIVATE },
        recursive: true,
        ..Change::default()
    };
    mount::set_attributes(tree, &change).doing("isolate the root", plan.root.path.display())
}

/// An overlay: the directory below, only read, and a layer in memory above for all changes.
///
/// Both are mounted below a file system in memory that goes on top of `/` of this mount
/// namespace, which nothing sees that was there before; paths are relative to it, so that no
/// character of a path can mean anything to the overlay's options.
fn ephemeral(plan: &Plan, lower: &OwnedFd, size: u64) -> Result<OwnedFd, Error> {
    let doing = "make the throw-away layer of";
    let path = plan.root.path.display();
    let size = size.to_string();
    let options = [("size", Some(size.as_str())), ("mode", Some("0700"))];
    let memory = mount::file_system("tmpfs", Some("cofferdam"), &options, MountAttrFlags::empty())
        .doing(doing, &path)?;
    attach_at(&memory, Path::new("/")).doing(doing, &path)?;
    for (name, mode) in [("lower", 0o755), ("upper", 0o755), ("work", 0o700), ("root", 0o755)] {
        mkdirat(&memory, name, Mode::from_raw_mode(mode)).doing(doing, &path)?;
    }
    let place = |name: &str| {
        let flags = OFlags::PATH | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        rustix::fs::openat(&memory, name, flags, Mode::empty()).doing(doing, &path)
    };
    mount::attach(lower, place("lower")?).doing("mount the root", &path)?;
    fchdir(&memory).doing(doing, &path)?;
    let layers =
        [("lowerdir", Some("lower")), ("upperdir", Some("upper")), ("workdir", Some("work"))];
    let mut options = layers.to_vec();
    if plan.ids.is_some() {
        // In a user namespace its marks have to be ordinary attributes.
        options.push(("userxattr", None));
    }
    let attributes = MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOSUID;
    let root = mount::file_system("overlay", Some("cofferdam"), &options, attributes)
        .doing("mount an overlay on", &path)?;
    mount::attach(&root, place("root")?).doing("mount an overlay on", &path)?;
    // The overlay has a mount of its own of it.
    unmount("lower", UnmountFlags::DETACH | UnmountFlags::NOFOLLOW).doing(doing, &path)?;
    Ok(root)
}

fn attach_at(tree: &OwnedFd, place: &Path) -> rustix::io::Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    mount::attach(tree, open(place, flags, Mode::empty())?)
}

/// Sets kernel parameters, by a procfs that the container cannot have changed.
pub(super) fn set_parameters(plan: &Plan, proc: &Proc) -> Result<(), Error> {
    for (path, value) in &plan.parameters {
        let path = Path::new("sys").join(path);
        proc.write(&path, value.as_bytes())
            .doing("set the kernel parameter", format_args!("/proc/{}", path.display()))?;
    }
    Ok(())
}

/// Masks paths, and makes paths, file systems in memory and the root read-only.
pub(super) fn restrict(plan: &Plan, built: Built) -> Result<Root, Error> {
    let Built { root, read_only } = built;
    let change = Change { set: attribute::RDONLY, ..Change::default() };
    for made in read_only {
        let Made::Tree(tree) = made else { continue };
        mount::set_attributes(tree, &change).doing("make read-only", "a file system in memory")?;
    }
    for path in &plan.readonly {
        let doing = "make read-only";
        let Some(handle) = present(&root, path, doing)? else { continue };
        let tree = mount::copy(&handle, true).doing(doing, path.display())?;
        let change = Change { set: attribute::RDONLY, recursive: true, ..Change::default() };
        mount::set_attributes(&tree, &change).doing(doing, path.display())?;
        mount::attach(tree, handle).doing(doing, path.display())?;
    }
    mask(plan, &root)?;
    if plan.root.readonly {
        mount::set_attributes(&root, &change).doing("make read-only", "/")?;
    }
    Ok(root)
}

/// Puts an empty directory over directories and /dev/null over all else.
fn mask(plan: &Plan, root: &Root) -> Result<(), Error> {
    let doing = "mask";
    // Copies are made of attached mounts only, before Linux 6.15: the first is attached as it is.
    let mut empty: Option<OwnedFd> = None;
    for path in &plan.masked {
        let Some(handle) = present(root, path, doing)? else { continue };
        let cover = if file_type(&handle).doing(doing, path.display())? == FileType::Directory {
            match &empty {
                Some(attached) => mount::copy(attached, false).doing(doing, path.display())?,
                None => {
                    let first = empty_directory(plan).doing(doing, path.display())?;
                    mount::attach(&first, handle).doing(doing, path.display())?;
                    empty = Some(first);
                    continue;
                }
            }
        } else {
            super::device::host(Path::new("/dev/null"), Node::Character(1, 3))?
        };
        mount::attach(cover, handle).doing(doing, path.display())?;
    }
    Ok(())
}

fn empty_directory(plan: &Plan) -> rustix::io::Result<OwnedFd> {
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let mut options = vec![("nr_inodes", Some("1")), ("mode", Some("0555"))];
    if !plan.mount_label.is_empty() {
        options.push(("context", Some(plan.mount_label.as_str())));
    }
    mount::file_system("tmpfs", Some("masked"), &options, attributes)
}

/// A path that this kernel and this image may not have.
fn present(root: &Root, path: &Path, doing: &'static str) -> Result<Option<OwnedFd>, Error> {
    match root.handle(path, Links::Follow) {
        Ok(handle) => Ok(Some(handle)),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error).doing(doing, path.display()),
    }
}
