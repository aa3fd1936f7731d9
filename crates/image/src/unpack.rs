//! Safe unpacking: an image's layers become a root directory, and nothing outside that directory
//! is touched, whatever the archive says.
//!
//! How: every path is walked one component at a time from a descriptor of the root (`openat2` with
//! `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`). Symbolic links on the way are read and interpreted
//! here, against the root; `..` stops at the root, as after `chroot`. The last component is never
//! followed: what is there is removed and made anew.
//!
//! Start at [`Extractor`]; [`Policy`] says what an archive may not bring.

mod attributes;
mod remove;
#[cfg(test)]
mod tests;
mod walk;

use std::{
    collections::{BTreeMap, HashSet},
    ffi::CString,
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    rc::Rc,
};

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};

use crate::{
    Image, Limits, layer,
    tar::{EntryHeader, EntryKind},
};

pub(crate) use remove::remove_tree;
use walk::{Directory, Missing};

/// What an archive may bring to the disk besides content, names, permission bits and times.
///
/// Always dropped, as they would act on the kernel or on overlayfs rather than be data: extended
/// attributes outside `user.*`, and `user.overlay.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Set-user-id and set-group-id bits of regular files. Off by default: under `no_new_privs`
    /// they do nothing, and outside of a container they are a hole in the host.
    pub keep_setid: bool,
    /// Device nodes. Off by default: a container gets its own `/dev`. Needs root. A character
    /// device 0/0 is never made, because overlayfs takes it for a deletion.
    pub create_devices: bool,
    /// Whose the files are.
    pub owners: Owners,
}

/// Who owns what is unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// Whom the archive says.
    Keep,
    /// The caller. Whom the archive says is not recorded.
    Squash,
}

impl Policy {
    /// No set-id bits, no devices; owners kept if the caller is root.
    pub fn standard() -> Self {
        let owners =
            if rustix::process::geteuid().is_root() { Owners::Keep } else { Owners::Squash };
        Self { keep_setid: false, create_devices: false, owners }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self::standard()
    }
}

/// Bounds on what unpacking may use, all layers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Content, in bytes.
    pub bytes: u64,
    /// Entries.
    pub entries: u64,
    /// Directories within directories.
    pub depth: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: 64 << 30, entries: 4_000_000, depth: 256 }
    }
}

/// What was unpacked, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Entries read.
    pub entries: u64,
    /// Content written, in bytes.
    pub bytes: u64,
    /// Device nodes left out by policy.
    pub devices_skipped: u64,
    /// Files that lost a set-id bit by policy.
    pub setid_stripped: u64,
    /// Extended attributes left out by policy or refused by the file system.
    pub xattrs_skipped: u64,
    /// Files whose owner does not exist in the caller's user namespace, or was squashed.
    pub owners_squashed: u64,
    /// Entries of no use in a root file system: union mount bookkeeping, unknown types.
    pub ignored: u64,
}

/// Why an archive cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path of an entry, or the target of its hard link, climbs out of the root.
    #[error(
        "could not unpack '{path}': it, or what it is a hard link to, has a '..' that leaves the root"
    )]
    Escape {
        /// The entry.
        path: String,
    },
    /// A name that no file can have.
    #[error("could not unpack '{path}': {reason}")]
    Name {
        /// The entry.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More symbolic links than Linux follows.
    #[error("could not unpack '{path}': more than {limit} symbolic links on the way")]
    Loop {
        /// The entry.
        path: String,
        /// The limit.
        limit: usize,
    },
    /// A bound is exceeded.
    #[error("could not unpack '{path}': more than the {limit} {what} that are allowed")]
    Bound {
        /// The entry at which it was.
        path: String,
        /// The limit.
        limit: u64,
        /// Its unit.
        what: &'static str,
    },
    /// A hard link to what is not there.
    #[error(
        "could not unpack '{path}': it is a hard link to '{target}', which is not in the image"
    )]
    Target {
        /// The entry.
        path: String,
        /// What it points to.
        target: String,
    },
    /// The operating system refused.
    #[error("could not {action} '{path}' in the root directory")]
    System {
        /// What was tried.
        action: &'static str,
        /// On which path of the archive.
        path: String,
        /// Why not.
        source: io::Error,
    },
}

