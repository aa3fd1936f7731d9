//! What one layer says about the paths that an analyser asked for.

use std::{
    collections::{BTreeMap, HashSet},
    io::Read,
    sync::Arc,
};

use crate::{
    Candidate, Error, Extractor, Interest, Layer, Limits, Skipped, Surveyor,
    layer::walk_stored,
    share::share,
    tar::{EntryHeader, EntryKind, normalise},
};

/// Prefix of a file that hides the one without it in lower layers (image-spec, layer.md).
const WHITEOUT: &[u8] = b".wh.";
/// Prefix of the bookkeeping of aufs, which means nothing to others; but for [`OPAQUE`].
const AUFS: &[u8] = b".wh..wh.";
/// Hides all that lower layers have in its directory.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Bytes of a file that is read once and looked at twice; of a larger one both readers see a piece
/// at a time.
const IN_MEMORY: u64 = 4 << 20;
/// Skipped entries that are told one by one.
const TOLD: usize = 1000;

/// What one layer says, by the position of the entry in its archive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) entries: BTreeMap<u64, Fact>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) through: Through,
    /// Paths of the layer at which nothing was extracted, and that may stand where lower layers
    /// have a file or a directory of which something was: by hash. One too many can only come of
    /// two paths with one hash.
    pub(crate) replaced: HashSet<u64>,
}

/// One entry of a layer that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) path: String,
    pub(crate) what: What,
}

/// What is at a path, or no longer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A wanted file.
    File(Arc<[u8]>),
    /// What was extracted of a file.
    Extract(Arc<[u8]>),
    /// A symbolic link with its target.
    Symlink(String),
    /// A hard link to another entry.
    Hardlink(String),
    Directory,
    /// Something else, without content that is of use: a device, a file where a directory was, a
    /// wanted file that was skipped.
    Other,
    /// The path is hidden in lower layers.
    Whiteout,
    /// All below the path is hidden in lower layers.
    OpaqueDirectory,
}

/// An [`Interest`] prepared for looking up many paths.
pub(crate) struct Wanted<'a> {
    files: HashSet<&'a [u8]>,
    directories: HashSet<&'a [u8]>,
    /// Directories on the way to what is wanted.
    ancestors: HashSet<&'a [u8]>,
    extractor: Option<Extractor>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(interest: &'a Interest) -> Self {
        let files: HashSet<_> = interest.files.iter().map(String::as_bytes).collect();
        let directories: HashSet<_> = interest.directories.iter().map(String::as_bytes).collect();
        let ancestors = files.iter().chain(&directories).flat_map(|path| parents(path)).collect();
        Self { files, directories, ancestors, extractor: interest.extractor }
    }

    /// Whether the content of a file at `path` is wanted.
    fn content(&self, path: &[u8]) -> bool {
        self.files.contains(path) || parents(path).any(|parent| self.directories.contains(parent))
    }

    /// Whether a symbolic link at `path` leads to a directory on the way to what is wanted, so that
    /// what another layer has below the link may be wanted as well.
    fn leads_to(&self, path: &[u8], target: &[u8]) -> bool {
        let (directory, _) = split(path);
        let target =
            if target.starts_with(b"/") { normalise(target).path } else { join(directory, target) };
        target.is_empty()
            || self.ancestors.contains(target.as_slice())
            || self.directories.contains(target.as_slice())
    }

    /// Whether an entry is a file that something may be extracted of.
    fn extracts(&self, header: &EntryHeader) -> bool {
        let Some(extractor) = self.extractor else { return false };
        let path = std::str::from_utf8(&header.path).unwrap_or_default();
        header.kind == EntryKind::File
            && !self.content(&header.path)
            && (extractor.selects)(&Candidate { path, size: header.size, mode: header.mode })
    }

    /// Whether what is at `path` decides what wanted files there are.
    fn matters(&self, path: &[u8]) -> bool {
        self.ancestors.contains(path) || self.directories.contains(path) || self.content(path)
    }
}

/// The directories above `path`, the nearest first; the root is not among them.
fn parents(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/');
    slashes.map(|(at, _)| &path[..at])
}

/// Reads a layer for what `interest` asks.
pub(crate) fn collect(
    stored: impl Read + Send,
    layer: &Layer,
    interest: &Interest,
    limits: &Limits,
    mut surveyor: Option<&mut (dyn Surveyor + '_)>,
) -> Result<Facts, Error> {
    let mut collector = Collector {
        wanted: Wanted::new(interest),
        limits,
        facts: Facts::default(),
        latest: BTreeMap::new(),
        declared: Declared::default(),
        position: 0,
        bytes: 0,
        untold: 0,
    };
    walk_stored(stored, layer, limits, &mut |header, body| {
        if let Some(surveyor) = &mut surveyor
            && collector.wanted.extracts(header)
        {
            return collector.share(header, body, *surveyor);
        }
        let kept = collector.entry(header, body)?;
        let Some(surveyor) = &mut surveyor else { return Ok(()) };
        // What was kept was read; it is looked at once more from memory.
        let looked = match kept {
            Some(content) => surveyor.entry(header, &mut &content[..]),
            None => surveyor.entry(header, body),
        };
        looked.map_err(Error::io("read", lossy(&header.name)))
    })?;
    Ok(collector.finish(layer))
}

struct Collector<'a> {
    wanted: Wanted<'a>,
    limits: &'a Limits,
    facts: Facts,
    /// Position of the last fact about a path: what came before it in the layer is replaced.
    latest: BTreeMap<(String, bool), u64>,
    declared: Declared,
    position: u64,
    /// Bytes of content in `facts`.
    bytes: u64,
    untold: u64,
}

