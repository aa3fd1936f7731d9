//! Paths under a root directory that may be hostile.
//!
//! Every symbolic link, `..` and absolute path is resolved by the kernel as if the directory were
//! `/`, and links of /proc that jump elsewhere are refused (openat2(2), Linux 5.6).

use std::{
    io::Read,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{FileType, Mode, OFlags, ResolveFlags, fstat, mkdirat, openat, openat2},
    io::{self, Errno},
};

use crate::proc;

/// Deepest path that is made.
const DEPTH: usize = 256;

/// A directory that paths are resolved under.
#[derive(Debug)]
pub struct Root(OwnedFd);

/// Whether a symbolic link may be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Within the root.
    Follow,
    /// Anywhere on the path, it is an error (`ELOOP`).
    Refuse,
}

impl Root {
    /// Takes a directory as the root.
    #[must_use]
    pub const fn new(directory: OwnedFd) -> Self {
        Self(directory)
    }

    /// Opens a directory of this machine as the root.
    ///
    /// # Errors
    /// When it is not a directory or cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::empty()).map(Self)
    }

    /// A handle (`O_PATH`) of what is at `path`.
    ///
    /// # Errors
    /// When nothing is there, or on the way to it is no directory or a refused link.
    pub fn handle(&self, path: &Path, links: Links) -> io::Result<OwnedFd> {
        let mut resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        if links == Links::Refuse {
            resolve |= ResolveFlags::NO_SYMLINKS;
        }
        retry(|| {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            openat2(&self.0, under(path), flags, Mode::empty(), resolve)
        })
    }

    /// A handle of the directory at `path`, which is made where it is missing, with mode 0755.
    ///
    /// # Errors
    /// When something that is no directory is in the way.
    pub fn directory(&self, path: &Path, links: Links) -> io::Result<OwnedFd> {
        match self.handle(path, links) {
            Err(Errno::NOENT) => {}
            found => return found.and_then(only(FileType::Directory)),
        }
        let mut reached = PathBuf::new();
        let mut current = self.handle(&reached, links)?;
        for (depth, name) in names(path)?.enumerate() {
            if depth == DEPTH {
                return Err(Errno::NAMETOOLONG);
            }
            reached.push(name);
            current = match self.handle(&reached, links) {
                Err(Errno::NOENT) => {
                    match mkdirat(&current, name, Mode::from_raw_mode(0o755)) {
                        // A dangling link is there, or somebody was faster: resolved again below.
                        Ok(()) | Err(Errno::EXIST) => {}
                        Err(error) => return Err(error),
                    }
                    self.handle(&reached, links)?
                }
                found => found?,
            };
        }
        only(FileType::Directory)(current)
    }

    /// A handle of the file at `path`, which is made empty, with its directories, if missing.
    ///
    /// # Errors
    /// When a directory or a dangling link is there.
    pub fn file(&self, path: &Path, links: Links) -> io::Result<OwnedFd> {
        match self.handle(path, links) {
            Err(Errno::NOENT) => {}
            found => return found,
        }
        let (parent, name) = (path.parent(), path.file_name());
        let (Some(parent), Some(name)) = (parent, name) else { return Err(Errno::ISDIR) };
        let parent = self.directory(parent, links)?;
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(&parent, name, flags | OFlags::WRONLY, Mode::from_raw_mode(0o644))?;
        self.handle(path, links)
    }

    /// The content of the regular file at `path`, if it is not longer than `limit` bytes.
    ///
    /// # Errors
    /// `EINVAL` when it is no regular file, `EFBIG` when it is too long; or as the kernel says.
    pub fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        // The handle tells what it is before anything is opened: a device or a pipe never is.
        let handle = only(FileType::RegularFile)(self.handle(path, Links::Follow)?)?;
        let file = proc::reopen(&handle, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let mut bytes = Vec::new();
        let mut reader = std::fs::File::from(file).take(limit.saturating_add(1));
        reader
            .read_to_end(&mut bytes)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        if bytes.len() as u64 > limit { Err(Errno::FBIG) } else { Ok(bytes) }
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The file type of what a handle stands for.
///
/// # Errors
/// As fstat(2).
pub fn file_type(handle: impl AsFd) -> io::Result<FileType> {
    fstat(handle).map(|stat| FileType::from_raw_mode(stat.st_mode))
}

fn only(wanted: FileType) -> impl Fn(OwnedFd) -> io::Result<OwnedFd> {
    move |handle| match (file_type(&handle)?, wanted) {
        (found, wanted) if found == wanted => Ok(handle),
        (_, FileType::Directory) => Err(Errno::NOTDIR),
        _ => Err(Errno::INVAL),
    }
}

/// `openat2` takes an empty path for an error; the root itself is `.`.
fn under(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}

/// Plain names of a path without `..`.
fn names(path: &Path) -> io::Result<impl Iterator<Item = &std::ffi::OsStr>> {
    if path.components().any(|c| matches!(c, Component::ParentDir | Component::Prefix(_))) {
        return Err(Errno::INVAL);
    }
    Ok(path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name),
        _ => None,
    }))
}