/// Unpacks all layers of `image` into `root`, an empty directory that nobody else writes to.
///
/// Nothing in `root` may be trusted unless this returns `Ok`: only then has every digest been
/// verified.
///
/// # Errors
///
/// If a layer cannot be read or does not match its digests, or an entry cannot be unpacked (then
/// [`crate::Error::Other`] with an [`Error`] as source).
pub fn unpack(
    image: &Image,
    root: OwnedFd,
    policy: Policy,
    bounds: Bounds,
    limits: &Limits,
) -> Result<Outcome, crate::Error> {
    let mut extractor = Extractor::new(root, policy, bounds).map_err(failed_layer(image, 0))?;
    for index in 0..image.layers.len() {
        layer::walk(image, index, limits, &mut |entry, content| {
            extractor.apply(entry, content).map_err(failed_layer(image, index))
        })?;
        extractor.next_layer();
    }
    extractor.finish().map_err(failed_layer(image, image.layers.len().saturating_sub(1)))
}

fn failed_layer(image: &Image, index: usize) -> impl FnOnce(Error) -> crate::Error {
    let object = match image.layers.get(index) {
        Some(layer) => format!("{}, layer {}", image.name, layer.descriptor.digest),
        None => image.name.clone(),
    };
    move |error| crate::Error::Other { action: "unpack", object, source: Box::new(error) }
}

/// Applies entries to a root directory.
#[derive(Debug)]
pub struct Extractor {
    root: Rc<Directory>,
    policy: Policy,
    bounds: Bounds,
    outcome: Outcome,
    /// The directory used last, by its path as written: archives are sorted.
    recent: Option<(Vec<u8>, Rc<Directory>)>,
    /// Directory entries (inode of the directory, name) that the current layer made.
    created: HashSet<(u64, Box<[u8]>)>,
    /// Whether there are layers below the current one.
    upper: bool,
    /// What directories get at the end, by real path: until then they are open to the caller.
    directories: BTreeMap<Vec<u8>, attributes::Attributes>,
    /// Real paths of device nodes that were left out, so that hard links to them are, too.
    absent: HashSet<Vec<u8>>,
}

impl Extractor {
    /// Unpacks into `root`, an empty directory that nobody else writes to.
    ///
    /// # Errors
    ///
    /// If `root` cannot be examined.
    pub fn new(root: OwnedFd, policy: Policy, bounds: Bounds) -> Result<Self, Error> {
        let root = Rc::new(Directory::new(root, Vec::new()).map_err(system("examine", b"/"))?);
        Ok(Self {
            root,
            policy,
            bounds,
            outcome: Outcome::default(),
            recent: None,
            created: HashSet::new(),
            upper: false,
            directories: BTreeMap::new(),
            absent: HashSet::new(),
        })
    }

    /// Ends a layer: the whiteouts of the next one hide what there is now.
    pub fn next_layer(&mut self) {
        self.created.clear();
        self.upper = true;
    }

    /// Applies one entry; `content` is read to its end if the entry is a file.
    ///
    /// # Errors
    ///
    /// If the entry would leave the root, exceeds a bound, or the system refuses.
    pub fn apply(&mut self, entry: &EntryHeader, content: &mut dyn Read) -> Result<(), Error> {
        self.outcome.entries += 1;
        self.bound(&entry.path, self.outcome.entries, self.bounds.entries, "entries")?;
        if entry.left_root {
            return Err(Error::Escape { path: shown(&entry.name) });
        }
        let components = components(&entry.path, &entry.path)?;
        let Some((name, parents)) = components.split_last() else {
            return self.root_entry(entry);
        };
        if parents.iter().any(|parent| parent.starts_with(WHITEOUT)) {
            self.outcome.ignored += 1;
            return Ok(());
        }
        match name.strip_prefix(WHITEOUT) {
            Some(hidden) => self.whiteout(&entry.path, parents, hidden),
            None => self.place(entry, parents, name, content),
        }
    }

