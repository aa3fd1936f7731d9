//! What is installed in a tree: its distribution and its packages.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use cofferdam_finding::{Gap, Package, PackageKind, SourcePackage};
use cofferdam_image::{Candidate, Interest, Tree};
use serde::{Deserialize, Serialize};

use crate::{
    language::{self, Extract, Found, Owners, may_be_owned},
    license::copyright,
    os::{self, Distribution},
    packages::{Contents, Problem, Record, apk, dpkg, rpm},
    purl,
    rules::{
        LANGUAGE_FILE_NOT_UNDERSTOOD, NO_PACKAGE_DATABASE, PACKAGE_DATABASE_DAMAGED,
        PACKAGE_DATABASE_NOT_READ,
    },
};

/// The facts that vulnerabilities are matched on, and what is missing from them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inventory {
    /// The distribution, if the tree says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<Distribution>,
    /// Installed packages, in order of kind, name, version, architecture and location.
    pub packages: Vec<Package>,
    /// What could not be looked at.
    pub gaps: Vec<Gap>,
}

const DPKG_STATUS: &str = "var/lib/dpkg/status";
const DPKG_STATUS_DIRECTORY: &str = "var/lib/dpkg/status.d";
const DPKG_UPDATES: &str = "var/lib/dpkg/updates";
/// Where dpkg keeps, for each package, the list of its files.
const DPKG_LISTS: &str = "var/lib/dpkg/info/";
/// Where apk-tools 3 keeps its database, then where apk-tools 2 does.
const APK_INSTALLED: [&str; 2] = ["usr/lib/apk/db/installed", "lib/apk/db/installed"];
/// Where rpm keeps its database: now, formerly, and in systems that ostree deploys.
const RPM_DIRECTORIES: [&str; 3] = ["usr/lib/sysimage/rpm", "var/lib/rpm", "usr/share/rpm"];
/// What it is called, the newest format first.
const RPM_FILES: [&str; 3] = ["rpmdb.sqlite", "Packages.db", "Packages"];
/// What the name of an SQLite database is followed by in that of its write-ahead log.
const LOG: &str = "-wal";

/// What distroless images may have beside the stanza of a package in `status.d`.
const NOT_A_STANZA: [&str; 9] = [
    ".md5sums",
    ".preinst",
    ".postinst",
    ".prerm",
    ".postrm",
    ".list",
    ".conffiles",
    ".triggers",
    ".shlibs",
];

/// The files that [`inventory`] reads.
pub fn interest() -> Interest {
    let logs = RPM_DIRECTORIES.map(|directory| format!("{directory}/{}{LOG}", RPM_FILES[0]));
    let files = os::files().chain([DPKG_STATUS]).chain(APK_INSTALLED).map(str::to_owned);
    Interest {
        files: files.chain(rpm_files()).chain(logs).collect(),
        directories: [DPKG_STATUS_DIRECTORY, DPKG_UPDATES].map(str::to_owned).into(),
        extractor: Some(language::EXTRACTOR),
    }
}

/// The inventory of a tree whose layers, the base first, have the digests `layers`.
pub fn inventory(tree: &Tree, layers: &[String]) -> Inventory {
    let (distribution, not_recognised) = os::detect(tree);
    let mut gaps: Vec<Gap> = Vec::new();
    let mut packages: Vec<Package> = Vec::new();
    let mut owners = Owners::default();
    for database in databases(tree, &mut gaps) {
        gaps.extend(database.contents.problems.iter().map(|problem| database.gap(problem)));
        let layer = layers.get(database.layer);
        for record in &database.contents.records {
            record.files.iter().for_each(|path| owners.add(path, &record.name));
            let package = package(&database, record, distribution.as_ref(), layer);
            packages.push(package);
        }
    }
    for (path, content, _) in tree.files_below(DPKG_STATUS_DIRECTORY) {
        sums(path, content, &mut owners);
    }
    let (found, licenses) = extracts(tree, &mut owners, &mut gaps);
    for package in packages.iter_mut().filter(|package| package.kind == PackageKind::Deb) {
        if let Some(found) = licenses.get(&package.name).filter(|_| package.licenses.is_empty()) {
            package.licenses.clone_from(found);
        }
    }
    languages(found, &owners, distribution.as_ref(), layers, &mut packages);
    let is_distribution = packages.iter().any(|package| package.kind.is_of_distribution());
    // What holds nothing but packages of languages is no distribution that was not recognised.
    let is_without_distribution = !packages.is_empty() && !is_distribution;
    gaps.extend(
        not_recognised.filter(|gap| !is_without_distribution || tree.file(&gap.object).is_some()),
    );
    if packages.is_empty() || (!is_distribution && distribution.is_some()) {
        gaps.push(Gap {
            rule: NO_PACKAGE_DATABASE.into(),
            object: "package database".into(),
            why: "no database of dpkg, apk or rpm that lists a package was found".into(),
        });
    }
    packages.sort_by(|a, b| order(a).cmp(&order(b)));
    packages.dedup_by(|later, earlier| {
        let key = |package: &Package| {
            let location = Some(package.location.clone());
            let of_language = location.filter(|_| !package.kind.is_of_distribution());
            (package.kind, package.architecture.clone(), of_language)
        };
        later.name == earlier.name && later.version == earlier.version && key(later) == key(earlier)
    });
    gaps.sort();
    gaps.dedup();
    Inventory { distribution, packages, gaps }
}