/// `RESOLVE_IN_ROOT` answers `EAGAIN` when a rename elsewhere may have raced with `..`.
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..128 {
        match call() {
            Err(Errno::AGAIN | Errno::INTR) => {}
            done => return done,
        }
    }
    Err(Errno::AGAIN)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn content(root: &Root, path: &str) -> io::Result<String> {
        root.read(Path::new(path), 100).map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn links_stay_inside() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "secret").unwrap();
        let inside = outside.path().join("root");
        std::fs::create_dir_all(inside.join("etc")).unwrap();
        std::fs::write(inside.join("etc/passwd"), "inside").unwrap();
        symlink("/etc", inside.join("absolute")).unwrap();
        symlink("../../../../../etc", inside.join("etc/up")).unwrap();
        symlink(outside.path().join("secret"), inside.join("escape")).unwrap();
        symlink("loop", inside.join("loop")).unwrap();
        symlink("/gone/away", inside.join("dangling")).unwrap();
        let root = Root::open(&inside).unwrap();

        assert_eq!(content(&root, "/etc/passwd").unwrap(), "inside");
        assert_eq!(content(&root, "absolute/passwd").unwrap(), "inside");
        assert_eq!(content(&root, "etc/up/passwd").unwrap(), "inside");
        assert_eq!(content(&root, "../../etc/passwd").unwrap(), "inside");
        assert_eq!(content(&root, "escape"), Err(Errno::NOENT));
        assert_eq!(content(&root, "loop"), Err(Errno::LOOP));
        assert!(root.handle(Path::new("absolute/passwd"), Links::Refuse).is_err());

        root.directory(Path::new("/absolute/deep/er"), Links::Follow).unwrap();
        assert!(inside.join("etc/deep/er").is_dir());
        assert_eq!(
            root.directory(Path::new("/absolute/x"), Links::Refuse).unwrap_err(),
            Errno::LOOP
        );
        assert!(root.directory(Path::new("/dangling/x"), Links::Follow).is_err());
        assert!(root.file(Path::new("/dangling"), Links::Follow).is_err());
        assert!(!outside.path().join("gone").exists() && !inside.join("gone").exists());
        assert_eq!(
            root.directory(Path::new("/etc/passwd/x"), Links::Follow).unwrap_err(),
            Errno::NOTDIR
        );
        root.file(Path::new("/new/file"), Links::Follow).unwrap();
        assert!(inside.join("new/file").is_file());
    }

    #[test]
    fn only_short_regular_files_are_read() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("long"), [0; 101]).unwrap();
        let root = Root::open(directory.path()).unwrap();
        rustix::fs::mknodat(&root, "pipe", FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert_eq!(content(&root, "long"), Err(Errno::FBIG));
        assert_eq!(content(&root, "pipe"), Err(Errno::INVAL));
        assert_eq!(content(&root, "."), Err(Errno::INVAL));
    }

    #[test]
    fn links_of_proc_are_refused() {
        let root = Root::open(Path::new("/")).unwrap();
        assert_eq!(
            root.handle(Path::new("/proc/self/root/etc"), Links::Follow).unwrap_err(),
            Errno::LOOP
        );
    }
}
