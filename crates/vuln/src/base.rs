//! Base images: which one an image was built from, what came from it, and what a newer one would change.
//!
//! An image begins with the layers of its base, digest for digest. So whoever knows the layers of base
//! images can tell, offline, from which of them an image was built, and whether that one is the newest.
//! Of each base the packages are kept as well: the package database of an image lies in whichever layer
//! wrote it last, and does not say what was there before.
//!
//! Start at [`find`] for the base of an image, at [`Origins`] for what came from it, at [`exchange`] for
//! what a newer one would change, at [`store`](mod@store) for where bases are kept.

pub mod store;

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::{Finding, Package};
use serde::{Deserialize, Serialize};

use crate::Inventory;

/// A base image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// What it is called: `debian:12`. Newer images of one name follow older ones.
    pub name: String,
    /// Digest of its manifest.
    pub digest: String,
    /// `linux/amd64`.
    pub platform: String,
    /// When it was built, RFC 3339, if it says so.
    pub created: Option<String>,
    /// When it was added, in seconds since 1970.
    pub added: u64,
    /// Diff ids of its layers, the first one first.
    pub layers: Vec<String>,
}

impl Base {
    /// When it was built or else added, for telling which is newer.
    fn age(&self) -> (&str, u64) {
        (self.created.as_deref().unwrap_or_default(), self.added)
    }
}

/// The bases that an image with these layers was built from: those with the longest chain that it
/// begins with. Several, if one image has several names.
pub fn find<'a>(bases: &'a [Base], layers: &[String]) -> Vec<&'a Base> {
    let fits = |base: &&Base| !base.layers.is_empty() && layers.starts_with(&base.layers);
    let longest = bases.iter().filter(fits).map(|base| base.layers.len()).max();
    bases.iter().filter(fits).filter(|base| Some(base.layers.len()) == longest).collect()
}

/// The newest image that has the name of `base`, if that is another one.
pub fn newer<'a>(bases: &'a [Base], base: &Base) -> Option<&'a Base> {
    let same = |other: &&Base| other.name == base.name && other.platform == base.platform;
    let newest = bases.iter().filter(same).max_by(|a, b| a.age().cmp(&b.age()))?;
    (newest.layers != base.layers && newest.age() > base.age()).then_some(newest)
}

/// Where a package came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It is in the base as it is here.
    Base,
    /// It is in the base in another version.
    Changed,
    /// It is not in the base.
    Own,
}

/// What tells a package from others of the same name; where it lies matters for languages.
fn key(package: &Package) -> (&str, &str, Option<&str>, &str) {
    let place = if package.kind.is_of_distribution() { "" } else { package.location.as_str() };
    (package.kind.name(), &package.name, package.architecture.as_deref(), place)
}

/// Where the packages of an image came from.
#[derive(Debug)]
pub struct Origins<'a> {
    base: BTreeMap<(&'a str, &'a str, Option<&'a str>, &'a str), BTreeSet<&'a str>>,
}

impl<'a> Origins<'a> {
    /// By the packages of the base.
    pub fn new(base: &'a Inventory) -> Self {
        let mut versions: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
        for package in &base.packages {
            versions.entry(key(package)).or_default().insert(&package.version);
        }
        Self { base: versions }
    }

    /// Where a package of the image came from.
    pub fn of(&self, package: &Package) -> Origin {
        match self.base.get(&key(package)) {
            Some(versions) if versions.contains(package.version.as_str()) => Origin::Base,
            Some(_) => Origin::Changed,
            None => Origin::Own,
        }
    }

    /// Where a finding came from: from the base if every package that has it did.
    pub fn of_finding(&self, finding: &Finding, packages: &[Package]) -> Origin {
        let evidence = finding.evidence.iter().filter_map(|evidence| evidence.package.as_ref());
        let concerned: BTreeSet<(&str, &str)> =
            evidence.map(|package| (package.purl.as_str(), package.version.as_str())).collect();
        let found = packages.iter().filter(|package| {
            concerned.contains(&(package.purl.as_str(), package.version.as_str()))
        });
        found.map(|package| self.of(package)).max().unwrap_or(Origin::Own)
    }
}

/// The image as it would be on a newer base: what came from the old base as it was is replaced by what
/// is in the new one, what was added or changed stays.
pub fn exchange(image: &Inventory, old: &Inventory, new: &Inventory) -> Inventory {
    let origins = Origins::new(old);
    let mut packages: Vec<Package> = image
        .packages
        .iter()
        .filter(|package| origins.of(package) != Origin::Base)
        .cloned()
        .collect();
    let kept: BTreeSet<_> = packages.iter().map(owned_key).collect();
    let brought = new.packages.iter().filter(|package| !kept.contains(&owned_key(package)));
    packages.extend(brought.cloned());
    Inventory {
        distribution: new.distribution.clone().or_else(|| image.distribution.clone()),
        packages,
        gaps: image.gaps.clone(),
    }
}

fn owned_key(package: &Package) -> (String, String, Option<String>, String) {
    let (kind, name, architecture, place) = key(package);
    (kind.to_owned(), name.to_owned(), architecture.map(str::to_owned), place.to_owned())
}
