//! Device nodes, and the links in /dev.

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use cofferdam_sys::{
    mount,
    root::{Root, file_type},
};
use rustix::{
    fs::{
        AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid, chmodat, chownat, fstat, major,
        makedev, minor, mknodat, openat, statat, symlinkat,
    },
    io::Errno,
    mount::OpenTreeFlags,
    process::umask,
};

use super::mount::links;
use crate::{
    error::{Doing, Error},
    plan::{Device, Node, Plan},
};

/// Makes the devices, and the links in the container's /dev.
pub(super) fn populate(plan: &Plan, root: &Root) -> Result<(), Error> {
    // Nodes get exactly the mode that they are made with.
    let mask = umask(Mode::empty());
    let made = make_all(plan, root);
    umask(mask);
    made?;
    if plan.links.is_empty() {
        return Ok(());
    }
    let path = Path::new("/dev");
    let dev = root.directory(path, links(path)).doing("open", "/dev")?;
    for (name, target) in &plan.links {
        match symlinkat(*target, &dev, *name) {
            Err(Errno::EXIST) => {}
            result => result.doing("make the link in /dev", name)?,
        }
    }
    Ok(())
}

fn make_all(plan: &Plan, root: &Root) -> Result<(), Error> {
    let mut last = None;
    plan.devices.iter().try_for_each(|device| make(plan, device, root, &mut last))
}

/// Makes a device. The directory that the one before is in comes along, as most are in the same.
fn make<'a>(
    plan: &Plan,
    device: &'a Device,
    root: &Root,
    last: &mut Option<(&'a Path, OwnedFd)>,
) -> Result<(), Error> {
    let doing = "make the device";
    let path = &device.path;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Errno::INVAL).doing(doing, path.display());
    };
    if last.as_ref().is_none_or(|(of, _)| *of != parent) {
        let directory = root.directory(parent, links(path)).doing(doing, path.display())?;
        *last = Some((parent, directory));
    }
    let Some((_, directory)) = last else { return Err(Errno::INVAL).doing(doing, path.display()) };
    let name = Path::new(name);
    if device.kind == Node::Pipe || !plan.is_in_user_namespace() {
        return node(directory, name, device).doing(doing, path.display());
    }
    // Nodes cannot be made in a user namespace; this machine's are mounted instead, with the
    // owner and mode that they have there.
    let tree = of_this_machine(device)?;
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let place = match openat(&*directory, name, flags | OFlags::WRONLY, Mode::from_raw_mode(0o644))
    {
        // Whatever an image has there is covered, unless it leads elsewhere.
        Err(Errno::EXIST) => existing(directory, name),
        place => place,
    };
    mount::attach(tree, place.doing(doing, path.display())?).doing(doing, path.display())
}

fn existing(directory: &OwnedFd, name: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let found = openat(directory, name, flags, Mode::empty())?;
    match file_type(&found)? {
        FileType::Symlink | FileType::Directory => Err(Errno::EXIST),
        _ => Ok(found),
    }
}

fn node(directory: &OwnedFd, name: &Path, device: &Device) -> rustix::io::Result<()> {
    let mode = Mode::from_raw_mode(device.mode);
    let (kind, number) = match device.kind {
        Node::Character(major, minor) => (FileType::CharacterDevice, makedev(major, minor)),
        Node::Block(major, minor) => (FileType::BlockDevice, makedev(major, minor)),
        Node::Pipe => (FileType::Fifo, 0),
    };
    match mknodat(directory, name, kind, mode, number) {
        Err(Errno::EXIST) => {
            // An image's own is good if it is the same, and never opened here.
            let found = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if !is(&found, device.kind) {
                return Err(Errno::EXIST);
            }
        }
        Ok(()) => return own(directory, name, device),
        Err(error) => return Err(error),
    }
    own(directory, name, device)?;
    chmodat(directory, name, mode, AtFlags::empty())
}

fn own(directory: &OwnedFd, name: &Path, device: &Device) -> rustix::io::Result<()> {
    let (user, group) = (Uid::from_raw(device.user), Gid::from_raw(device.group));
    chownat(directory, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
}

/// This machine's node for a device: at the same path, or where the kernel says that it is.
fn of_this_machine(device: &Device) -> Result<OwnedFd, Error> {
    host(&device.path, device.kind).or_else(|error| match named_by_kernel(device.kind) {
        Some(path) if path != device.path => host(&path, device.kind),
        _ => Err(error),
    })
}

fn named_by_kernel(kind: Node) -> Option<PathBuf> {
    let file = match kind {
        Node::Character(major, minor) => format!("/sys/dev/char/{major}:{minor}/uevent"),
        Node::Block(major, minor) => format!("/sys/dev/block/{major}:{minor}/uevent"),
        Node::Pipe => return None,
    };
    let text = std::fs::read_to_string(file).ok()?;
    let name = text.lines().find_map(|line| line.strip_prefix("DEVNAME="))?;
    Some(Path::new("/dev").join(name))
}

/// A detached mount of this machine's device, which has to be the one that it should be.
pub(super) fn host(path: &Path, kind: Node) -> Result<OwnedFd, Error> {
    let doing = "use this machine's device";
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    let tree = rustix::mount::open_tree(CWD, path, flags).doing(doing, path.display())?;
    let found = fstat(&tree).doing(doing, path.display())?;
    if is(&found, kind) {
        return Ok(tree);
    }
    let wanted = match kind {
        Node::Character(major, minor) => format!("character device {major}:{minor}"),
        Node::Block(major, minor) => format!("block device {major}:{minor}"),
        Node::Pipe => "a named pipe".into(),
    };
    Err(std::io::Error::other(format!("it is not {wanted}"))).doing(doing, path.display())
}

/// Whether a file is this device.
fn is(found: &Stat, kind: Node) -> bool {
    let number = (major(found.st_rdev), minor(found.st_rdev));
    match (FileType::from_raw_mode(found.st_mode), kind) {
        (FileType::CharacterDevice, Node::Character(major, minor))
        | (FileType::BlockDevice, Node::Block(major, minor)) => number == (major, minor),
        (FileType::Fifo, Node::Pipe) => true,
        _ => false,
    }
}
