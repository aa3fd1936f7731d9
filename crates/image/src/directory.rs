//! Root file systems in a directory.
//!
//! Only what is asked for is opened. Symbolic links are followed here, component by component and
//! within the root, never by the kernel: each step opens one name below an open directory without
//! following it, so that no link, and no change during the reading, leads out of the root. (The
//! kernel's `RESOLVE_IN_ROOT` would be as safe, but not tell which links were followed, which the
//! merged view must show.)

mod survey;

use std::{
    ffi::CStr,
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, fstat, openat, readlinkat, statat};

use crate::{Candidate, Entry, Error, Extractor, Interest, Kind, Limits, Reading, Skipped, Tree};

/// A directory that is the root of a file system.
#[derive(Debug)]
pub struct Directory {
    /// Where it is, as the user wrote it.
    pub path: PathBuf,
    root: OwnedFd,
}

/// Links that are followed for one path, as Linux does.
const LINKS: usize = 40;
/// Directories within directories that are read; each costs a file descriptor.
const DEPTH: usize = 64;
/// Where a running system shows itself: no files that somebody installed.
const NOT_ON_DISK: [&str; 3] = ["dev", "proc", "sys"];

/// How far a walk over everything has come.
struct Walk<'a> {
    extractor: &'a Extractor,
    entries: u64,
}

impl Directory {
    /// Opens the directory at `path`.
    ///
    /// # Errors
    /// If it is none, or may not be opened.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| {
            Error::io("open directory", path.display().to_string())(error.into())
        })?;
        Ok(Self { path: path.to_owned(), root })
    }

    /// What `interest` asks for.
    pub(crate) fn read(&self, interest: &Interest, limits: &Limits) -> Reading {
        let mut reader = Reader {
            root: self.root.as_fd(),
            limits,
            tree: Tree::default(),
            skipped: Vec::new(),
            bytes: 0,
            entries: 0,
        };
        for path in &interest.files {
            reader.take_in(path, Reader::file);
        }
        for path in &interest.directories {
            reader.take_in(path, Reader::directory);
        }
        if let Some(extractor) = interest.extractor {
            reader.extract_all(&extractor);
        }
        Reading {
            tree: reader.tree,
            skipped: reader.skipped,
            layers: Vec::new(),
            surveys: Vec::new(),
        }
    }
}

struct Reader<'a> {
    root: BorrowedFd<'a>,
    limits: &'a Limits,
    tree: Tree,
    skipped: Vec<Skipped>,
    bytes: u64,
    entries: usize,
}

/// A place whose directories are known to be within the root.
struct Place {
    parent: OwnedFd,
    name: String,
    /// Path from the root, without symbolic links.
    path: String,
}

