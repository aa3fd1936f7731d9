use std::{
    collections::HashMap,
    ffi::{CStr, CString},
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, Stat};

use super::{Error, failed, tar_writer::Writer};
use crate::{
    Progress,
    tar::{EntryHeader, EntryKind},
};

/// As deep as unpacking allows.
const DEEPEST: usize = 256;

/// Writes a root directory as an archive, sorted, and returns the writer.
///
/// No symbolic link is followed and no mount point entered. Sockets are left out, as in any
/// archive.
///
/// # Errors
///
/// If something cannot be read, or the archive cannot be written.
pub(super) fn archive<W: Write>(
    root: &Path,
    output: W,
    progress: &dyn Progress,
) -> Result<W, Error> {
    let directory = File::open(root).map_err(failed("open", root))?;
    let stat = fs::fstat(&directory).map_err(|errno| failed("examine", root)(errno.into()))?;
    let mut archive = Archive {
        root,
        device: stat.st_dev,
        links: HashMap::new(),
        writer: Writer::new(output),
        progress,
    };
    let entry = archive.header(&[], EntryKind::Directory, &stat, xattrs(directory.as_fd()));
    archive.write(&entry, &mut io::empty())?;
    archive.children(directory.into(), &[], 0)?;
    archive.writer.finish().map_err(failed("archive", root))
}

struct Archive<'a, W: Write> {
    root: &'a Path,
    device: u64,
    /// The first path of each file that has several.
    links: HashMap<u64, Vec<u8>>,
    writer: Writer<W>,
    progress: &'a dyn Progress,
}

impl<W: Write> Archive<'_, W> {
    fn children(&mut self, directory: OwnedFd, path: &[u8], depth: usize) -> Result<(), Error> {
        if depth > DEEPEST {
            let reason = format!("more than {DEEPEST} levels of directories");
            return Err(Error::NotARoot { path: self.shown(path), reason });
        }
        let listed = |errno: rustix::io::Errno| failed("list", &self.shown(path))(errno.into());
        let mut names = Vec::new();
        for entry in Dir::read_from(&directory).map_err(listed)? {
            let name = entry.map_err(listed)?.file_name().to_owned();
            if !matches!(name.to_bytes(), b"." | b"..") {
                names.push(name);
            }
        }
        names.sort();
        for name in names {
            let mut below = path.to_vec();
            if !below.is_empty() {
                below.push(b'/');
            }
            below.extend_from_slice(name.to_bytes());
            self.child(&directory, &name, &below, depth)?;
        }
        Ok(())
    }

    fn child(
        &mut self,
        parent: &OwnedFd,
        name: &CString,
        path: &[u8],
        depth: usize,
    ) -> Result<(), Error> {
        let shown = self.shown(path);
        let refused = |action| {
            let shown = shown.clone();
            move |errno: rustix::io::Errno| failed(action, &shown)(errno.into())
        };
        let stat =
            fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(refused("examine"))?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::Directory && stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&stat.st_ino) {
                let kind = EntryKind::Hardlink(first.clone());
                let entry = self.header(path, kind, &stat, Vec::new());
                return self.write(&entry, &mut io::empty());
            }
            self.links.insert(stat.st_ino, path.to_vec());
        }
        let device = (fs::major(stat.st_rdev), fs::minor(stat.st_rdev));
        let special = match kind {
            FileType::Directory => {
                let opened = open(parent.as_fd(), name, OFlags::DIRECTORY);
                let directory = opened.map_err(refused("open"))?;
                let attributes = xattrs(directory.as_fd());
                let entry = self.header(path, EntryKind::Directory, &stat, attributes);
                self.write(&entry, &mut io::empty())?;
                if stat.st_dev != self.device {
                    return Ok(());
                }
                return self.children(directory, path, depth + 1);
            }
            FileType::RegularFile => {
                let file = open(parent.as_fd(), name, OFlags::empty()).map_err(refused("open"))?;
                let attributes = xattrs(file.as_fd());
                let entry = self.header(path, EntryKind::File, &stat, attributes);
                return self.write(&entry, &mut File::from(file));
            }
            FileType::Symlink => {
                let target = fs::readlinkat(parent, name, Vec::new()).map_err(refused("read"))?;
                EntryKind::Symlink(target.into_bytes())
            }
            FileType::Fifo => EntryKind::Fifo,
            FileType::CharacterDevice => {
                EntryKind::CharacterDevice { major: device.0, minor: device.1 }
            }
            FileType::BlockDevice => EntryKind::BlockDevice { major: device.0, minor: device.1 },
            _ => return Ok(()),
        };
        let entry = self.header(path, special, &stat, Vec::new());
        self.write(&entry, &mut io::empty())
    }

    fn header(
        &self,
        path: &[u8],
        kind: EntryKind,
        stat: &Stat,
        xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    ) -> EntryHeader {
        let size =
            if kind == EntryKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
        EntryHeader {
            name: path.to_vec(),
            path: path.to_vec(),
            left_root: false,
            kind,
            size,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid.into(),
            gid: stat.st_gid.into(),
            mtime: stat.st_mtime,
            xattrs,
            offset: 0,
            sparse: false,
        }
    }

    /// A file that shrinks meanwhile is an error; of one that grows, the beginning is taken.
    fn write(&mut self, entry: &EntryHeader, content: &mut dyn Read) -> Result<(), Error> {
        let shown = self.shown(&entry.path);
        self.writer.begin(entry).map_err(failed("archive", &shown))?;
        let copied = io::copy(&mut content.take(entry.size), &mut self.writer)
            .map_err(failed("archive", &shown))?;
        self.progress.advance(copied);
        self.writer.end(entry).map_err(failed("archive", &shown))
    }

    fn shown(&self, path: &[u8]) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        self.root.join(std::ffi::OsStr::from_bytes(path))
    }
}

fn open(parent: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let always = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    fs::openat(parent, name, always | flags, Mode::empty())
}

/// The attributes that belong to an image: the user's own, and file capabilities.
fn xattrs(file: BorrowedFd<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    // A file system without attributes has none; those that cannot be read are left out.
    let Ok(size) = fs::flistxattr(file, &mut [0_u8; 0]) else { return Vec::new() };
    let mut names = vec![0; size];
    let Ok(size) = fs::flistxattr(file, &mut names[..]) else { return Vec::new() };
    names.truncate(size);
    let mut found = Vec::new();
    for name in names.split(|&byte| byte == 0) {
        if !name.starts_with(b"user.") && name != b"security.capability" {
            continue;
        }
        let Ok(c_name) = CString::new(name) else { continue };
        // Linux's limit (xattr(7)).
        let mut value = vec![0; 64 * 1024];
        if let Ok(size) = fs::fgetxattr(file, &c_name, &mut value[..]) {
            value.truncate(size);
            found.push((name.to_vec(), value));
        }
    }
    found.sort();
    found
}
