//! A procfs of one's own: where everything that is written to /proc goes.
//!
//! Whoever can mount something over a file of /proc, or put a link in its place, can have a
//! privileged writer write elsewhere. The handle here is a mount that nobody else can reach, and
//! each file opened by it is checked to be a file of that very mount.

use std::{
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::{
        AtFlags, CWD, Mode, OFlags, PROC_SUPER_MAGIC, ResolveFlags, Stat, fstat, fstatfs, openat,
        openat2, statat,
    },
    io::{self, Errno},
    mount::{MountAttrFlags, OpenTreeFlags, open_tree},
};

use crate::mount;

/// Inode number of the root of every procfs (`PROC_ROOT_INO`).
const ROOT_INODE: u64 = 1;

/// A procfs that shows the PID namespace of whoever opened it.
#[derive(Debug)]
pub struct Proc(OwnedFd);

impl Proc {
    /// A new instance that is mounted nowhere; where the kernel refuses that, as it does without
    /// privileges when the visible /proc is masked in part, /proc without what is mounted over it.
    ///
    /// # Errors
    /// `EXDEV` when what there is at /proc is no procfs; or as the kernel says.
    pub fn open() -> io::Result<Self> {
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let own = mount::file_system("proc", None, &[], attributes);
        own.or_else(|_| uncovered()).and_then(Self::verified)
    }

    fn verified(handle: OwnedFd) -> io::Result<Self> {
        let is_root = fstat(&handle)?.st_ino == ROOT_INODE;
        if is_root && is_procfs(&handle)? { Ok(Self(handle)) } else { Err(Errno::XDEV) }
    }

    /// Opens a file, such as `self/attr/exec`; the one link that is followed is `self` itself.
    ///
    /// # Errors
    /// `ELOOP` for any other link, `EXDEV` when something is mounted on the way or it is no file
    /// of procfs; or as open(2).
    pub fn file(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let (directory, rest) = match path.strip_prefix("self") {
            Ok(rest) => (Some(self.own_directory()?), rest),
            Err(_) => (None, path),
        };
        let directory = directory.as_ref().unwrap_or(&self.0);
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS;
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = openat2(directory, rest, flags, Mode::empty(), resolve)?;
        if is_procfs(&file)? { Ok(file) } else { Err(Errno::XDEV) }
    }

    /// The directory of this process. `self` is a link to a number that procfs makes up, and is
    /// resolved without leaving this mount.
    fn own_directory(&self) -> io::Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat2(&self.0, "self", flags, Mode::empty(), resolve)
    }

    /// Writes a file in one call, as files of /proc want it.
    ///
    /// # Errors
    /// As [`Self::file`] and write(2); `EIO` when only a part was taken.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.file(path, OFlags::WRONLY)?;
        if io::write(file, bytes)? == bytes.len() { Ok(()) } else { Err(Errno::IO) }
    }
}

impl AsFd for Proc {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The longest file that [`read`] takes, in bytes.
const LONGEST: usize = 1024 * 1024;

/// The content of a file that the kernel makes up, in as few calls as there can be: such files tell
/// no size, and most are short.
///
/// # Errors
/// As open(2) and read(2); `EFBIG` when it is longer than 1 MiB, `EILSEQ` when it is no text.
pub fn read(path: &Path) -> io::Result<String> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    loop {
        match io::read(&file, &mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error),
        }
        if length == LONGEST {
            return Err(Errno::FBIG);
        }
        if length == bytes.len() {
            bytes.resize(LONGEST.min(length * 4), 0);
        }
    }
    bytes.truncate(length);
    String::from_utf8(bytes).map_err(|_| Errno::ILSEQ)
}

/// /proc of this mount namespace, copied without what is mounted on it.
fn uncovered() -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    match open_tree(CWD, "/proc", flags) {
        // Mounts on it that this user may not look behind, or no right to copy: NO_XDEV below
        // refuses every file that one of them hides.
        Err(Errno::INVAL | Errno::PERM) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::open("/proc", flags, Mode::empty())
        }
        tree => tree,
    }
}

/// Whether a handle is of a procfs.
///
/// # Errors
/// As fstatfs(2).
pub fn is_procfs(handle: impl AsFd) -> io::Result<bool> {
    fstatfs(handle).map(|found| found.f_type == PROC_SUPER_MAGIC)
}

