//! Mounts by descriptor: mount_setattr(2), and the new mount API in one call each.

use std::{
    ffi::CString,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{AtFlags, StatxAttributes, StatxFlags, statx},
    io,
    mount::{
        FsMountFlags, FsOpenFlags, FsPickFlags, MountAttrFlags, MountFlags, MoveMountFlags,
        OpenTreeFlags, fsconfig_create, fsconfig_reconfigure, fsconfig_set_flag,
        fsconfig_set_string, fsmount, fsopen, fspick, move_mount, open_tree,
    },
};

use crate::{clone::last_error, proc};

/// Changes to a mount's attributes (mount_setattr(2)).
#[derive(Debug, Clone, Copy, Default)]
pub struct Change<'a> {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear.
    pub clear: u64,
    /// Propagation, `MS_PRIVATE` and the like; 0 leaves it.
    pub propagation: u64,
    /// User namespace whose id maps are applied to the mount.
    pub id_map: Option<BorrowedFd<'a>>,
    /// Whether mounts below change too.
    pub recursive: bool,
}

/// `MOUNT_ATTR_*` of mount_setattr(2), which rustix has for fsmount(2) only in part.
pub mod attribute {
    /// Read-only.
    pub const RDONLY: u64 = libc::MOUNT_ATTR_RDONLY;
    /// Set-user-id bits and file capabilities have no effect.
    pub const NOSUID: u64 = libc::MOUNT_ATTR_NOSUID;
    /// Device nodes have no effect.
    pub const NODEV: u64 = libc::MOUNT_ATTR_NODEV;
    /// Programs cannot be executed.
    pub const NOEXEC: u64 = libc::MOUNT_ATTR_NOEXEC;
    /// The mask of access-time attributes; zero in it is relatime.
    pub const ATIME: u64 = libc::MOUNT_ATTR__ATIME;
    /// Access times are never updated.
    pub const NOATIME: u64 = libc::MOUNT_ATTR_NOATIME;
    /// Access times are always updated.
    pub const STRICTATIME: u64 = libc::MOUNT_ATTR_STRICTATIME;
    /// Access times of directories are not updated.
    pub const NODIRATIME: u64 = libc::MOUNT_ATTR_NODIRATIME;
    /// Symbolic links are not followed.
    pub const NOSYMFOLLOW: u64 = libc::MOUNT_ATTR_NOSYMFOLLOW;
}

/// Changes the attributes of the mount that `mount` is the root of.
///
/// # Errors
/// `EPERM` when an attribute is locked or the file system does not allow id maps by this caller,
/// `EINVAL` when the file system does not support id maps or an attribute is unknown.
pub fn set_attributes(mount: impl AsFd, change: &Change<'_>) -> io::Result<()> {
    let id_map = change.id_map.map(|namespace| namespace.as_raw_fd());
    let attributes = libc::mount_attr {
        attr_set: change.set | if id_map.is_some() { libc::MOUNT_ATTR_IDMAP } else { 0 },
        attr_clr: change.clear,
        propagation: change.propagation,
        userns_fd: id_map.and_then(|fd| u64::try_from(fd).ok()).unwrap_or_default(),
    };
    let mut flags = libc::AT_EMPTY_PATH;
    if change.recursive {
        flags |= libc::AT_RECURSIVE;
    }
    // SAFETY: the path is an empty C string and `attributes` a `mount_attr` of the size given;
    // both outlive the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(last_error()) }
}

/// A new, detached mount of a file system; options without a value are flags.
///
/// # Errors
/// When the kernel does not know the type or an option, or does not allow it.
pub fn file_system(
    kind: &str,
    source: Option<&str>,
    options: &[(&str, Option<&str>)],
    attributes: MountAttrFlags,
) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    if let Some(source) = source {
        fsconfig_set_string(context.as_fd(), "source", source)?;
    }
    for (key, value) in options {
        match value {
            Some(value) => fsconfig_set_string(context.as_fd(), *key, *value)?,
            None => fsconfig_set_flag(context.as_fd(), *key)?,
        }
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// The longest value of an option that fsconfig(2) takes, in bytes.
pub const VALUE_LENGTH: usize = 255;

/// Mounts a file system at `target` by mount(2), whose options may be longer than
/// [`VALUE_LENGTH`]. Needs this machine's own /proc.
///
/// # Errors
/// When the kernel does not know the type or an option, or does not allow it.
pub fn file_system_at(
    target: impl AsFd,
    kind: &str,
    source: &str,
    options: &str,
    flags: MountFlags,
) -> io::Result<()> {
    let options = CString::new(options).map_err(|_| io::Errno::INVAL)?;
    rustix::mount::mount(source, proc::path_of(target)?, kind, flags, options.as_c_str())
}

/// Changes the options of the file system that `mount` shows, for whoever has it mounted.
///
/// # Errors
/// When the kernel does not know an option or does not allow the change.
pub fn reconfigure(mount: impl AsFd, options: &[(&str, Option<&str>)]) -> io::Result<()> {
    let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH;
    let context = fspick(mount, "", flags)?;
    for (key, value) in options {
        match value {
            Some(value) => fsconfig_set_string(context.as_fd(), *key, *value)?,
            None => fsconfig_set_flag(context.as_fd(), *key)?,
        }
    }
    fsconfig_reconfigure(context.as_fd())
}

/// On which mount something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The mount's number, as in `/proc/PID/mountinfo`.
    pub id: u64,
    /// Whether it is what is mounted, rather than something below that; `None` where the kernel
    /// does not tell (before Linux 5.8).
    pub is_root: Option<bool>,
}

/// On which mount something is.
///
/// # Errors
/// As statx(2); `ENOSYS` where the kernel does not tell (before Linux 5.8).
pub fn place(handle: impl AsFd) -> io::Result<Place> {
    let found = statx(handle, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    if found.stx_mask & StatxFlags::MNT_ID.bits() == 0 {
        return Err(io::Errno::NOSYS);
    }
    let told = found.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT);
    let is_root = told.then(|| found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT));
    Ok(Place { id: found.stx_mnt_id, is_root })
}

/// A detached copy of the mount at `object`, with what is mounted below it if `recursive`.
///
/// # Errors
/// When the kernel does not allow it.
pub fn copy(object: impl AsFd, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    open_tree(object, "", flags)
}

/// Attaches a detached mount at `target`.
///
/// # Errors
/// When the kernel does not allow it.
pub fn attach(mount: impl AsFd, target: impl AsFd) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", target, "", flags)
}
