use std::{
    ffi::CStr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{self, AtFlags, Dir, FileType, Mode, OFlags},
    io::Errno,
};

use super::{Directory, Error, Extractor, c_name, failed, file_type};

/// Deeper than anything that [`super::Extractor`] makes, and few enough for descriptors and stack.
const DEEPEST: usize = 600;

impl Extractor {
    /// Removes what is at `name`, of whatever layer, so that it can be made anew.
    pub(super) fn clear(
        &mut self,
        path: &[u8],
        parent: &Directory,
        name: &[u8],
    ) -> Result<(), Error> {
        let file = c_name(path, name)?;
        let Some(kind) = file_type(parent.fd.as_fd(), &file).map_err(failed("examine", path))?
        else {
            return Ok(());
        };
        if matches!(kind, FileType::Directory | FileType::Symlink) {
            self.recent = None;
        }
        if kind == FileType::Directory {
            self.forget(&parent.path_of(name));
        }
        remove_tree(parent.fd.as_fd(), &file).map_err(failed("remove", path))
    }

    /// Removes what lower layers have at `name`; what the current layer made stays.
    pub(super) fn hide(
        &mut self,
        path: &[u8],
        parent: &Directory,
        name: &[u8],
    ) -> Result<(), Error> {
        let file = c_name(path, name)?;
        let created = self.created.contains(&(parent.inode, name.into()));
        match file_type(parent.fd.as_fd(), &file).map_err(failed("examine", path))? {
            None => return Ok(()),
            Some(FileType::Directory) => {
                let directory =
                    parent.child(&file, name).map_err(failed("open directory", path))?;
                self.hide_children(path, &directory)?;
                if created {
                    return Ok(());
                }
                match fs::unlinkat(&parent.fd, &file, AtFlags::REMOVEDIR) {
                    Ok(()) => {
                        self.directories.remove(&parent.path_of(name));
                    }
                    // Something of this layer is in it.
                    Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                    Err(errno) => return Err(failed("remove", path)(errno)),
                }
                return Ok(());
            }
            Some(_) => {}
        }
        if created {
            return Ok(());
        }
        fs::unlinkat(&parent.fd, &file, AtFlags::empty()).map_err(failed("remove", path))
    }

    /// Removes what lower layers have in `directory`; what the current layer made stays.
    pub(super) fn hide_children(
        &mut self,
        path: &[u8],
        directory: &Directory,
    ) -> Result<(), Error> {
        // Bounded: the depth of directories is, when they are made.
        for name in names(&directory.fd).map_err(failed("list", path))? {
            self.hide(path, directory, name.to_bytes())?;
        }
        Ok(())
    }

    /// Drops what was to be done to a directory and those below it.
    fn forget(&mut self, path: &[u8]) {
        self.directories.remove(path);
        let mut first = path.to_vec();
        first.push(b'/');
        let mut after = path.to_vec();
        after.push(b'/' + 1);
        let below: Vec<_> =
            self.directories.range(first..after).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.directories.remove(&path);
        }
    }
}

/// Removes the file or directory `name` of `parent` with all below it, links not followed, modes
/// that are in the way changed. Nothing there is fine.
///
/// # Errors
///
/// If the system refuses, or if directories are nested too deeply to be ours.
pub(crate) fn remove_tree(parent: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<()> {
    remove_below(parent, name, DEEPEST)
}

fn remove_below(parent: BorrowedFd<'_>, name: &CStr, depth: usize) -> rustix::io::Result<()> {
    match fs::unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // Linux says EISDIR, POSIX EPERM.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    let depth = depth.checked_sub(1).ok_or(Errno::NAMETOOLONG)?;
    let directory = open_to_change(parent, name)?;
    for child in names(&directory)? {
        remove_below(directory.as_fd(), &child, depth)?;
    }
    match fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        result => result,
    }
}

/// Opens a directory for reading after giving its owner (the caller) all rights to it.
fn open_to_change(parent: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let stat = fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let all = FileType::from_raw_mode(stat.st_mode) == FileType::Directory
        && Mode::from_raw_mode(stat.st_mode).contains(Mode::RWXU);
    if !all && !rustix::process::geteuid().is_root() {
        // The parent is ours alone, so that `name` is not swapped for a link in between.
        fs::chmodat(parent, name, Mode::RWXU, AtFlags::empty())?;
    }
    fs::openat(parent, name, flags, Mode::empty())
}

/// The names in a directory, read to the end before anything is removed from it.
fn names(directory: &OwnedFd) -> rustix::io::Result<Vec<std::ffi::CString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = fs::openat(directory, c".", flags, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(opened)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