impl Collector<'_> {
    /// Takes an entry in; returns the content where that was read and kept.
    fn entry(
        &mut self,
        header: &EntryHeader,
        body: &mut dyn Read,
    ) -> Result<Option<Arc<[u8]>>, Error> {
        self.position += 1;
        if header.left_root {
            let why = "its name or the target of its link leads out of the root";
            self.skip(&header.name, why.to_owned());
            return Ok(None);
        }
        let (directory, name) = split(&header.path);
        self.declared.entry(directory, header, &mut self.facts.through);
        if name.starts_with(WHITEOUT) {
            self.whiteout(header, directory, name);
            return Ok(None);
        }
        let leads = |target| self.wanted.leads_to(&header.path, target);
        let matters = self.wanted.matters(&header.path)
            || matches!(&header.kind, EntryKind::Symlink(target) if leads(target));
        if header.path.starts_with(AUFS) {
            return Ok(None);
        }
        if !matters {
            return self.extract(header, body).map(|()| None);
        }
        let Some(path) = text(&header.path) else {
            self.skip(&header.name, "its name is not UTF-8".to_owned());
            return Ok(None);
        };
        if self.facts.entries.len() >= self.limits.kept.entries {
            let why = format!("more than {} of its layer are asked for", self.limits.kept.entries);
            self.skip(&header.name, why);
            return Ok(None);
        }
        let what = match &header.kind {
            EntryKind::Directory => What::Directory,
            EntryKind::Symlink(target) | EntryKind::Hardlink(target) => match text(target) {
                Some(target) if matches!(header.kind, EntryKind::Symlink(_)) => {
                    What::Symlink(target)
                }
                Some(target) => What::Hardlink(target),
                None => {
                    self.skip(&header.name, "the target of its link is not UTF-8".to_owned());
                    What::Other
                }
            },
            EntryKind::File if self.wanted.content(&header.path) => self.file(header, body)?,
            EntryKind::Other(_) => return Ok(None),
            _ => What::Other,
        };
        let kept = match &what {
            What::File(content) => Some(content.clone()),
            _ => None,
        };
        self.note(path, what);
        Ok(kept)
    }

    /// Lets both the extractor and a survey read a file.
    fn share(
        &mut self,
        header: &EntryHeader,
        body: &mut dyn Read,
        surveyor: &mut dyn Surveyor,
    ) -> Result<(), Error> {
        let attempt = || Error::io("read", lossy(&header.name));
        if header.size > IN_MEMORY {
            let (taken, looked) = share(
                body,
                |content| self.entry(header, content).map(|_| ()),
                |content| surveyor.entry(header, content),
            );
            looked.map_err(attempt())?;
            return taken;
        }
        let mut content = Vec::new();
        body.read_to_end(&mut content).map_err(attempt())?;
        self.entry(header, &mut &content[..])?;
        surveyor.entry(header, &mut &content[..]).map_err(attempt())
    }

    /// Takes out of a file what the extractor finds in it.
    fn extract(&mut self, header: &EntryHeader, body: &mut dyn Read) -> Result<(), Error> {
        let Some(extractor) = self.wanted.extractor else { return Ok(()) };
        if header.kind == EntryKind::Directory {
            return Ok(());
        }
        let path = std::str::from_utf8(&header.path).unwrap_or_default();
        let candidate = Candidate { path, size: header.size, mode: header.mode };
        let is_selected = !path.is_empty() && (extractor.selects)(&candidate);
        match &header.kind {
            EntryKind::File if is_selected => {}
            EntryKind::File => return Ok(()),
            // The content is at the other name.
            EntryKind::Hardlink(target) if is_selected => {
                if let Some(target) = text(target) {
                    self.note(path.to_owned(), What::Hardlink(target));
                }
                return Ok(());
            }
            _ => {
                self.facts.replaced.insert(hash(&header.path));
                return Ok(());
            }
        }
        let read = (extractor.extract)(&candidate, body);
        let extract = read.map_err(Error::io("read", lossy(&header.name)))?;
        if extract.is_empty() {
            self.facts.replaced.insert(hash(&header.path));
            return Ok(());
        }
        let kept = &self.limits.kept;
        let size = extract.len() as u64;
        if self.facts.entries.len() >= kept.entries || self.bytes + size > kept.bytes {
            let why = "more of its layer is asked for than is kept".to_owned();
            self.skip(&header.name, why);
            return Ok(());
        }
        self.bytes += size;
        self.note(path.to_owned(), What::Extract(extract.into()));
        Ok(())
    }

    fn file(&mut self, header: &EntryHeader, body: &mut dyn Read) -> Result<What, Error> {
        let limits = self.limits;
        let why = if header.size > limits.file {
            format!("it has {} bytes, and {} are kept at most", header.size, limits.file)
        } else if self.bytes + header.size > limits.kept.bytes {
            format!("more than {} bytes of its layer are asked for", limits.kept.bytes)
        } else {
            let mut content = Vec::new();
            body.read_to_end(&mut content).map_err(Error::io("read", lossy(&header.name)))?;
            self.bytes += content.len() as u64;
            return Ok(What::File(content.into()));
        };
        self.skip(&header.name, why);
        Ok(What::Other)
    }

    fn whiteout(&mut self, header: &EntryHeader, directory: &[u8], name: &[u8]) {
        let (hidden, what) = if name == OPAQUE {
            (directory.to_vec(), What::OpaqueDirectory)
        } else if name.starts_with(AUFS) {
            return;
        } else {
            let name = &name[WHITEOUT.len()..];
            if matches!(name, b"" | b"." | b"..") {
                self.skip(&header.name, "it is a whiteout of no name".to_owned());
                return;
            }
            (join(directory, name), What::Whiteout)
        };
        // The root is on the way to everything.
        let extracting = self.wanted.extractor.is_some();
        if !hidden.is_empty() && !extracting && !self.wanted.matters(&hidden) {
            return;
        }
        match text(&hidden) {
            Some(path) => self.note(path, what),
            None => self.skip(&header.name, "its name is not UTF-8".to_owned()),
        }
    }

    fn note(&mut self, path: String, what: What) {
        let hides = matches!(what, What::Whiteout | What::OpaqueDirectory);
        if let Some(before) = self.latest.insert((path.clone(), hides), self.position)
            && let Some(Fact { what: What::File(content) | What::Extract(content), .. }) =
                self.facts.entries.remove(&before)
        {
            self.bytes -= content.len() as u64;
        }
        self.facts.entries.insert(self.position, Fact { path, what });
    }

    fn skip(&mut self, object: &[u8], why: String) {
        if self.facts.skipped.len() < TOLD {
            self.facts.skipped.push(Skipped { object: lossy(object), why });
        } else {
            self.untold += 1;
        }
    }

    fn finish(mut self, layer: &Layer) -> Facts {
        if self.untold > 0 {
            let object = format!("layer {}", layer.diff_id);
            let why = format!("{} more of its entries were passed over", self.untold);
            self.facts.skipped.push(Skipped { object, why });
        }
        self.facts
    }
}

