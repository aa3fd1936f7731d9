//! What a check may see of a machine.

use std::{borrow::Cow, collections::BTreeMap};

/// Bytes of a file that are read.
pub const FILE_LIMIT: usize = 8 << 20;
/// Names of a directory that are read.
pub const NAMES_LIMIT: usize = 20_000;

/// A machine, or the files of one: everything that the commands of a benchmark look at.
///
/// Paths are absolute and those of the machine: whoever implements this keeps below its root.
pub trait Node {
    /// The content of a file, at most [`FILE_LIMIT`] bytes.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, Trouble>;
    /// What is at `path`; of a link itself, unless it is to be followed.
    ///
    /// # Errors
    /// If there is nothing, or it cannot be looked at.
    fn stat(&self, path: &str, follow: bool) -> Result<Stat, Trouble>;
    /// The names in a directory, at most [`NAMES_LIMIT`].
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    fn names(&self, path: &str) -> Result<Vec<String>, Trouble>;
    /// The processes that run; none if that is not known.
    fn processes(&self) -> Option<Cow<'_, [Process]>>;
    /// The journal as text; none if that is not known.
    fn journal(&self) -> Option<&str>;
}

/// Why something could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// There is nothing: a fact.
    Missing,
    /// Something on the way is no directory: nothing can be there, a fact, too.
    NotADirectory,
    /// It is a directory where a file was asked for.
    IsADirectory,
    /// It may be there, and cannot be read.
    Unreadable(String),
}

/// What kind of file something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// An ordinary file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A device, a pipe, a socket.
    Other,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Kind.
    pub kind: FileKind,
    /// Permissions with the set-id and sticky bits.
    pub mode: u32,
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// Bytes.
    pub size: u64,
}

/// A process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Process {
    /// Number.
    pub pid: u32,
    /// Number of its parent.
    pub parent: u32,
    /// Name of the user it runs as.
    pub user: String,
    /// Name of the program, at most 15 letters.
    pub name: String,
    /// Program and arguments, with spaces between them.
    pub command: String,
}

/// Files in memory: a machine for tests, and for what was collected elsewhere.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// Files by path; a path that ends in a slash is a directory.
    pub files: BTreeMap<String, (Stat, Vec<u8>)>,
    /// Processes.
    pub processes: Option<Vec<Process>>,
    /// Journal.
    pub journal: Option<String>,
}

impl Memory {
    /// Adds a file of `root` with these permissions.
    pub fn add(&mut self, path: &str, mode: u32, content: &str) {
        let size = content.len() as u64;
        let stat = Stat { kind: FileKind::File, mode, user: 0, group: 0, size };
        self.files.insert(path.to_owned(), (stat, content.as_bytes().to_vec()));
    }

    fn is_directory(&self, path: &str) -> bool {
        let below = format!("{}/", path.trim_end_matches('/'));
        self.files.range(below.clone()..).next().is_some_and(|(name, _)| name.starts_with(&below))
    }
}

impl Node for Memory {
    fn read(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        match self.files.get(path) {
            Some((_, content)) => Ok(content.clone()),
            None if self.is_directory(path) => Err(Trouble::IsADirectory),
            None => Err(Trouble::Missing),
        }
    }

    fn stat(&self, path: &str, _follow: bool) -> Result<Stat, Trouble> {
        let directory =
            Stat { kind: FileKind::Directory, mode: 0o755, user: 0, group: 0, size: 4096 };
        match self.files.get(path) {
            Some((stat, _)) => Ok(*stat),
            None if self.is_directory(path) => Ok(directory),
            None => Err(Trouble::Missing),
        }
    }

    fn names(&self, path: &str) -> Result<Vec<String>, Trouble> {
        if !self.is_directory(path) {
            let is_file = self.files.contains_key(path);
            return Err(if is_file { Trouble::NotADirectory } else { Trouble::Missing });
        }
        let below = format!("{}/", path.trim_end_matches('/'));
        let inside = self.files.keys().filter_map(|name| name.strip_prefix(&below));
        let mut names: Vec<String> = inside
            .filter_map(|rest| rest.split('/').next())
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        names.dedup();
        Ok(names)
    }

    fn processes(&self) -> Option<Cow<'_, [Process]>> {
        self.processes.as_deref().map(Cow::Borrowed)
    }

    fn journal(&self) -> Option<&str> {
        self.journal.as_deref()
    }
}
