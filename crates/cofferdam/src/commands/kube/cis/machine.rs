//! The files of a node below a root, and what runs on it.

use std::{borrow::Cow, ffi::OsStr, path::Path};

use cofferdam_kube::cis::node::{FILE_LIMIT, FileKind, NAMES_LIMIT, Node, Process, Stat, Trouble};
use cofferdam_sys::{
    proc::reopen,
    root::{Links, Root},
};
use rustix::{
    fs::{AtFlags, Dir, FileType, OFlags, fstat, statat},
    io::Errno,
};

use super::processes;
use crate::error::{CliError, OrFail as _};
use cofferdam_vuln::place::read_bounded;

/// Bytes of a list of processes or a journal that a user names.
const LIST_LIMIT: u64 = 64 << 20;

/// A node.
pub(super) struct Machine {
    root: Root,
    processes: Option<Vec<Process>>,
    /// Whether the processes are those of the root's /proc.
    has_proc: bool,
    journal: Option<String>,
}

impl Machine {
    /// Opens the root of a node; its processes and journal may be in files.
    pub(super) fn open(
        root: &Path,
        listed: Option<&Path>,
        journal: Option<&Path>,
    ) -> Result<Self, CliError> {
        let opened = Root::open(root).or_fail(|| format!("could not open '{}'", root.display()))?;
        let mut machine =
            Self { root: opened, processes: None, has_proc: listed.is_none(), journal: None };
        machine.journal = journal.map(list).transpose()?;
        machine.processes = match listed {
            Some(path) => Some(processes::parse(&list(path)?)),
            None => processes::of(&machine, root == Path::new("/")),
        };
        Ok(machine)
    }

    fn is_of_another_machine(&self, path: &str) -> bool {
        !self.has_proc && (path == "/proc" || path.starts_with("/proc/"))
    }
}

fn list(path: &Path) -> Result<String, CliError> {
    let attempt = || format!("could not read '{}'", path.display());
    let bytes = read_bounded(path, LIST_LIMIT).or_fail(attempt)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn trouble(error: Errno) -> Trouble {
    match error {
        Errno::NOENT => Trouble::Missing,
        Errno::NOTDIR => Trouble::NotADirectory,
        Errno::FBIG => Trouble::Unreadable(format!("it has more than {FILE_LIMIT} bytes")),
        Errno::INVAL => Trouble::Unreadable("it is no ordinary file".into()),
        // A process that has ended while it was looked at is not there.
        Errno::SRCH => Trouble::Missing,
        other => Trouble::Unreadable(std::io::Error::from(other).to_string()),
    }
}

fn kind(mode: u32) -> FileKind {
    match FileType::from_raw_mode(mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Other,
    }
}

impl Node for Machine {
    fn read(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        if self.is_of_another_machine(path) {
            return Err(Trouble::Unreadable("the processes come from a list".into()));
        }
        match self.root.read(Path::new(path), FILE_LIMIT as u64) {
            Err(Errno::INVAL) if self.stat(path, true).is_ok_and(is_directory) => {
                Err(Trouble::IsADirectory)
            }
            read => read.map_err(trouble),
        }
    }

    fn stat(&self, path: &str, follow: bool) -> Result<Stat, Trouble> {
        if self.is_of_another_machine(path) {
            return Err(Trouble::Unreadable("the processes come from a list".into()));
        }
        let whole = Path::new(path);
        let named = if path.ends_with(['/', '.']) { None } else { whole.file_name() };
        let stat = match (follow, whole.parent(), named) {
            (false, Some(parent), Some(name)) => self
                .root
                .handle(parent, Links::Follow)
                .and_then(|parent| statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)),
            _ => self.root.handle(whole, Links::Follow).and_then(fstat),
        };
        let stat = stat.map_err(trouble)?;
        Ok(Stat {
            kind: kind(stat.st_mode),
            mode: stat.st_mode & 0o7777,
            user: stat.st_uid,
            group: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or_default(),
        })
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Trouble> {
        if self.is_of_another_machine(path) {
            return Err(Trouble::Unreadable("the processes come from a list".into()));
        }
        let handle = self.root.handle(Path::new(path), Links::Follow).map_err(trouble)?;
        let directory = reopen(&handle, OFlags::RDONLY | OFlags::DIRECTORY).map_err(trouble)?;
        let mut names = Vec::new();
        for entry in Dir::new(directory).map_err(trouble)? {
            let entry = entry.map_err(trouble)?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if names.len() == NAMES_LIMIT {
                return Err(Trouble::Unreadable(format!("it has more than {NAMES_LIMIT} names")));
            }
            // A name that is no text cannot be part of a command that is one.
            names.push(String::from_utf8_lossy(name).into_owned());
        }
        Ok(names)
    }

    fn processes(&self) -> Option<Cow<'_, [Process]>> {
        self.processes.as_deref().map(Cow::Borrowed)
    }

    fn journal(&self) -> Option<&str> {
        self.journal.as_deref()
    }
}

fn is_directory(stat: Stat) -> bool {
    stat.kind == FileKind::Directory
}

/// The last part of a path.
pub(super) fn base(path: &str) -> &str {
    Path::new(path).file_name().and_then(OsStr::to_str).unwrap_or(path)
}
