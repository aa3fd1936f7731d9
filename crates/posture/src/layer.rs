//! What one layer (or a directory) holds that posture rules care about: facts that serialise.
//!
//! [`Collector`] takes the entries as they stream by. Contents are looked at once and not kept.

mod accounts;
mod notable;

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

pub use self::{
    accounts::{Account, Password, Shadow},
    notable::{Notable, What},
};
use crate::secret::{Engine, Found};

/// What a layer holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LayerFacts {
    /// Secrets, by file.
    pub secrets: Vec<FileSecrets>,
    /// Files and directories that a rule may be about.
    pub notable: Vec<Notable>,
    /// Whether there were more than [`Collector::MOST`] of one of those.
    pub more: bool,
    /// Accounts of `etc/passwd`, if the layer has one.
    pub passwd: Option<Vec<Account>>,
    /// Passwords of `etc/shadow`, if the layer has one.
    pub shadow: Option<Vec<Shadow>>,
    /// Bytes of package managers' downloads and lists, by directory.
    pub caches: Vec<Cache>,
    /// Paths that the layer hides in lower ones.
    pub whiteouts: Vec<String>,
    /// Directories whose lower content the layer hides.
    pub opaque: Vec<String>,
    /// Hashes of all its paths, sorted: what a path in here replaces.
    pub paths: Vec<u64>,
}

/// The secrets of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSecrets {
    /// Its path.
    pub path: String,
    /// The secrets.
    pub found: Vec<Found>,
    /// Whether there are more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// What a package manager left behind in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cache {
    /// The directory.
    pub directory: String,
    /// Bytes of its files.
    pub bytes: u64,
}

/// What is to be collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Secrets.
    pub secrets: bool,
    /// What configuration rules need.
    pub configuration: bool,
}

impl Wanted {
    /// Names the question and the version of the answer: other facts have another name.
    pub fn name(self) -> String {
        let secrets = if self.secrets { Engine::VERSION } else { "" };
        let configuration = if self.configuration { "configuration-1" } else { "" };
        format!("posture-1 {secrets} {configuration}")
    }
}

/// What kind of thing an entry is, and the rest of it that rules ask for.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Path below the root.
    pub path: &'a str,
    /// What it is.
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub owner: u64,
    /// Bytes of content.
    pub size: u64,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file, or another name of one.
    File,
    /// A directory.
    Directory,
    /// A device node.
    Device,
    /// Anything else.
    Other,
}

/// Collects the facts of one layer.
#[derive(Debug)]
pub struct Collector {
    wanted: Wanted,
    facts: LayerFacts,
}

/// Prefix of whiteouts (image-spec, layer.md), and the file that makes a directory opaque.
const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";
/// Hashes of paths that are kept; of larger layers it is not known what they replace.
const PATHS: usize = 1 << 19;

impl Collector {
    /// Files with secrets, and notable entries, that are kept of a layer.
    pub const MOST: usize = 20_000;

    /// Begins a layer.
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted, facts: LayerFacts::default() }
    }

    /// Takes in an entry and its content.
    ///
    /// # Errors
    /// If the content cannot be read.
    pub fn entry(&mut self, entry: Entry<'_>, content: &mut dyn Read) -> io::Result<()> {
        let (directory, name) = entry.path.rsplit_once('/').unwrap_or(("", entry.path));
        if name.starts_with(WHITEOUT) {
            self.whiteout(directory, name);
            return Ok(());
        }
        if entry.kind != Kind::Directory && self.facts.paths.len() < PATHS {
            self.facts.paths.push(hash(entry.path));
        }
        if self.wanted.configuration {
            self.notable(entry);
            if entry.kind == Kind::File && accounts::is_of_accounts(entry.path) {
                return self.accounts(entry, content);
            }
        }
        if self.wanted.secrets && entry.kind == Kind::File && entry.size > 0 {
            self.search(entry, content)?;
        }
        Ok(())
    }

    /// The facts.
    pub fn finish(mut self) -> LayerFacts {
        self.facts.paths.sort_unstable();
        self.facts
    }

    fn whiteout(&mut self, directory: &str, name: &str) {
        let list = match name {
            OPAQUE => &mut self.facts.opaque,
            _ => &mut self.facts.whiteouts,
        };
        if list.len() >= Self::MOST {
            self.facts.more = true;
            return;
        }
        list.push(match name {
            OPAQUE => directory.to_owned(),
            _ => join(directory, &name[WHITEOUT.len()..]),
        });
    }

    fn notable(&mut self, entry: Entry<'_>) {
        if let Some(directory) = notable::cache_of(entry) {
            match self.facts.caches.iter_mut().find(|cache| cache.directory == directory) {
                Some(cache) => cache.bytes = cache.bytes.saturating_add(entry.size),
                None => {
                    let (directory, bytes) = (directory.to_owned(), entry.size);
                    self.facts.caches.push(Cache { directory, bytes });
                }
            }
        }
        for what in notable::of(entry) {
            if self.facts.notable.len() >= Self::MOST {
                self.facts.more = true;
                return;
            }
            self.facts.notable.push(Notable { path: entry.path.to_owned(), what });
        }
    }

    /// Accounts are read for rules, and searched for secrets as any file.
    fn accounts(&mut self, entry: Entry<'_>, content: &mut dyn Read) -> io::Result<()> {
        let mut text = Vec::new();
        content.take(accounts::LONGEST).read_to_end(&mut text)?;
        if entry.path == accounts::PASSWD {
            self.facts.passwd = Some(accounts::passwd(&text));
        } else {
            self.facts.shadow = Some(accounts::shadow(&text));
        }
        if self.wanted.secrets {
            self.search(entry, &mut text.chain(content))?;
        }
        Ok(())
    }

    fn search(&mut self, entry: Entry<'_>, content: &mut dyn Read) -> io::Result<()> {
        let outcome = Engine::shared().search(entry.path, content)?;
        if outcome.found.is_empty() {
            return Ok(());
        }
        if self.facts.secrets.len() >= Self::MOST {
            self.facts.more = true;
            return Ok(());
        }
        let path = entry.path.to_owned();
        self.facts.secrets.push(FileSecrets { path, found: outcome.found, more: outcome.more });
        Ok(())
    }
}

impl LayerFacts {
    /// Whether the layer removes or replaces what lower layers have at `path`.
    pub fn hides(&self, path: &str) -> bool {
        let is_below = |directory: &String| {
            directory.is_empty()
                || path.strip_prefix(directory.as_str()).is_some_and(|rest| rest.starts_with('/'))
        };
        self.paths.binary_search(&hash(path)).is_ok()
            || self.whiteouts.iter().any(|hidden| hidden == path || is_below(hidden))
            || self.opaque.iter().any(is_below)
    }
}

fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// FNV-1a: the same on every machine, for it is kept in files.
fn hash(path: &str) -> u64 {
    path.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
