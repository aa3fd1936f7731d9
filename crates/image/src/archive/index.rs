use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Error, Limits,
    layout::read_document,
    tar::{self, EntryKind, Input, TarError, normalise},
};

/// Where each file of a tar archive is, so that it can be read without reading what is before it.
#[derive(Debug)]
pub(crate) struct Index {
    file: Arc<File>,
    path: PathBuf,
    members: HashMap<Vec<u8>, Member>,
}

#[derive(Debug, Clone)]
enum Member {
    File { offset: u64, size: u64 },
    Link(Vec<u8>),
    Unusable(&'static str),
}

/// Links in a row that are followed, as Linux does.
const LINKS: usize = 40;

impl Index {
    /// Reads all headers, and no content. The last of several entries of one name counts, as when
    /// the archive is extracted.
    ///
    /// # Errors
    /// If the archive cannot be read, is cut off, or breaks the format or a limit.
    pub(crate) fn new(file: File, path: &Path, limits: &Limits) -> Result<Self, Error> {
        let object = || path.display().to_string();
        let length = file.metadata().map_err(Error::io("read", object()))?.len();
        let broken = |source| Error::Tar { object: object(), source };
        let file = Arc::new(file);
        let mut members = HashMap::new();
        let mut reader = tar::Reader::new(Section::new(&file, 0, length), limits);
        while let Some(header) = reader.next_entry().map_err(broken)? {
            let member = match header.kind {
                EntryKind::File if header.sparse => Member::Unusable("is stored with holes"),
                EntryKind::File if header.offset.saturating_add(header.size) > length => {
                    return Err(broken(TarError::Truncated { offset: length }));
                }
                EntryKind::File => Member::File { offset: header.offset, size: header.size },
                EntryKind::Symlink(target) => Member::Link(beside(&header.path, &target)),
                EntryKind::Hardlink(target) => Member::Link(target),
                _ => Member::Unusable("is not a file"),
            };
            members.insert(header.path, member);
        }
        Ok(Self { file, path: path.to_owned(), members })
    }

    /// Whether there is an entry of this name.
    pub(crate) fn contains(&self, name: &str) -> bool {
        self.members.contains_key(normalise(name.as_bytes()).path.as_slice())
    }

    /// The content of the file of this name, links within the archive followed; `None` if there is
    /// none.
    ///
    /// # Errors
    /// If it is not a file, or the links lead in a circle.
    pub(crate) fn open(&self, name: &str) -> Result<Option<Section>, Error> {
        let mut at = normalise(name.as_bytes()).path;
        for _ in 0..LINKS {
            match self.members.get(&at) {
                None => return Ok(None),
                Some(Member::File { offset, size }) => {
                    return Ok(Some(Section::new(&self.file, *offset, *size)));
                }
                Some(Member::Link(target)) => at.clone_from(target),
                Some(Member::Unusable(why)) => return Err(self.unusable(name, why)),
            }
        }
        Err(self.unusable(name, "is a link that leads in a circle"))
    }

    /// As [`Index::open`], for what must be there.
    ///
    /// # Errors
    /// As there, and if there is no file of this name.
    pub(crate) fn require(&self, name: &str) -> Result<Section, Error> {
        let why = || format!("it has no entry '{name}'");
        self.open(name)?.ok_or_else(|| Error::Malformed {
            what: "archive",
            object: self.place(),
            why: why(),
        })
    }

    /// The content of a small file that must be there.
    ///
    /// # Errors
    /// As for [`Index::require`], and if it is larger than a document may be.
    pub(crate) fn document(&self, name: &str, limits: &Limits) -> Result<Vec<u8>, Error> {
        let object = format!("{}/{name}", self.place());
        read_document(self.require(name)?, &object, limits)
    }

    /// The path of the archive, for messages.
    pub(crate) fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn unusable(&self, name: &str, why: &str) -> Error {
        Error::Malformed {
            what: "archive",
            object: self.place(),
            why: format!("its entry '{name}' {why}"),
        }
    }
}

/// The target of a symbolic link at `path`, relative to the archive's root.
fn beside(path: &[u8], target: &[u8]) -> Vec<u8> {
    if target.starts_with(b"/") {
        return normalise(target).path;
    }
    let directory = path.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |at| &path[..at]);
    normalise(&[directory, target].join(&b'/')).path
}

/// A range of a file, read by position: several may be read at once.
#[derive(Debug)]
pub(crate) struct Section {
    file: Arc<File>,
    position: u64,
    end: u64,
}

impl Section {
    fn new(file: &Arc<File>, offset: u64, size: u64) -> Self {
        Self { file: Arc::clone(file), position: offset, end: offset.saturating_add(size) }
    }

    /// Bytes still to come.
    pub(crate) fn remaining(&self) -> u64 {
        self.end - self.position
    }
}

impl Read for Section {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.remaining()).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..left], self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Input for Section {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let step = count.min(self.remaining());
        self.position += step;
        Ok(step)
    }
}