/// Licences by the name of a package of the distribution.
type Licenses = BTreeMap<String, Vec<String>>;

/// What files of languages say, with their paths and layers, and what files of copyright say; notes
/// who owns what.
fn extracts(
    tree: &Tree,
    owners: &mut Owners,
    gaps: &mut Vec<Gap>,
) -> (Vec<(String, usize, Found)>, Licenses) {
    // A file that was read for being a second name of another was kept whole.
    let whole = tree.files().filter_map(|(path, content, layer)| {
        let candidate = Candidate { path, size: content.len() as u64, mode: 0 };
        let extract = language::extract(&candidate, &mut &**content).ok()?;
        Some((path, layer, extract))
    });
    let kept = tree.extracts().map(|(path, bytes, layer)| {
        let extract = serde_json::from_slice(bytes).unwrap_or_else(|error| {
            let mut extract = Extract::default();
            extract.problem("extract", error.to_string());
            extract
        });
        (path, layer, extract)
    });
    let (mut all, mut licenses) = (Vec::new(), Licenses::new());
    for (path, layer, extract) in kept.chain(whole) {
        if let Some(package) = copyright::package(path) {
            licenses.insert(package.to_owned(), extract.licenses);
        }
        gaps.extend(extract.problems.into_iter().map(|problem| Gap {
            rule: LANGUAGE_FILE_NOT_UNDERSTOOD.into(),
            object: format!("{path}: {}", problem.place),
            why: problem.why,
        }));
        if let Some(package) = path.strip_prefix(DPKG_LISTS).and_then(|p| p.strip_suffix(".list")) {
            let package = package.split(':').next().unwrap_or(package);
            extract.owned.iter().for_each(|path| owners.add(path, package));
        }
        all.extend(extract.packages.into_iter().map(|found| (path.to_owned(), layer, found)));
    }
    (all, licenses)
}

/// Distroless images list the files of a package with their sums beside its stanza.
fn sums(path: &str, content: &[u8], owners: &mut Owners) {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some(package) = name.strip_suffix(".md5sums") else { return };
    for line in String::from_utf8_lossy(content).lines() {
        if let Some((_, path)) = line.split_once("  ").filter(|(_, path)| may_be_owned(path)) {
            owners.add(path, package);
        }
    }
}

/// Adds packages of languages. What a lock file names is left out where it is installed.
fn languages(
    found: Vec<(String, usize, Found)>,
    owners: &Owners,
    distribution: Option<&Distribution>,
    layers: &[String],
    to: &mut Vec<Package>,
) {
    let installed: BTreeSet<(PackageKind, String, String)> = found
        .iter()
        .filter(|(.., found)| !found.declared)
        .map(|(.., found)| (found.kind, found.name.clone(), found.version.clone()))
        .collect();
    for (path, layer, found) in found {
        let key = (found.kind, found.name.clone(), found.version.clone());
        if found.declared && installed.contains(&key) {
            continue;
        }
        let owner = owners.of(&path).cloned();
        // A program that the distribution owns is one of its packages, and not another one.
        if found.kind == PackageKind::Generic && owner.is_some() {
            continue;
        }
        let (_, name, version) = key;
        to.push(Package {
            kind: found.kind,
            purl: match found.kind.is_of_distribution() {
                true => {
                    let record = Record {
                        name: name.clone(),
                        version: version.clone(),
                        ..Record::default()
                    };
                    purl::of(found.kind, distribution, &record)
                }
                false => purl::of_language(found.kind, &name, &version),
            },
            source: SourcePackage { name: name.clone(), version: version.clone() },
            name,
            version,
            architecture: None,
            licenses: found.licenses,
            module: None,
            owner,
            location: found.inner.map_or(path.clone(), |inner| format!("{path}!/{inner}")),
            layer: layers.get(layer).cloned(),
            declared: found.declared,
        });
    }
}

fn order(package: &Package) -> (PackageKind, &str, &str, Option<&str>, &str) {
    let architecture = package.architecture.as_deref();
    (package.kind, &package.name, &package.version, architecture, &package.location)
}

