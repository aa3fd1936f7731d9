//! Everything below a directory, for who wants to see it all.
//!
//! Steps as [`super`] does: one name below an open directory, no link followed. File systems that
//! the kernel makes up (`/proc` of the root of a running system) are not entered.

use std::{
    ffi::CStr,
    fs::File,
    io::{self, Read as _},
    os::fd::{AsFd as _, BorrowedFd},
};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, Stat, fstatfs, major, minor, openat, readlinkat, statat,
};

use super::{Directory, is_absent};
use crate::{
    Limits, Skipped, Surveyor,
    tar::{EntryHeader, EntryKind},
};

/// Directories within directories that are looked at; each costs a file descriptor.
const DEPTH: usize = 256;
/// Skipped entries that are told one by one.
const TOLD: usize = 1000;

/// `f_type` of file systems without files of their own (`linux/magic.h`): proc, sysfs, cgroup,
/// cgroup2, devpts, debugfs, tracefs, securityfs, bpf, pstore, efivarfs, mqueue, configfs, fusectl,
/// binfmt_misc, selinuxfs.
const VIRTUAL: [i128; 16] = [
    0x9fa0,
    0x6265_6572,
    0x0027_e0eb,
    0x6367_7270,
    0x1cd1,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0xcafe_4a11,
    0x6165_676c,
    0xde5e_81e4,
    0x1980_0202,
    0x6265_6570,
    0x6573_5543,
    0x4249_4e4d,
    0xf97c_ff8c,
];

impl Directory {
    /// Shows everything to `surveyor`; returns what could not be shown.
    pub(crate) fn survey(&self, surveyor: &mut dyn Surveyor, limits: &Limits) -> Vec<Skipped> {
        let mut walk = Walk { surveyor, limits, skipped: Vec::new(), entries: 0, bytes: 0 };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(&self.root, c".", flags, Mode::empty());
        let walked = root.map_err(io::Error::from);
        if let Err(error) = walked.and_then(|root| walk.below(root.as_fd(), "", 0)) {
            walk.skip("", error.to_string());
        }
        walk.skipped
    }
}

struct Walk<'a> {
    surveyor: &'a mut dyn Surveyor,
    limits: &'a Limits,
    skipped: Vec<Skipped>,
    entries: u64,
    bytes: u64,
}

impl Walk<'_> {
    fn below(&mut self, directory: BorrowedFd<'_>, path: &str, depth: usize) -> io::Result<()> {
        if depth == DEPTH {
            self.skip(path, format!("it is {DEPTH} directories deep"));
            return Ok(());
        }
        for entry in Dir::read_from(directory)? {
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let name = entry.file_name().to_string_lossy();
            let inner = if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") };
            if self.entries >= self.limits.entries {
                self.skip(&inner, "it and what follows: there are too many files".to_owned());
                return Ok(());
            }
            self.entries += 1;
            if let Err(error) = self.one(directory, entry.file_name(), &inner, depth)
                && !is_absent(&error)
            {
                self.skip(&inner, error.to_string());
            }
        }
        Ok(())
    }

    fn one(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &CStr,
        path: &str,
        depth: usize,
    ) -> io::Result<()> {
        let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => return self.file(directory, name, path, &stat),
            FileType::Directory => EntryKind::Directory,
            FileType::Symlink => {
                EntryKind::Symlink(readlinkat(directory, name, Vec::new())?.into_bytes())
            }
            FileType::CharacterDevice => EntryKind::CharacterDevice {
                major: major(stat.st_rdev),
                minor: minor(stat.st_rdev),
            },
            FileType::BlockDevice => {
                EntryKind::BlockDevice { major: major(stat.st_rdev), minor: minor(stat.st_rdev) }
            }
            FileType::Fifo => EntryKind::Fifo,
            _ => return Ok(()),
        };
        let is_directory = kind == EntryKind::Directory;
        self.surveyor.entry(&header(path, kind, &stat), &mut io::empty())?;
        if !is_directory {
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let inner = openat(directory, name, flags, Mode::empty())?;
        if VIRTUAL.contains(&i128::from(fstatfs(&inner)?.f_type)) {
            return Ok(());
        }
        self.below(inner.as_fd(), path, depth + 1)
    }

    fn file(
        &mut self,
        directory: BorrowedFd<'_>,
        name: &CStr,
        path: &str,
        stat: &Stat,
    ) -> io::Result<()> {
        let header = header(path, EntryKind::File, stat);
        self.bytes = self.bytes.saturating_add(header.size);
        if self.bytes > self.limits.layer {
            self.bytes -= header.size;
            self.skip(path, format!("it has {} bytes, which are too many", header.size));
            return self.surveyor.entry(&header, &mut io::empty());
        }
        // Not blocking: what was a file a moment ago may be a named pipe now.
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match openat(directory, name, flags, Mode::empty()) {
            Ok(file) => self.surveyor.entry(&header, &mut File::from(file).take(header.size)),
            Err(error) => {
                // Its mode and owner are known all the same.
                self.surveyor.entry(&header, &mut io::empty())?;
                Err(error.into())
            }
        }
    }

    fn skip(&mut self, object: &str, why: String) {
        if self.skipped.len() < TOLD {
            self.skipped.push(Skipped { object: object.to_owned(), why });
        } else if let Some(last) = self.skipped.last_mut() {
            "it and more files could not be looked at".clone_into(&mut last.why);
        }
    }
}

fn header(path: &str, kind: EntryKind, stat: &Stat) -> EntryHeader {
    let size = if kind == EntryKind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
    EntryHeader {
        name: path.as_bytes().to_vec(),
        path: path.as_bytes().to_vec(),
        left_root: false,
        kind,
        size,
        mode: stat.st_mode & 0o7777,
        uid: u64::from(stat.st_uid),
        gid: u64::from(stat.st_gid),
        mtime: 0,
        xattrs: Vec::new(),
        offset: 0,
        sparse: false,
    }
}
