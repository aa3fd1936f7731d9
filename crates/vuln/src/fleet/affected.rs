//! Questions to the index.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::{Package, Severity};

use super::{
    ANALYSER, Component, Entry, Fleet, Set, place,
    rematch::{kind_of, subject},
};
use crate::{
    database::{Database, DatabaseError},
    matching::findings,
};

/// An image of the index.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Listed {
    /// What the user calls it.
    pub name: String,
    /// Digest of its manifest.
    pub digest: Option<String>,
    /// `linux/amd64`.
    pub platform: Option<String>,
    /// What its distribution calls itself.
    pub os: Option<String>,
    /// When it was added, in seconds since 1970.
    #[serde(skip)]
    pub added: u64,
    /// Packages, each version of each source counting once for each package built from it.
    pub packages: usize,
    /// Vulnerabilities of source packages.
    pub vulnerabilities: usize,
    /// Of those, how many a newer package fixes.
    pub fixable: usize,
    /// What was not looked at or could not be compared; empty if nothing.
    pub incomplete: Vec<String>,
    /// Whether an earlier version of the program read its layers: adding it again reads them anew.
    pub outdated: bool,
}

/// An image that has a vulnerability.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AffectedImage {
    /// What the user calls it.
    pub name: String,
    /// Digest of its manifest.
    pub digest: Option<String>,
    /// `linux/amd64`.
    pub platform: Option<String>,
    /// What of it has the vulnerability.
    pub packages: Vec<AffectedPackage>,
}

/// A package that has a vulnerability.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct AffectedPackage {
    /// Name.
    pub name: String,
    /// Installed version.
    pub version: String,
    /// The ecosystem whose advisories say so.
    pub ecosystem: String,
    /// As scans name it: of a distribution the source package, of a language `npm:NAME`.
    pub subject: String,
    /// The first version that does not have it; `None` if there is none yet.
    pub fixed_version: Option<String>,
}

/// What a scan says of a vulnerability.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rating {
    /// One line.
    pub title: String,
    /// How severe it is.
    pub severity: Severity,
}

/// An image about which not everything is known.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Incomplete {
    /// What the user calls it.
    pub name: String,
    /// What is not known.
    pub why: Vec<String>,
}

impl Fleet {
    /// The images, in order of name and platform.
    pub fn list(&self) -> Vec<Listed> {
        let mut list: Vec<Listed> = self.images.iter().map(|entry| self.listed(entry)).collect();
        list.sort_by(|a, b| (&a.name, &a.platform).cmp(&(&b.name, &b.platform)));
        list
    }

    fn listed(&self, entry: &Entry) -> Listed {
        let set = &self.sets[place(entry.set)];
        let mut found = BTreeMap::new();
        for component in self.components_of(set) {
            let subject = (kind_of(self, component), component.source_name);
            for (id, fixed) in &component.state.vulnerabilities {
                *found.entry((*id, subject)).or_insert(false) |= fixed.is_some();
            }
        }
        let text = |number: u32| self.text(number).to_owned();
        Listed {
            name: text(entry.name),
            digest: entry.digest.map(text),
            platform: entry.platform.map(text),
            os: Some(text(set.os)).filter(|os| !os.is_empty()),
            added: entry.added,
            packages: set.components.len(),
            vulnerabilities: found.len(),
            fixable: found.values().filter(|fixable| **fixable).count(),
            incomplete: self.incomplete(set),
            outdated: self.text(set.analyser) != ANALYSER,
        }
    }

    fn components_of(&self, set: &Set) -> impl Iterator<Item = &Component> {
        set.components.iter().map(|number| &self.components[place(*number)])
    }

    /// What is not known of a set.
    fn incomplete(&self, set: &Set) -> Vec<String> {
        let text = |number: u32| self.text(number);
        let gaps = set.gaps.iter().map(|[rule, object, why]| {
            format!("{} ({}): {}", text(*object), text(*rule), text(*why))
        });
        let mut uncovered = BTreeSet::new();
        let mut undecided = BTreeSet::new();
        for component in self.components_of(set) {
            let topic = &self.topics[place(component.topic)];
            if !topic.covered {
                let ecosystem = text(topic.ecosystem);
                let kind = text(component.kind);
                uncovered.insert(if ecosystem.is_empty() { kind } else { ecosystem });
            }
            if component.state.undecided {
                undecided.insert((text(component.name), text(component.version)));
            }
        }
        let uncovered = uncovered
            .into_iter()
            .map(|ecosystem| format!("{ecosystem}: the advisory database has nothing about it"));
        let undecided = undecided
            .into_iter()
            .map(|(name, version)| format!("{name} {version}: it could not be compared"));
        gaps.chain(uncovered).chain(undecided).collect()
    }

