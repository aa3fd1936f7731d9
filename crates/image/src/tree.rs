use std::{
    collections::BTreeMap,
    fmt,
    hash::{Hash, Hasher},
    io::{self, Read},
    sync::Arc,
};

/// Which files of an image an analyser wants to read. Paths are relative to the root, without a
/// leading `/`: `var/lib/dpkg/status`.
///
/// Data rather than a predicate, so that a directory target opens only what is asked for and a
/// layer cache can be keyed by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Interest {
    /// Files.
    pub files: Vec<String>,
    /// Directories; every file below them is wanted.
    pub directories: Vec<String>,
    /// What is condensed while it is read, wherever it is.
    pub extractor: Option<Extractor>,
}

/// Takes a few words out of files that are too many or too large to keep: what is kept of a file
/// is what [`Extractor::extract`] returns. A file that is wanted whole is kept whole.
#[derive(Clone, Copy)]
pub struct Extractor {
    /// Says what is extracted and how; a cache of layers is keyed by it, so it changes whenever the
    /// outcome for the same file can.
    pub id: &'static str,
    /// Whether a file may have something to extract. A second name of a file (a hard link) comes
    /// with a size of 0.
    pub selects: fn(&Candidate<'_>) -> bool,
    /// Extracts it; nothing, if the file has nothing after all. Errors are those of the reader:
    /// what does not make sense in the file itself belongs into the extract.
    pub extract: fn(&Candidate<'_>, &mut dyn Read) -> io::Result<Vec<u8>>,
}

/// A file before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// Path below the root.
    pub path: &'a str,
    /// Bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
}

impl fmt::Debug for Extractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Extractor").field(&self.id).finish()
    }
}

impl PartialEq for Extractor {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Extractor {}

impl Hash for Extractor {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl Interest {
    /// Whether the content of the file at `path` is wanted.
    pub fn wants(&self, path: &str) -> bool {
        self.files.iter().any(|file| file == path)
            || self.directories.iter().any(|directory| {
                path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.starts_with('/'))
            })
    }
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file and its content.
    File(Arc<[u8]>),
    /// A regular file, and what an [`Extractor`] took out of it.
    Extract(Arc<[u8]>),
    /// A symbolic link and its target as written.
    Symlink(String),
    /// A directory.
    Directory,
}

/// A file system object of the merged view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Which layer it comes from, the base being 0.
    pub layer: usize,
}

