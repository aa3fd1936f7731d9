//! `tmpcopyup`: a file system in memory begins with what was at its place.

use std::{ffi::CStr, os::fd::OwnedFd, path::Path};

use cofferdam_sys::{proc::reopen, root::Root};
use rustix::{
    fs::{
        AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, fchmod, fchown, fstat,
        mkdirat, openat, readlinkat, statat, symlinkat,
    },
    io::{self, Errno},
};

use super::mount::links;
use crate::error::{Doing, Error};

/// Deepest directory that is copied.
const DEPTH: usize = 128;

/// Copies what the directory `path` of `root` holds into the new file system `target`, as far as
/// its size lets it: files, directories and links with their owners and modes. The directory's
/// own owner and mode come along.
pub(super) fn fill(root: &Root, path: &Path, target: &OwnedFd) -> Result<(), Error> {
    let doing = "copy into memory what is at";
    let source = match root.handle(path, links(path)) {
        // Nothing is there yet.
        Err(Errno::NOENT) => return Ok(()),
        handle => handle.doing(doing, path.display())?,
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    let copied = reopen(&source, flags).and_then(|source| {
        let target = openat(target, ".", flags | OFlags::CLOEXEC, Mode::empty())?;
        directory(&source, &target, 0)
    });
    copied.doing(doing, path.display())
}

fn directory(source: &OwnedFd, target: &OwnedFd, depth: usize) -> io::Result<()> {
    if depth == DEPTH {
        return Err(Errno::NAMETOOLONG);
    }
    for entry in Dir::read_from(source)? {
        let entry = entry?;
        if ![c".", c".."].contains(&entry.file_name()) {
            one(source, target, entry.file_name(), depth)?;
        }
    }
    let stat = fstat(source)?;
    own(target, &stat)
}

fn one(source: &OwnedFd, target: &OwnedFd, name: &CStr, depth: usize) -> io::Result<()> {
    let stat = statat(source, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let none = Mode::empty();
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            mkdirat(target, name, Mode::RWXU)?;
            let open = |directory| {
                openat(directory, name, flags | OFlags::RDONLY | OFlags::DIRECTORY, none)
            };
            directory(&open(source)?, &open(target)?, depth + 1)
        }
        FileType::RegularFile => {
            // Not a device or a pipe by now, whose opening could do something.
            let from = openat(source, name, flags | OFlags::RDONLY | OFlags::NONBLOCK, none)?;
            if FileType::from_raw_mode(fstat(&from)?.st_mode) != FileType::RegularFile {
                return Err(Errno::INVAL);
            }
            let create = flags | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
            let to = openat(target, name, create, Mode::RUSR | Mode::WUSR)?;
            while rustix::fs::sendfile(&to, &from, None, 1 << 20)? > 0 {}
            own(&to, &stat)
        }
        FileType::Symlink => {
            symlinkat(readlinkat(source, name, Vec::new())?, target, name)?;
            let (user, group) = owner(&stat);
            chownat(target, name, user, group, AtFlags::SYMLINK_NOFOLLOW)
        }
        // Devices, pipes and sockets stay where they are.
        _ => Ok(()),
    }
}

fn owner(stat: &Stat) -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))
}

/// The mode goes last, as a change of owner takes set-user-id bits away.
fn own(file: &OwnedFd, stat: &Stat) -> io::Result<()> {
    let (user, group) = owner(stat);
    match fchown(file, user, group) {
        // An owner who has no id in the container.
        Err(Errno::INVAL | Errno::OVERFLOW) => {}
        result => result?,
    }
    fchmod(file, Mode::from_raw_mode(stat.st_mode & 0o7777))
}