/// A package database that was read.
struct Database {
    kind: PackageKind,
    location: String,
    layer: usize,
    contents: Contents,
}

impl Database {
    fn gap(&self, problem: &Problem) -> Gap {
        Gap {
            rule: PACKAGE_DATABASE_DAMAGED.into(),
            object: format!("{}: {}", self.location, problem.place),
            why: problem.why.clone(),
        }
    }
}

fn databases(tree: &Tree, gaps: &mut Vec<Gap>) -> Vec<Database> {
    let mut found = dpkg_databases(tree, gaps);
    found.extend(apk_databases(tree));
    found.extend(rpm_database(tree, gaps));
    found
}

fn dpkg_databases(tree: &Tree, gaps: &mut Vec<Gap>) -> Vec<Database> {
    let database = |location: &str, layer, content: &[u8], form| Database {
        kind: PackageKind::Deb,
        location: location.into(),
        layer,
        contents: dpkg::parse(content, form),
    };
    let status = tree
        .file(DPKG_STATUS)
        .map(|(content, layer)| database(DPKG_STATUS, layer, content, dpkg::Form::Status));
    let stanzas = tree
        .files_below(DPKG_STATUS_DIRECTORY)
        .filter(|(path, ..)| !NOT_A_STANZA.iter().any(|suffix| path.ends_with(suffix)))
        .map(|(path, content, layer)| database(path, layer, content, dpkg::Form::StatusDirectory));
    let updates = tree.files_below(DPKG_UPDATES).filter(|(_, content, _)| !content.is_empty());
    gaps.extend(updates.map(|(path, ..)| Gap {
        rule: PACKAGE_DATABASE_NOT_READ.into(),
        object: path.into(),
        why: "an interrupted run of dpkg left changes that are not merged into its status".into(),
    }));
    status.into_iter().chain(stanzas).collect()
}

fn apk_databases(tree: &Tree) -> Vec<Database> {
    let mut seen: Vec<&Arc<[u8]>> = Vec::new();
    let mut found = Vec::new();
    for location in APK_INSTALLED {
        let Some((content, layer)) = tree.file(location) else { continue };
        // One path is a link to the other.
        if seen.iter().any(|earlier| Arc::ptr_eq(earlier, content)) {
            continue;
        }
        seen.push(content);
        let contents = apk::parse(content);
        found.push(Database { kind: PackageKind::Apk, location: location.into(), layer, contents });
    }
    found
}

/// The files that can be rpm's database, in order of preference.
fn rpm_files() -> impl Iterator<Item = String> {
    RPM_FILES.into_iter().flat_map(|file| {
        RPM_DIRECTORIES.into_iter().map(move |directory| format!("{directory}/{file}"))
    })
}

/// The one database of rpm that counts: the first that has packages. Others that have are gaps.
fn rpm_database(tree: &Tree, gaps: &mut Vec<Gap>) -> Option<Database> {
    let mut seen: Vec<&Arc<[u8]>> = Vec::new();
    let mut found: Vec<Database> = Vec::new();
    for location in rpm_files() {
        let Some((content, layer)) = tree.file(&location) else { continue };
        if content.is_empty() || seen.iter().any(|earlier| Arc::ptr_eq(earlier, content)) {
            continue;
        }
        seen.push(content);
        let log = tree.file(&format!("{location}{LOG}")).map(|(log, _)| &**log);
        let contents = rpm::parse(content, log);
        found.push(Database { kind: PackageKind::Rpm, location, layer, contents });
    }
    let chosen = found.iter().position(|database| !database.contents.records.is_empty());
    let chosen = (!found.is_empty()).then(|| found.swap_remove(chosen.unwrap_or(0)))?;
    found.retain(|other| !other.contents.records.is_empty() || !other.contents.problems.is_empty());
    gaps.extend(found.into_iter().map(|other| Gap {
        rule: PACKAGE_DATABASE_NOT_READ.into(),
        why: format!("{} counts instead of it", chosen.location),
        object: other.location,
    }));
    Some(chosen)
}

fn package(
    database: &Database,
    record: &Record,
    distribution: Option<&Distribution>,
    layer: Option<&String>,
) -> Package {
    Package {
        kind: database.kind,
        name: record.name.clone(),
        version: record.version.clone(),
        architecture: record.architecture.clone(),
        source: record.source.clone().unwrap_or_else(|| SourcePackage {
            name: record.name.clone(),
            version: record.version.clone(),
        }),
        purl: purl::of(database.kind, distribution, record),
        licenses: record.licenses.clone(),
        module: record.module.clone(),
        location: database.location.clone(),
        layer: layer.cloned(),
        owner: None,
        declared: false,
    }
}
