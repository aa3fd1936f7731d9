//! Files of file systems that are the kernel's interfaces, written only once it is sure that they
//! are such files.
//!
//! Something that is mounted over a cgroup, or a link in its place, would have a privileged writer
//! write elsewhere. Files of /proc have [`crate::proc`].

use std::{os::fd::OwnedFd, path::Path};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, openat2},
    io::{self, Errno},
};

/// A file system of the kernel's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Control groups, of either version.
    Cgroup,
    /// Allocation of cache and memory bandwidth.
    Resctrl,
}

impl Kind {
    /// Numbers of statfs(2) (`linux/magic.h`).
    const fn numbers(self) -> &'static [i64] {
        match self {
            Self::Cgroup => &[0x0027_e0eb, 0x6367_7270],
            Self::Resctrl => &[0x0765_5821],
        }
    }
}

/// Opens a file or directory that has to be of this kind of file system. The last name may be no
/// link, and none on the way one of /proc.
///
/// # Errors
/// `EXDEV` when it is of another file system; or as open(2).
pub fn open(kind: Kind, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS)?;
    let is_wanted = kind.numbers().contains(&fstatfs(&file)?.f_type);
    if is_wanted { Ok(file) } else { Err(Errno::XDEV) }
}

/// Writes a file that exists, in one call, as these file systems want it.
///
/// # Errors
/// As [`open`] and write(2); `EIO` when only a part was taken.
pub fn write(kind: Kind, path: &Path, bytes: &[u8]) -> io::Result<()> {
    Writer::open(kind, path)?.write(bytes)
}

/// A file that is written to several times, as lists are that take an entry a call.
#[derive(Debug)]
pub struct Writer(OwnedFd);

impl Writer {
    /// Opens a file that exists.
    ///
    /// # Errors
    /// As [`open`]; `EINVAL` when it is no regular file.
    pub fn open(kind: Kind, path: &Path) -> io::Result<Self> {
        let file = open(kind, path, OFlags::WRONLY)?;
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Err(Errno::INVAL);
        }
        Ok(Self(file))
    }

    /// Writes in one call, as these file systems want it.
    ///
    /// # Errors
    /// As write(2); `EIO` when only a part was taken.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if io::write(&self.0, bytes)? == bytes.len() { Ok(()) } else { Err(Errno::IO) }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory of control groups of this machine.
    fn group() -> Option<std::path::PathBuf> {
        let root = Path::new("/sys/fs/cgroup");
        let candidates = [root.to_owned(), root.join("unified"), root.join("pids")];
        let found = candidates.into_iter().find(|path| path.join("cgroup.procs").exists());
        if found.is_none() {
            eprintln!("skipped: no control groups here");
        }
        found
    }

    #[test]
    fn other_files_are_not_written_to() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("cgroup.procs");
        std::fs::write(&file, "untouched").unwrap();
        for kind in [Kind::Cgroup, Kind::Resctrl] {
            assert_eq!(write(kind, &file, b"1"), Err(Errno::XDEV));
        }
        assert_eq!(std::fs::read_to_string(file).unwrap(), "untouched");
    }

    #[test]
    fn links_are_not_followed_to_files() {
        let Some(group) = group() else { return };
        assert!(open(Kind::Cgroup, &group, OFlags::RDONLY).is_ok());
        assert!(open(Kind::Cgroup, &group.join("cgroup.procs"), OFlags::RDONLY).is_ok());
        assert_eq!(open(Kind::Resctrl, &group, OFlags::RDONLY).unwrap_err(), Errno::XDEV);
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        symlink(group.join("cgroup.procs"), &link).unwrap();
        assert_eq!(open(Kind::Cgroup, &link, OFlags::RDONLY).unwrap_err(), Errno::LOOP);
        let through = Path::new("/proc/self/root").join(group.strip_prefix("/").unwrap());
        assert_eq!(open(Kind::Cgroup, &through, OFlags::RDONLY).unwrap_err(), Errno::LOOP);
        // As files of /proc and of control groups look alike.
        let status = Path::new("/proc/self/comm");
        assert_eq!(write(Kind::Cgroup, status, b"x"), Err(Errno::XDEV));
    }
}