    /// Whether some package has the vulnerability `id`, or once had.
    pub fn mentions(&self, id: &str) -> bool {
        let Some(id) = self.find_text(id) else { return false };
        self.components.iter().any(|component| component.state.has(id))
    }

    /// The images that have the vulnerability `id`, in order of name and platform.
    pub fn affected(&self, id: &str) -> Vec<AffectedImage> {
        let Some(id) = self.find_text(id) else { return Vec::new() };
        let has: Vec<bool> = self.components.iter().map(|one| one.state.has(id)).collect();
        let mut affected = Vec::new();
        for entry in &self.images {
            let components = self.sets[place(entry.set)].components.iter();
            let components = components.filter(|number| has[place(**number)]);
            let packages: BTreeSet<AffectedPackage> = components
                .filter_map(|number| self.affected_package(&self.components[place(*number)], id))
                .collect();
            if packages.is_empty() {
                continue;
            }
            let text = |number: u32| self.text(number).to_owned();
            affected.push(AffectedImage {
                name: text(entry.name),
                digest: entry.digest.map(text),
                platform: entry.platform.map(text),
                packages: packages.into_iter().collect(),
            });
        }
        affected.sort_by(|a, b| (&a.name, &a.platform).cmp(&(&b.name, &b.platform)));
        affected
    }

    fn affected_package(&self, component: &Component, id: u32) -> Option<AffectedPackage> {
        let (_, fixed) = component.state.vulnerabilities.iter().find(|(known, _)| *known == id)?;
        let text = |number: u32| self.text(number).to_owned();
        Some(AffectedPackage {
            name: text(component.name),
            version: text(component.version),
            ecosystem: text(self.topics[place(component.topic)].ecosystem),
            subject: subject(self, kind_of(self, component), component.source_name),
            fixed_version: fixed.map(text),
        })
    }

    /// The images about which not everything is known, so that they may have more vulnerabilities
    /// than is known of.
    pub fn incomplete_images(&self) -> Vec<Incomplete> {
        let whys: Vec<Vec<String>> = self.sets.iter().map(|set| self.incomplete(set)).collect();
        let images = self.images.iter().filter(|entry| !whys[place(entry.set)].is_empty());
        let mut all: Vec<Incomplete> = images
            .map(|entry| Incomplete {
                name: self.text(entry.name).to_owned(),
                why: whys[place(entry.set)].clone(),
            })
            .collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Titles and severities of the vulnerabilities `ids`, as scans of the images would say, by
    /// vulnerability and subject. What nothing of the index has is not in it.
    ///
    /// # Errors
    /// If the database is damaged.
    pub fn rate(
        &self,
        ids: &BTreeSet<&str>,
        database: &Database,
    ) -> Result<BTreeMap<(String, String), Rating>, DatabaseError> {
        let mut rated: BTreeMap<(String, String), Rating> = BTreeMap::new();
        for (ecosystem, packages) in self.examples(ids) {
            let Some(ecosystem) = database.ecosystem(self.text(ecosystem))? else { continue };
            let packages: Vec<&Package> = packages.iter().collect();
            let (found, _) = findings(&packages, database, ecosystem)?;
            for finding in found.into_iter().filter(|one| ids.contains(one.rule.as_ref())) {
                let key = (finding.rule.into_owned(), finding.subject);
                let rating = Rating { title: finding.title, severity: finding.severity };
                let known = rated.entry(key).or_insert_with(|| rating.clone());
                known.severity = known.severity.max(rating.severity);
            }
        }
        Ok(rated)
    }

    /// By ecosystem, a package of every name for every one of the vulnerabilities that it has.
    fn examples(&self, ids: &BTreeSet<&str>) -> BTreeMap<u32, Vec<Package>> {
        let numbers = (0..).zip(&self.strings).filter(|(_, text)| ids.contains(&***text));
        let numbers: BTreeSet<u32> = numbers.map(|(number, _)| number).collect();
        let mut seen = BTreeSet::new();
        let mut by_ecosystem: BTreeMap<u32, Vec<Package>> = BTreeMap::new();
        for component in &self.components {
            let ids = component.state.vulnerabilities.iter().map(|(id, _)| *id);
            let mut is_new = false;
            for id in ids.filter(|id| numbers.contains(id)) {
                is_new |= seen.insert((component.topic, component.source_name, id));
            }
            if is_new {
                let ecosystem = self.topics[place(component.topic)].ecosystem;
                by_ecosystem.entry(ecosystem).or_default().push(self.package(component));
            }
        }
        by_ecosystem
    }
}

impl super::State {
    fn has(&self, id: u32) -> bool {
        self.vulnerabilities.iter().any(|(known, _)| *known == id)
    }
}