impl Reader<'_> {
    /// Does `then` at the place that `path` leads to; what cannot be looked at is noted.
    fn take_in(&mut self, path: &str, then: fn(&mut Self, &Place) -> io::Result<()>) {
        let done = match self.locate(path) {
            Ok(Some(place)) => then(self, &place),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        match done {
            Err(error) if !is_absent(&error) => self.skip(path, error.to_string()),
            _ => {}
        }
    }

    /// Follows the links of `path` within the root, and notes them; `None` if it leads nowhere.
    fn locate(&mut self, path: &str) -> io::Result<Option<Place>> {
        let mut pending = components(path);
        let mut directories: Vec<(String, OwnedFd)> = Vec::new();
        let mut links = 0;
        while let Some(name) = pending.pop() {
            if name == ".." {
                directories.pop();
                continue;
            }
            let parent = directories.last().map_or(self.root, |(_, fd)| fd.as_fd());
            let here = directories.iter().map(|(name, _)| name.as_str()).chain([name.as_str()]);
            let here = here.collect::<Vec<_>>().join("/");
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let opened = openat(parent, name.as_str(), flags, Mode::empty())?;
            match FileType::from_raw_mode(fstat(&opened)?.st_mode) {
                FileType::Symlink => {
                    links += 1;
                    if links > LINKS {
                        return Err(io::Error::other("too many links in a row lead to it"));
                    }
                    let target = target_of(&opened, c"")?;
                    if target.starts_with('/') {
                        directories.clear();
                    }
                    pending.extend(components(&target));
                    self.insert(here, Kind::Symlink(target));
                }
                _ if pending.is_empty() => {
                    let parent = parent.try_clone_to_owned()?;
                    return Ok(Some(Place { parent, name, path: here }));
                }
                FileType::Directory => directories.push((name, opened)),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    fn file(&mut self, place: &Place) -> io::Result<()> {
        let Place { parent, name, path } = place;
        self.file_at(parent.as_fd(), name, path)
    }

    fn file_at(&mut self, parent: BorrowedFd<'_>, name: &str, path: &str) -> io::Result<()> {
        if self.tree.get(path).is_some() || !self.count_entry(path) {
            return Ok(());
        }
        // Not blocking: what was a file a moment ago may be a named pipe now.
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        if FileType::from_raw_mode(statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode)
            != FileType::RegularFile
        {
            self.skip(path, "it is not a regular file".to_owned());
            return Ok(());
        }
        let file = openat(parent, name, flags, Mode::empty())?;
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            self.skip(path, "it is not a regular file".to_owned());
            return Ok(());
        }
        let allowed = self.limits.file.min(self.limits.kept.bytes - self.bytes);
        let mut content = Vec::new();
        File::from(file).take(allowed.saturating_add(1)).read_to_end(&mut content)?;
        let size = content.len() as u64;
        if size > allowed {
            let why = format!("it has {} bytes, and {allowed} are kept at most", stat.st_size);
            self.skip(path, why);
            return Ok(());
        }
        self.bytes += size;
        self.insert(path.to_owned(), Kind::File(Arc::from(content)));
        Ok(())
    }

    /// All files below a directory; links below it are noted and not followed.
    fn directory(&mut self, place: &Place) -> io::Result<()> {
        self.below(place.parent.as_fd(), &place.name, &place.path, 0)
    }

    fn below(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &str,
        path: &str,
        depth: usize,
    ) -> io::Result<()> {
        if depth == DEPTH {
            self.skip(path, format!("it is {DEPTH} directories deep"));
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(parent, name, flags, Mode::empty())?;
        self.insert(path.to_owned(), Kind::Directory);
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(name) = entry.file_name().to_str() else {
                let name = entry.file_name().to_string_lossy();
                self.skip(&format!("{path}/{name}"), "its name is not UTF-8".to_owned());
                continue;
            };
            let inner = format!("{path}/{name}");
            if self.entries >= self.limits.kept.entries {
                self.count_entry(&inner);
                return Ok(());
            }
            if let Err(error) = self.one_below(&directory, entry.file_name(), name, &inner, depth)
                && !is_absent(&error)
            {
                self.skip(&inner, error.to_string());
            }
        }
        Ok(())
    }

    fn one_below(
        &mut self,
        directory: &OwnedFd,
        raw: &CStr,
        name: &str,
        path: &str,
        depth: usize,
    ) -> io::Result<()> {
        let stat = statat(directory, raw, AtFlags::SYMLINK_NOFOLLOW)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => self.below(directory.as_fd(), name, path, depth + 1),
            FileType::RegularFile => self.file_at(directory.as_fd(), name, path),
            FileType::Symlink if self.count_entry(path) => {
                let target = target_of(directory, raw)?;
                self.insert(path.to_owned(), Kind::Symlink(target));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Takes out of all files what the extractor finds in them; follows no link.
    fn extract_all(&mut self, extractor: &Extractor) {
        let mut walk = Walk { extractor, entries: 0 };
        if let Err(error) = self.extract_below(self.root, c".", "", 0, &mut walk) {
            self.skip(".", error.to_string());
        }
    }

    fn extract_below(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        path: &str,
        depth: usize,
        walk: &mut Walk<'_>,
    ) -> io::Result<()> {
        if depth == DEPTH {
            self.skip(path, format!("it is {DEPTH} directories deep"));
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(parent, name, flags, Mode::empty())?;
        for entry in Dir::read_from(&directory)? {
            let entry = entry?;
            let raw = entry.file_name();
            if matches!(raw.to_bytes(), b"." | b"..") {
                continue;
            }
            walk.entries += 1;
            if walk.entries > self.limits.entries {
                self.skip(path, format!("it has more than {} entries", self.limits.entries));
                return Ok(());
            }
            // No package has a name of other characters.
            let Ok(name) = raw.to_str() else { continue };
            let inner = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            let done = match entry.file_type() {
                FileType::Directory if NOT_ON_DISK.contains(&inner.as_str()) => Ok(()),
                FileType::Directory => {
                    self.extract_below(directory.as_fd(), raw, &inner, depth + 1, walk)
                }
                FileType::RegularFile | FileType::Unknown => {
                    self.extract_file(directory.as_fd(), raw, &inner, walk.extractor)
                }
                _ => Ok(()),
            };
            if let Err(error) = done
                && !is_absent(&error)
            {
                self.skip(&inner, error.to_string());
            }
        }
        Ok(())
    }

    fn extract_file(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &CStr,
        path: &str,
        extractor: &Extractor,
    ) -> io::Result<()> {
        let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        let candidate = Candidate { path, size, mode: stat.st_mode & 0o7777 };
        if !is_file || self.tree.get(path).is_some() || !(extractor.selects)(&candidate) {
            return Ok(());
        }
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(openat(parent, name, flags, Mode::empty())?);
        if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
            return Ok(());
        }
        let extract = (extractor.extract)(&candidate, &mut file.take(size))?;
        if extract.is_empty() || !self.count_entry(path) {
            return Ok(());
        }
        self.bytes += extract.len() as u64;
        if self.bytes > self.limits.kept.bytes {
            self.bytes -= extract.len() as u64;
            self.skip(path, format!("more than {} bytes are kept", self.limits.kept.bytes));
            return Ok(());
        }
        self.insert(path.to_owned(), Kind::Extract(extract.into()));
        Ok(())
    }

    fn insert(&mut self, path: String, kind: Kind) {
        self.tree.insert(path, Entry { kind, layer: 0 });
    }

    fn count_entry(&mut self, path: &str) -> bool {
        let limit = self.limits.kept.entries;
        if self.entries >= limit {
            self.skip(path, format!("it and what follows: more than {limit} are asked for"));
            return false;
        }
        self.entries += 1;
        true
    }

    fn skip(&mut self, object: &str, why: String) {
        let skipped = Skipped { object: object.to_owned(), why };
        if !self.skipped.contains(&skipped) {
            self.skipped.push(skipped);
        }
    }
}

/// The components of a path, the last first, empty ones and `.` left out.
fn components(path: &str) -> Vec<String> {
    path.split('/').rev().filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect()
}

fn target_of(directory: impl AsFd, name: &CStr) -> io::Result<String> {
    let target = readlinkat(directory, name, Vec::new())?;
    target.into_string().map_err(|_| io::Error::other("the target of its link is not UTF-8"))
}

/// Whether a path is simply not there, as most that are asked for.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
