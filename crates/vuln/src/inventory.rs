//! What is installed in a tree: its distribution and its packages.

use std::sync::Arc;

use cofferdam_finding::{Gap, Package, PackageKind, SourcePackage};
use cofferdam_image::{Interest, Tree};
use serde::{Deserialize, Serialize};

use crate::{
    os::{self, Distribution},
    packages::{Contents, Problem, Record, apk, dpkg, rpm},
    purl,
    rules::{NO_PACKAGE_DATABASE, PACKAGE_DATABASE_DAMAGED, PACKAGE_DATABASE_NOT_READ},
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
    }
}

/// The inventory of a tree whose layers, the base first, have the digests `layers`.
pub fn inventory(tree: &Tree, layers: &[String]) -> Inventory {
    let (distribution, gap) = os::detect(tree);
    let mut gaps: Vec<Gap> = gap.into_iter().collect();
    let mut packages: Vec<Package> = Vec::new();
    for database in databases(tree, &mut gaps) {
        gaps.extend(database.contents.problems.iter().map(|problem| database.gap(problem)));
        let layer = layers.get(database.layer);
        for record in &database.contents.records {
            let package = package(&database, record, distribution.as_ref(), layer);
            packages.push(package);
        }
    }
    if packages.is_empty() {
        gaps.push(Gap {
            rule: NO_PACKAGE_DATABASE.into(),
            object: "package database".into(),
            why: "no database of dpkg, apk or rpm that lists a package was found".into(),
        });
    }
    packages.sort_by(|a, b| order(a).cmp(&order(b)));
    packages.dedup_by(|later, earlier| {
        (later.kind, &later.name, &later.version, &later.architecture)
            == (earlier.kind, &earlier.name, &earlier.version, &earlier.architecture)
    });
    gaps.sort();
    gaps.dedup();
    Inventory { distribution, packages, gaps }
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
    }
}