/// A path that names what a descriptor of this process stands for, for calls that take no
/// descriptor. `/proc/self/fd` is checked to be procfs's, and the path to lead to that very file.
///
/// # Errors
/// `EXDEV` when it is not; or as stat(2).
pub fn path_of(handle: impl AsFd) -> io::Result<String> {
    let handle = handle.as_fd();
    let number = handle.as_raw_fd().to_string();
    let directory = descriptors()?;
    let found = statat(&directory, &number, AtFlags::empty())?;
    if !is_same_file(&found, &fstat(handle)?) {
        return Err(Errno::XDEV);
    }
    Ok(format!("{DESCRIPTORS}/{number}"))
}

/// Opens what a handle stands for.
///
/// # Errors
/// `EXDEV` when /proc leads to another file; or as open(2).
pub fn reopen(handle: impl AsFd, flags: OFlags) -> io::Result<OwnedFd> {
    let handle = handle.as_fd();
    let number = handle.as_raw_fd().to_string();
    let file = openat(descriptors()?, number, flags | OFlags::CLOEXEC, Mode::empty())?;
    if is_same_file(&fstat(&file)?, &fstat(handle)?) { Ok(file) } else { Err(Errno::XDEV) }
}

const DESCRIPTORS: &str = "/proc/self/fd";

fn descriptors() -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::open(DESCRIPTORS, flags, Mode::empty())?;
    if is_procfs(&directory)? { Ok(directory) } else { Err(Errno::XDEV) }
}

fn is_same_file(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

/// Whether two handles are of the same mount.
///
/// # Errors
/// As statx(2); `ENOSYS` where the kernel does not tell (before Linux 5.8).
pub fn is_same_mount(one: impl AsFd, other: impl AsFd) -> io::Result<bool> {
    Ok(mount::place(one)?.id == mount::place(other)?.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_this_procfs_are_opened() {
        let proc = Proc::open().unwrap();
        assert!(is_procfs(&proc).unwrap());
        let open = |path: &str| proc.file(Path::new(path), OFlags::RDONLY);
        assert!(open("self/status").is_ok());
        assert!(open("sys/kernel/ostype").is_ok());
        for (path, wanted) in [
            ("self/root/etc/passwd", Errno::LOOP),
            ("self/cwd", Errno::LOOP),
            ("self/../../etc/passwd", Errno::XDEV),
            ("../etc/passwd", Errno::XDEV),
            ("/etc/passwd", Errno::XDEV),
            ("thread-self/status", Errno::LOOP),
            ("self/nothing", Errno::NOENT),
        ] {
            assert_eq!(open(path).unwrap_err(), wanted, "{path}");
        }
    }

    #[test]
    fn descriptors_are_named_by_paths_to_the_same_file() {
        let file = tempfile::tempfile().unwrap();
        let path = path_of(&file).unwrap();
        assert_eq!(path, format!("/proc/self/fd/{}", file.as_raw_fd()));
        let again = reopen(&file, OFlags::RDONLY).unwrap();
        assert!(is_same_file(&fstat(&again).unwrap(), &fstat(&file).unwrap()));
        let other = tempfile::tempfile().unwrap();
        assert!(!is_same_file(&fstat(&other).unwrap(), &fstat(&file).unwrap()));
    }

    #[test]
    fn short_and_long_files_are_read_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for length in [0, 1, 4095, 4096, 4097, 100_000, LONGEST - 1] {
            std::fs::write(&path, vec![b'x'; length]).unwrap();
            assert_eq!(read(&path).unwrap().len(), length);
        }
        std::fs::write(&path, vec![b'x'; LONGEST + 1]).unwrap();
        assert_eq!(read(&path), Err(Errno::FBIG));
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(read(&path), Err(Errno::ILSEQ));
        assert_eq!(read(&directory.path().join("none")), Err(Errno::NOENT));
        assert!(read(Path::new("/proc/self/status")).unwrap().contains(
            "
Pid:"
        ));
    }

    #[test]
    fn something_else_is_not_taken_for_procfs() {
        let directory = tempfile::tempdir().unwrap();
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let handle = rustix::fs::open(directory.path(), flags, Mode::empty()).unwrap();
        assert_eq!(Proc::verified(handle).unwrap_err(), Errno::XDEV);
        let handle = rustix::fs::open("/proc/sys", flags, Mode::empty()).unwrap();
        assert_eq!(Proc::verified(handle).unwrap_err(), Errno::XDEV);
    }
}