    /// Gives directories their modes and times, deepest first, and says what was done.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn finish(mut self) -> Result<Outcome, Error> {
        self.finish_directories()?;
        Ok(self.outcome)
    }

    fn bound(&self, path: &[u8], value: u64, limit: u64, what: &'static str) -> Result<(), Error> {
        if value <= limit {
            return Ok(());
        }
        Err(Error::Bound { path: shown(path), limit, what })
    }

    fn root_entry(&mut self, entry: &EntryHeader) -> Result<(), Error> {
        if entry.kind != EntryKind::Directory {
            let reason = "only a directory can be the root";
            return Err(Error::Name { path: shown(&entry.path), reason });
        }
        let root = Rc::clone(&self.root);
        self.directory_attributes(entry, &root)
    }

    /// Hides what lower layers have at `hidden`, or below `parents` if it is the opaque marker.
    fn whiteout(&mut self, path: &[u8], parents: &[&[u8]], hidden: &[u8]) -> Result<(), Error> {
        const OPAQUE: &[u8] = b".wh..opq";
        if hidden != OPAQUE && hidden.starts_with(WHITEOUT) {
            // `.wh..wh.plnk` and the like are aufs's own files.
            self.outcome.ignored += 1;
            return Ok(());
        }
        if matches!(hidden, b"" | b"." | b"..") {
            let reason = "a whiteout must name a file beside it";
            return Err(Error::Name { path: shown(path), reason });
        }
        if !self.upper {
            return Ok(());
        }
        let Some(directory) = self.directory(path, parents, Missing::Stop)? else {
            return Ok(());
        };
        self.recent = None;
        if hidden == OPAQUE {
            return self.hide_children(path, &directory);
        }
        self.hide(path, &directory, hidden)
    }

    /// Makes the entry `name` in the directory that `parents` lead to.
    fn place(
        &mut self,
        entry: &EntryHeader,
        parents: &[&[u8]],
        name: &[u8],
        content: &mut dyn Read,
    ) -> Result<(), Error> {
        let Some(parent) = self.directory(&entry.path, parents, Missing::Create)? else {
            unreachable!("missing directories are made")
        };
        let file = c_name(&entry.path, name)?;
        match &entry.kind {
            EntryKind::Directory => self.make_directory(entry, &parent, name, &file)?,
            EntryKind::File => self.make_file(entry, &parent, name, &file, content)?,
            EntryKind::Symlink(target) => {
                let target = CString::new(target.as_slice()).map_err(|_| Error::Name {
                    path: shown(&entry.path),
                    reason: "the link's target has a NUL byte",
                })?;
                self.clear(&entry.path, &parent, name)?;
                fs::symlinkat(&target, &parent.fd, &file).map_err(failed("link", &entry.path))?;
                self.link_attributes(entry, &parent.fd, &file)?;
            }
            EntryKind::Hardlink(target) => {
                self.make_hardlink(entry, target, &parent, name, &file)?
            }
            EntryKind::Fifo => self.make_special(entry, &parent, name, FileType::Fifo, 0)?,
            &EntryKind::CharacterDevice { major, minor } => {
                self.make_device(entry, &parent, name, FileType::CharacterDevice, (major, minor))?;
            }
            &EntryKind::BlockDevice { major, minor } => {
                self.make_device(entry, &parent, name, FileType::BlockDevice, (major, minor))?;
            }
            EntryKind::Other(_) => {
                self.outcome.ignored += 1;
                return Ok(());
            }
        }
        if self.upper {
            self.created.insert((parent.inode, name.into()));
        }
        Ok(())
    }

    fn make_directory(
        &mut self,
        entry: &EntryHeader,
        parent: &Directory,
        name: &[u8],
        file: &CString,
    ) -> Result<(), Error> {
        let kind = file_type(parent.fd.as_fd(), file).map_err(failed("examine", &entry.path))?;
        if kind != Some(FileType::Directory) {
            self.clear(&entry.path, parent, name)?;
            let mode = Mode::RWXU;
            fs::mkdirat(&parent.fd, file, mode).map_err(failed("make directory", &entry.path))?;
        }
        let directory = parent.child(file, name).map_err(failed("open directory", &entry.path))?;
        self.depth(&entry.path, directory.depth)?;
        self.directory_attributes(entry, &directory)
    }

    fn make_file(
        &mut self,
        entry: &EntryHeader,
        parent: &Directory,
        name: &[u8],
        file: &CString,
        content: &mut dyn Read,
    ) -> Result<(), Error> {
        self.clear(&entry.path, parent, name)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        let fd = fs::openat(&parent.fd, file, flags | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)
            .map_err(failed("create", &entry.path))?;
        let mut output = std::fs::File::from(fd);
        self.copy(&entry.path, content, &mut output)?;
        self.file_attributes(entry, output.as_fd())
    }

    fn copy(
        &mut self,
        path: &[u8],
        content: &mut dyn Read,
        output: &mut std::fs::File,
    ) -> Result<(), Error> {
        let mut buffer = [0; 64 * 1024];
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(system("read", path)(error)),
            };
            self.outcome.bytes += count as u64;
            self.bound(path, self.outcome.bytes, self.bounds.bytes, "bytes of content")?;
            output.write_all(&buffer[..count]).map_err(system("write", path))?;
        }
    }

    fn make_hardlink(
        &mut self,
        entry: &EntryHeader,
        target: &[u8],
        parent: &Directory,
        name: &[u8],
        file: &CString,
    ) -> Result<(), Error> {
        let missing = || Error::Target { path: shown(&entry.path), target: shown(target) };
        let components = components(&entry.path, target)?;
        let (last, parents) = components.split_last().ok_or_else(missing)?;
        let recent = self.recent.take();
        let source = self.directory(&entry.path, parents, Missing::Stop)?.ok_or_else(missing)?;
        self.recent = recent;
        let last_file = c_name(&entry.path, last)?;
        let same = (source.inode, *last) == (parent.inode, name);
        match file_type(source.fd.as_fd(), &last_file).map_err(failed("examine", target))? {
            None if self.absent.contains(&source.path_of(last)) => {
                self.outcome.devices_skipped += 1;
                self.absent.insert(parent.path_of(name));
                return Ok(());
            }
            None | Some(FileType::Directory) => return Err(missing()),
            // A link to itself: the file is there already.
            Some(_) if same => return Ok(()),
            Some(_) => {}
        }
        self.clear(&entry.path, parent, name)?;
        fs::linkat(&source.fd, &last_file, &parent.fd, file, AtFlags::empty())
            .map_err(failed("link", &entry.path))
    }

    fn make_device(
        &mut self,
        entry: &EntryHeader,
        parent: &Directory,
        name: &[u8],
        kind: FileType,
        (major, minor): (u32, u32),
    ) -> Result<(), Error> {
        let overlay_deletion = kind == FileType::CharacterDevice && (major, minor) == (0, 0);
        if !self.policy.create_devices || overlay_deletion {
            // What a lower layer has there is hidden by the device nevertheless.
            self.clear(&entry.path, parent, name)?;
            self.outcome.devices_skipped += 1;
            self.absent.insert(parent.path_of(name));
            return Ok(());
        }
        self.make_special(entry, parent, name, kind, fs::makedev(major, minor))
    }

    fn make_special(
        &mut self,
        entry: &EntryHeader,
        parent: &Directory,
        name: &[u8],
        kind: FileType,
        device: u64,
    ) -> Result<(), Error> {
        self.clear(&entry.path, parent, name)?;
        let file = c_name(&entry.path, name)?;
        let mode = Mode::RUSR | Mode::WUSR;
        fs::mknodat(&parent.fd, &file, kind, mode, device)
            .map_err(failed("make special file", &entry.path))?;
        self.special_attributes(entry, &parent.fd, &file)
    }
}

