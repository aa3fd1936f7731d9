//! /dev: device nodes and links.

use std::{os::fd::OwnedFd, path::Path};

use cofferdam_sys::{
    mount,
    root::{Links, Root},
};
use rustix::{
    fs::{
        CWD, Dev, FileType, Mode, OFlags, fstat, major, makedev, minor, mknodat, openat, symlinkat,
    },
    io::Errno,
    mount::OpenTreeFlags,
};

use crate::{
    error::{Doing, Error},
    plan::{Device, Plan},
};

/// Makes devices and links in the container's /dev, which is mounted already.
pub(super) fn populate(plan: &Plan, root: &Root) -> Result<(), Error> {
    if plan.devices.is_empty() && plan.links.is_empty() {
        return Ok(());
    }
    let dev = root.directory(Path::new("/dev"), Links::Refuse).doing("open", "/dev")?;
    for device in &plan.devices {
        let doing = "make the device";
        let path = device.path.display();
        let name =
            device.path.strip_prefix("/dev").map_err(|_| Errno::INVAL).doing(doing, &path)?;
        if let Some(parent) = device.path.parent().filter(|p| *p != Path::new("/dev")) {
            root.directory(parent, Links::Refuse).doing(doing, &path)?;
        }
        if plan.ids.is_none() {
            node(&dev, name, device).doing(doing, &path)?;
        } else {
            // Nodes cannot be made in a user namespace; this machine's are mounted instead.
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let place = openat(&dev, name, flags | OFlags::WRONLY, Mode::from_raw_mode(0o666));
            let place = place.doing(doing, &path)?;
            let tree = host(&device.path, device.number, device.block)?;
            mount::attach(tree, place).doing(doing, &path)?;
        }
    }
    for (name, target) in &plan.links {
        match symlinkat(*target, &dev, *name) {
            Err(Errno::EXIST) => {}
            result => result.doing("make the link in /dev", name)?,
        }
    }
    Ok(())
}

fn node(dev: &OwnedFd, name: &Path, device: &Device) -> rustix::io::Result<()> {
    let kind = if device.block { FileType::BlockDevice } else { FileType::CharacterDevice };
    let (major, minor) = device.number;
    let mode = Mode::from_raw_mode(0o666);
    mknodat(dev, name, kind, mode, makedev(major, minor))?;
    rustix::fs::chmodat(dev, name, mode, rustix::fs::AtFlags::empty())
}

/// A detached mount of this machine's device, which has to be the one that it should be.
pub(super) fn host(path: &Path, number: (u32, u32), block: bool) -> Result<OwnedFd, Error> {
    let doing = "use this machine's device";
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
    let tree = rustix::mount::open_tree(CWD, path, flags).doing(doing, path.display())?;
    let found = fstat(&tree).doing(doing, path.display())?;
    let kind = if block { FileType::BlockDevice } else { FileType::CharacterDevice };
    let same = FileType::from_raw_mode(found.st_mode) == kind && numbers(found.st_rdev) == number;
    if same {
        Ok(tree)
    } else {
        let (major, minor) = number;
        let why = format!("it is not device {major}:{minor}");
        Err(std::io::Error::other(why)).doing(doing, path.display())
    }
}

fn numbers(device: Dev) -> (u32, u32) {
    (major(device), minor(device))
}
