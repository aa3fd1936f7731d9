use std::{
    ffi::{CStr, CString},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{self, AtFlags, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags},
    io::Errno,
};

use super::{Directory, Error, Extractor, Owners, c_name, failed, shown};
use crate::tar::{EntryHeader, EntryKind};

/// What a directory gets when everything below it is in place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attributes {
    mode: u32,
    owner: Option<(u64, u64)>,
    mtime: i64,
}

impl Attributes {
    /// Of a directory that no entry describes.
    pub(super) fn implied() -> Self {
        Self { mode: 0o755, owner: Some((0, 0)), mtime: 0 }
    }
}

const SETID: u32 = 0o6000;
const PERMISSIONS: u32 = 0o7777;

impl Extractor {
    pub(super) fn directory_attributes(
        &mut self,
        entry: &EntryHeader,
        directory: &Directory,
    ) -> Result<(), Error> {
        let attributes = Attributes {
            mode: entry.mode & PERMISSIONS,
            owner: Some((entry.uid, entry.gid)),
            mtime: entry.mtime,
        };
        self.directories.insert(directory.path.clone(), attributes);
        if entry.xattrs.is_empty() {
            return Ok(());
        }
        let readable = reopen(&directory.fd).map_err(failed("open directory", &entry.path))?;
        self.xattrs(entry, readable.as_fd())
    }

    pub(super) fn file_attributes(
        &mut self,
        entry: &EntryHeader,
        file: BorrowedFd<'_>,
    ) -> Result<(), Error> {
        self.owner(&entry.path, (entry.uid, entry.gid), |uid, gid| fs::fchown(file, uid, gid))?;
        self.xattrs(entry, file)?;
        let mode = self.file_mode(entry);
        fs::fchmod(file, mode).map_err(failed("set the mode of", &entry.path))?;
        fs::futimens(file, &times(entry.mtime)).map_err(failed("set the time of", &entry.path))
    }

    pub(super) fn link_attributes(
        &mut self,
        entry: &EntryHeader,
        parent: &OwnedFd,
        file: &CStr,
    ) -> Result<(), Error> {
        let nofollow = AtFlags::SYMLINK_NOFOLLOW;
        self.owner(&entry.path, (entry.uid, entry.gid), |uid, gid| {
            fs::chownat(parent, file, uid, gid, nofollow)
        })?;
        // Linux allows no `user.*` attributes on links (xattr(7)).
        self.outcome.xattrs_skipped += entry.xattrs.len() as u64;
        fs::utimensat(parent, file, &times(entry.mtime), nofollow)
            .map_err(failed("set the time of", &entry.path))
    }

    /// Of a pipe or device, which must not be opened: the name was made a moment ago in a directory
    /// that is the caller's alone, and `chmodat` follows no link there because there is none.
    pub(super) fn special_attributes(
        &mut self,
        entry: &EntryHeader,
        parent: &OwnedFd,
        file: &CStr,
    ) -> Result<(), Error> {
        let mode = self.file_mode(entry);
        self.link_attributes(entry, parent, file)?;
        fs::chmodat(parent, file, mode, AtFlags::empty())
            .map_err(failed("set the mode of", &entry.path))
    }

    fn file_mode(&mut self, entry: &EntryHeader) -> Mode {
        let mut mode = entry.mode & PERMISSIONS;
        if mode & SETID != 0 && !self.policy.keep_setid && entry.kind != EntryKind::Directory {
            self.outcome.setid_stripped += 1;
            mode &= !SETID;
        }
        Mode::from_raw_mode(mode)
    }

    fn owner(
        &mut self,
        path: &[u8],
        (uid, gid): (u64, u64),
        change: impl FnOnce(Option<Uid>, Option<Gid>) -> rustix::io::Result<()>,
    ) -> Result<(), Error> {
        let numbers = |id: u64| u32::try_from(id).ok().filter(|id| *id != u32::MAX);
        let (Some(uid), Some(gid)) = (numbers(uid), numbers(gid)) else {
            let reason = "the owner is not a number that Linux knows";
            return Err(Error::Name { path: shown(path), reason });
        };
        if self.policy.owners == Owners::Squash {
            self.outcome.owners_squashed += 1;
            return Ok(());
        }
        match change(Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid))) {
            // Root of a user namespace that does not have this id.
            Err(Errno::INVAL | Errno::PERM) => {
                self.outcome.owners_squashed += 1;
                Ok(())
            }
            result => result.map_err(failed("set the owner of", path)),
        }
    }

    fn xattrs(&mut self, entry: &EntryHeader, file: BorrowedFd<'_>) -> Result<(), Error> {
        for (name, value) in &entry.xattrs {
            let allowed = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
            let Some(name) = CString::new(name.as_slice()).ok().filter(|_| allowed) else {
                self.outcome.xattrs_skipped += 1;
                continue;
            };
            match fs::fsetxattr(file, &name, value, XattrFlags::empty()) {
                Ok(()) => {}
                Err(Errno::NOSPC | Errno::DQUOT) => {
                    return Err(failed("set an attribute of", &entry.path)(Errno::NOSPC));
                }
                // The file system has none, or none as large or as named.
                Err(_) => self.outcome.xattrs_skipped += 1,
            }
        }
        Ok(())
    }

    /// Deepest first: a parent's mode may take away the right to enter, and changing an entry
    /// changes its directory's time.
    pub(super) fn finish_directories(&mut self) -> Result<(), Error> {
        self.recent = None;
        let directories = std::mem::take(&mut self.directories);
        for (path, attributes) in directories.iter().rev() {
            self.finish_directory(path, attributes)?;
        }
        Ok(())
    }

    fn finish_directory(&mut self, path: &[u8], attributes: &Attributes) -> Result<(), Error> {
        let mut here = reopen(&self.root.fd).map_err(failed("open directory", path))?;
        let parts = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty());
        for part in parts {
            here = open_directory(here.as_fd(), &c_name(path, part)?)
                .map_err(failed("open directory", path))?;
        }
        if let Some(owner) = attributes.owner {
            self.owner(path, owner, |uid, gid| fs::fchown(&here, uid, gid))?;
        }
        fs::fchmod(&here, Mode::from_raw_mode(attributes.mode))
            .map_err(failed("set the mode of", path))?;
        fs::futimens(&here, &times(attributes.mtime)).map_err(failed("set the time of", path))
    }
}

fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = fs::OFlags::RDONLY | fs::OFlags::DIRECTORY | fs::OFlags::CLOEXEC;
    let resolve = fs::ResolveFlags::BENEATH | fs::ResolveFlags::NO_SYMLINKS;
    fs::openat2(parent, name, flags | fs::OFlags::NOFOLLOW, Mode::empty(), resolve)
}

/// A descriptor for reading of a directory that is open as a path only.
fn reopen(directory: &OwnedFd) -> rustix::io::Result<OwnedFd> {
    open_directory(directory.as_fd(), c".")
}

fn times(mtime: i64) -> Timestamps {
    let time = Timespec { tv_sec: mtime, tv_nsec: 0 };
    Timestamps { last_access: time, last_modification: time }
}