/// Prefix of names that hide others (image-spec 1.1, layer.md, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";

/// The components of `path`, empty ones and `.` left out.
fn components<'a>(entry: &[u8], path: &'a [u8]) -> Result<Vec<&'a [u8]>, Error> {
    let mut components = Vec::new();
    for component in path.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => {
                return Err(Error::Escape { path: shown(entry) });
            }
            _ => components.push(component),
        }
    }
    Ok(components)
}

/// What `name` is in `directory`, links not followed; `None` if there is nothing.
fn file_type(directory: BorrowedFd<'_>, name: &CString) -> rustix::io::Result<Option<FileType>> {
    match fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

fn c_name(path: &[u8], name: &[u8]) -> Result<CString, Error> {
    let reason = "the name has a NUL byte";
    CString::new(name).map_err(|_| Error::Name { path: shown(path), reason })
}

/// A path for messages: escaped, so that no archive writes to the user's terminal, and cut.
fn shown(path: &[u8]) -> String {
    const LONGEST: usize = 200;
    let cut = path.get(..LONGEST).unwrap_or(path);
    let dots = if path.len() > LONGEST { "…" } else { "" };
    format!("{}{dots}", String::from_utf8_lossy(cut).escape_debug())
}

fn system(action: &'static str, path: &[u8]) -> impl FnOnce(io::Error) -> Error {
    let path = shown(path);
    move |source| Error::System { action, path, source }
}

fn failed(action: &'static str, path: &[u8]) -> impl FnOnce(rustix::io::Errno) -> Error {
    let path = shown(path);
    move |errno| Error::System { action, path, source: errno.into() }
}