/// Directories that a layer has entries below without an entry for them: those may be symbolic links
/// of lower layers. By hash; one too many costs a second reading, no wrong answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Through {
    pub(crate) hashes: HashSet<u64>,
    /// There were too many to note, so that any directory may be among them.
    pub(crate) any: bool,
}

impl Through {
    /// Whether `directory` may be one.
    pub(crate) fn contains(&self, directory: &str) -> bool {
        self.any || self.hashes.contains(&hash(directory.as_bytes()))
    }
}

/// Directories that are noted.
const NOTED: usize = 1 << 20;
/// Those without an entry of their own that are noted.
const NOTED_THROUGH: usize = 1 << 14;

/// Directories that the layer has an entry for.
#[derive(Default)]
struct Declared {
    hashes: HashSet<u64>,
    /// The directory of the entry before, which most entries share.
    last: Vec<u8>,
}

impl Declared {
    fn entry(&mut self, directory: &[u8], header: &EntryHeader, through: &mut Through) {
        if directory != self.last {
            directory.clone_into(&mut self.last);
            for above in std::iter::once(directory).chain(parents(directory)) {
                let hash = hash(above);
                if !above.is_empty() && !self.hashes.contains(&hash) {
                    through.hashes.insert(hash);
                }
            }
        }
        if header.kind == EntryKind::Directory {
            self.hashes.insert(hash(&header.path));
        }
        if self.hashes.len() > NOTED || through.hashes.len() > NOTED_THROUGH {
            *through = Through { hashes: HashSet::new(), any: true };
        }
    }
}

impl Facts {
    /// Whether something in the layer may have taken the place of `path`, or of a directory above.
    pub(crate) fn replaces(&self, path: &str) -> bool {
        let path = path.as_bytes();
        !self.replaced.is_empty()
            && std::iter::once(path)
                .chain(parents(path))
                .any(|path| self.replaced.contains(&hash(path)))
    }
}

/// FNV-1a: the same on every machine, for it is kept in files.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Directory and name of a path.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    path.iter()
        .rposition(|byte| *byte == b'/')
        .map_or((b"", path), |at| (&path[..at], &path[at + 1..]))
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    normalise(&[directory, name].join(&b'/')).path
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