/// The merged view of an image's layers (or of a directory), restricted to what an [`Interest`]
/// asked for and to the symbolic links that lead there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// Puts `entry` at `path`, in place of what was there.
    pub fn insert(&mut self, path: impl Into<String>, entry: Entry) {
        self.entries.insert(path.into(), entry);
    }

    /// The file at `path`, symbolic links followed within the root (at most 40, as Linux does), and
    /// the layer that it comes from.
    pub fn file(&self, path: &str) -> Option<(&Arc<[u8]>, usize)> {
        let real = self.resolve(path)?;
        match self.entries.get(&real)? {
            Entry { kind: Kind::File(content), layer } => Some((content, *layer)),
            _ => None,
        }
    }

    /// All files below `directory` (symbolic links followed to it, not below it), in order of path.
    pub fn files_below(&self, directory: &str) -> impl Iterator<Item = (&str, &Arc<[u8]>, usize)> {
        let prefix = self.resolve(directory).map(|real| format!("{real}/"));
        let start = prefix.clone().unwrap_or_default();
        self.entries
            .range(start..)
            .take_while(move |(path, _)| prefix.as_ref().is_some_and(|p| path.starts_with(p)))
            .filter_map(|(path, entry)| match &entry.kind {
                Kind::File(content) => Some((path.as_str(), content, entry.layer)),
                _ => None,
            })
    }

    /// All files that were kept whole, in order of path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Arc<[u8]>, usize)> {
        self.entries.iter().filter_map(|(path, entry)| match &entry.kind {
            Kind::File(content) => Some((path.as_str(), content, entry.layer)),
            _ => None,
        })
    }

    /// What was extracted of files, in order of path.
    pub fn extracts(&self) -> impl Iterator<Item = (&str, &Arc<[u8]>, usize)> {
        self.entries.iter().filter_map(|(path, entry)| match &entry.kind {
            Kind::Extract(extract) => Some((path.as_str(), extract, entry.layer)),
            _ => None,
        })
    }

    /// What is at `path` itself, no link followed.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Takes away the extracts at the paths that `which` picks.
    pub(crate) fn remove_extracts(&mut self, which: impl Fn(&str) -> bool) {
        let goes =
            |path: &str, entry: &Entry| matches!(entry.kind, Kind::Extract(_)) && which(path);
        self.entries.retain(|path, entry| !goes(path, entry));
    }

    /// Takes away what is at `path`, and leaves what is below.
    pub(crate) fn remove(&mut self, path: &str) {
        self.entries.remove(path);
    }

    /// Takes away all below `path`.
    pub(crate) fn remove_below(&mut self, path: &str) {
        if path.is_empty() {
            self.entries.clear();
            return;
        }
        // '0' is the character after '/'.
        let below: Vec<String> = self
            .entries
            .range(format!("{path}/")..format!("{path}0"))
            .map(|(path, _)| path.clone())
            .collect();
        for path in below {
            self.entries.remove(&path);
        }
    }

    /// The path with every symbolic link of it replaced; `None` if it loops or leads nowhere known.
    pub(crate) fn resolve(&self, path: &str) -> Option<String> {
        let mut pending: Vec<String> = components(path);
        let mut real: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(component) = pending.pop() {
            if component == ".." {
                real.pop();
                continue;
            }
            real.push(component);
            if let Some(Entry { kind: Kind::Symlink(target), .. }) =
                self.entries.get(&real.join("/"))
            {
                links += 1;
                if links > 40 {
                    return None;
                }
                real.pop();
                if target.starts_with('/') {
                    real.clear();
                }
                pending.extend(components(target));
            }
        }
        Some(real.join("/"))
    }
}

/// The components of a path, the last first, empty ones and `.` left out.
fn components(path: &str) -> Vec<String> {
    path.split('/').rev().filter(|part| !matches!(*part, "" | ".")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(entries: &[(&str, Kind)]) -> Tree {
        let mut tree = Tree::default();
        for (path, kind) in entries {
            tree.insert(*path, Entry { kind: kind.clone(), layer: 0 });
        }
        tree
    }

    fn file(text: &str) -> Kind {
        Kind::File(text.as_bytes().into())
    }

    fn link(target: &str) -> Kind {
        Kind::Symlink(target.into())
    }

    #[test]
    fn follows_links_within_the_root() {
        let tree = tree(&[
            ("etc/os-release", link("../usr/lib/os-release")),
            ("usr/lib/os-release", file("ID=debian")),
            ("var/lib/rpm", link("/../../usr/lib/sysimage/rpm")),
            ("usr/lib/sysimage/rpm/rpmdb.sqlite", file("db")),
        ]);
        assert_eq!(&**tree.file("etc/os-release").unwrap().0, b"ID=debian");
        assert_eq!(&**tree.file("/var/lib/rpm/rpmdb.sqlite").unwrap().0, b"db");
        let below: Vec<_> = tree.files_below("var/lib/rpm").map(|(path, ..)| path).collect();
        assert_eq!(below, ["usr/lib/sysimage/rpm/rpmdb.sqlite"]);
    }

    #[test]
    fn a_symlink_loop_leads_nowhere() {
        let tree = tree(&[("a", link("b")), ("b", link("a")), ("c", link("c/d"))]);
        assert_eq!(tree.file("a"), None);
        assert_eq!(tree.file("c"), None);
        assert_eq!(tree.files_below("a").count(), 0);
    }
}
