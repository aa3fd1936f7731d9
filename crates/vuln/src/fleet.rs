//! Many images and what is installed in them, kept for the day on which an advisory appears.
//!
//! The index goes from advisory to package to image. Images with the same layers share one set of
//! packages, which is read once (per version of the analyser); every package in the same version is
//! in the index once, with the vulnerabilities that it has. When the database has changed, only the
//! packages about which it says something else than before are matched again.
//!
//! Start at [`Fleet`] for what there is, at [`Adder`] for how images get there, at [`Store`] for where it is kept, at
//! [`Fleet::rematch`] for what happens when advisories change. Nothing here reads a clock or a layer.

mod add;
mod affected;
mod compact;
mod format;
mod rematch;
mod store;

use cofferdam_finding::{Package, PackageKind, SourcePackage};

pub use add::{Added, Adder, set_key};
pub use affected::{AffectedImage, AffectedPackage, Incomplete, Listed, Rating};
pub use format::{FORMAT_VERSION, FormatError, MAX_FILE};
pub use rematch::{Change, Changes};
pub use store::{FleetError, Store, path_in, read};

/// What makes packages out of layers; what an older one found may lack something.
pub const ANALYSER: &str =
    concat!("cofferdam ", env!("CARGO_PKG_VERSION"), ", packages 1, languages 1");

/// The index: see the module. Numbers in it are places in its own lists, checked when it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    /// What the packages were last matched with.
    matched: Option<Matched>,
    strings: Vec<Box<str>>,
    topics: Vec<Topic>,
    components: Vec<Component>,
    sets: Vec<Set>,
    images: Vec<Entry>,
}

/// A database that packages were matched with.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Matched {
    /// Its checksum, in hexadecimal.
    pub checksum: String,
    /// Its generation.
    pub generation: u64,
    /// Date of its oldest source, `YYYY-MM-DD`.
    pub date: String,
}

/// A name of an ecosystem, which advisories may be about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Topic {
    /// Empty where nobody is known to publish advisories.
    ecosystem: u32,
    name: u32,
    /// The distribution whose advisories hold instead of these, wherever the database knows it.
    outweighed_by: Option<u32>,
    /// Of what the database said when its packages were matched.
    fingerprint: [u8; 16],
    /// Whether the database had anything about the ecosystem.
    covered: bool,
}

/// A package in one version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Component {
    topic: u32,
    kind: u32,
    name: u32,
    version: u32,
    source_name: u32,
    source_version: u32,
    module: Option<u32>,
    state: State,
}

/// What came out of matching a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    /// Whether it was matched at all.
    known: bool,
    /// Whether something about it could not be compared.
    undecided: bool,
    /// Vulnerabilities, each with the version that has the fix.
    vulnerabilities: Vec<(u32, Option<u32>)>,
}

/// What is installed in images that have the same layers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Set {
    /// Names layers and analyser: see [`set_key`].
    key: [u8; 32],
    analyser: u32,
    /// What the distribution calls itself; empty if there is none.
    os: u32,
    /// In rising order.
    components: Vec<u32>,
    /// What could not be looked at: rule, object, why.
    gaps: Vec<[u32; 3]>,
}

/// An image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    name: u32,
    digest: Option<u32>,
    platform: Option<u32>,
    /// Seconds since 1970.
    added: u64,
    set: u32,
}

/// The number of an element, in lists that hold far fewer than 2³² (the file is bounded).
fn index(number: usize) -> u32 {
    u32::try_from(number).expect("a list of the index has fewer than 2^32 elements")
}

/// The place of an element whose number was checked when the index was read.
fn place(number: u32) -> usize {
    usize::try_from(number).expect("usize has at least 32 bits")
}

impl Fleet {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// What the packages were last matched with.
    pub fn matched(&self) -> Option<&Matched> {
        self.matched.as_ref()
    }

    /// Number of packages: each version of each counts once.
    pub fn package_count(&self) -> usize {
        self.components.len()
    }

    /// Number of sets of packages that images share.
    pub fn set_count(&self) -> usize {
        self.sets.len()
    }

    fn text(&self, number: u32) -> &str {
        &self.strings[place(number)]
    }

    /// The number of a text, if the index has it.
    fn find_text(&self, text: &str) -> Option<u32> {
        self.strings.iter().position(|known| **known == *text).map(index)
    }

    /// A component as the matcher wants it.
    fn package(&self, component: &Component) -> Package {
        let text = |number| self.text(number).to_owned();
        let kind = self.text(component.kind);
        let kind = PackageKind::ALL.into_iter().find(|known| known.name() == kind);
        Package {
            kind: kind.unwrap_or(PackageKind::Generic),
            name: text(component.name),
            version: text(component.version),
            architecture: None,
            source: SourcePackage {
                name: text(component.source_name),
                version: text(component.source_version),
            },
            purl: String::new(),
            licenses: Vec::new(),
            module: component.module.map(text),
            location: String::new(),
            layer: None,
            owner: None,
            declared: false,
        }
    }
}
