use std::{
    ffi::{CStr, CString},
    os::fd::{AsFd, OwnedFd},
    rc::Rc,
};

use rustix::{
    fs::{self, FileType, Mode, OFlags, ResolveFlags},
    io::Errno,
};

use super::{Error, Extractor, attributes::Attributes, c_name, failed, file_type, shown};

/// As many symbolic links as Linux follows on one path (path_resolution(7)).
const LINKS: usize = 40;

/// A directory below the root, or the root.
#[derive(Debug)]
pub(super) struct Directory {
    /// Opened with `O_PATH`, or for reading if it is the root.
    pub(super) fd: OwnedFd,
    /// Real path from the root, without a leading `/`.
    pub(super) path: Vec<u8>,
    /// The root has 0.
    pub(super) depth: usize,
    pub(super) inode: u64,
}

/// What to do where a directory is missing on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    Create,
    Stop,
}

enum Step {
    Directory(OwnedFd),
    Link(Vec<u8>),
    Nothing,
    /// There is something that is neither a directory nor a link.
    File,
}

impl Directory {
    pub(super) fn new(fd: OwnedFd, path: Vec<u8>) -> std::io::Result<Self> {
        let inode = fs::fstat(&fd)?.st_ino;
        let depth = path.split(|&byte| byte == b'/').filter(|part| !part.is_empty()).count();
        Ok(Self { fd, path, depth, inode })
    }

    /// The real path of the entry `name`.
    pub(super) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        path
    }

    /// The directory `name` in this one; fails on a symbolic link.
    pub(super) fn child(&self, file: &CStr, name: &[u8]) -> rustix::io::Result<Self> {
        let fd = open_child(&self.fd, file)?;
        let inode = fs::fstat(&fd)?.st_ino;
        Ok(Self { fd, path: self.path_of(name), depth: self.depth + 1, inode })
    }
}

/// The kernel checks again what the caller ensures: one component, no link, no mount point.
fn open_child(directory: &OwnedFd, name: &CStr) -> rustix::io::Result<OwnedFd> {
    fs::openat2(
        directory,
        name,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV,
    )
}

fn step(directory: &Directory, name: &CString) -> rustix::io::Result<Step> {
    match open_child(&directory.fd, name) {
        Ok(fd) => return Ok(Step::Directory(fd)),
        Err(Errno::NOENT) => return Ok(Step::Nothing),
        Err(Errno::LOOP | Errno::NOTDIR) => {}
        Err(errno) => return Err(errno),
    }
    match file_type(directory.fd.as_fd(), name)? {
        Some(FileType::Symlink) => {
            Ok(Step::Link(fs::readlinkat(&directory.fd, name, Vec::new())?.into_bytes()))
        }
        Some(_) => Ok(Step::File),
        None => Ok(Step::Nothing),
    }
}

impl Extractor {
    /// The directory that `components` lead to, links followed within the root. Where one is
    /// missing, or a file is in its place, it is made or the answer is `None`.
    pub(super) fn directory(
        &mut self,
        path: &[u8],
        components: &[&[u8]],
        missing: Missing,
    ) -> Result<Option<Rc<Directory>>, Error> {
        let written = components.join(&b'/');
        if let Some((recent, directory)) = &self.recent
            && *recent == written
        {
            return Ok(Some(Rc::clone(directory)));
        }
        let found = self.walk(path, components, missing)?;
        self.recent = found.clone().map(|directory| (written, directory));
        Ok(found)
    }

    fn walk(
        &mut self,
        path: &[u8],
        components: &[&[u8]],
        missing: Missing,
    ) -> Result<Option<Rc<Directory>>, Error> {
        let mut pending: Vec<Vec<u8>> = components.iter().rev().map(|part| part.to_vec()).collect();
        let mut trail = vec![Rc::clone(&self.root)];
        let mut links = 0;
        while let Some(component) = pending.pop() {
            if component == b".." {
                // At the root, `..` is the root.
                trail.truncate(trail.len().saturating_sub(1).max(1));
                continue;
            }
            let here = Rc::clone(&trail[trail.len() - 1]);
            let name = c_name(path, &component)?;
            match step(&here, &name).map_err(failed("open directory", path))? {
                Step::Directory(fd) => {
                    let directory = Directory::new(fd, here.path_of(&component));
                    trail.push(Rc::new(directory.map_err(super::system("examine", path))?));
                }
                Step::Link(target) => {
                    links += 1;
                    if links > LINKS {
                        return Err(Error::Loop { path: shown(path), limit: LINKS });
                    }
                    if target.starts_with(b"/") {
                        trail.truncate(1);
                    }
                    pending.extend(reversed(&target));
                }
                Step::Nothing | Step::File if missing == Missing::Stop => return Ok(None),
                Step::Nothing | Step::File => {
                    trail.push(self.make_parent(path, &here, &component, &name)?);
                }
            }
            self.depth(path, trail.len() - 1)?;
        }
        Ok(trail.pop())
    }

    /// Makes a directory that the archive uses without having named it.
    fn make_parent(
        &mut self,
        path: &[u8],
        parent: &Directory,
        name: &[u8],
        file: &CString,
    ) -> Result<Rc<Directory>, Error> {
        self.depth(path, parent.depth + 1)?;
        self.clear(path, parent, name)?;
        fs::mkdirat(&parent.fd, file, Mode::RWXU).map_err(failed("make directory", path))?;
        let directory = parent.child(file, name).map_err(failed("open directory", path))?;
        self.directories.insert(directory.path.clone(), Attributes::implied());
        Ok(Rc::new(directory))
    }

    pub(super) fn depth(&self, path: &[u8], depth: usize) -> Result<(), Error> {
        if depth <= self.bounds.depth {
            return Ok(());
        }
        let limit = u64::try_from(self.bounds.depth).unwrap_or(u64::MAX);
        Err(Error::Bound { path: shown(path), limit, what: "levels of directories" })
    }
}

/// The components of a link's target, the last first.
fn reversed(target: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    target
        .split(|&byte| byte == b'/')
        .rev()
        .filter(|part| !matches!(*part, b"" | b"."))
        .map(<[u8]>::to_vec)
}
