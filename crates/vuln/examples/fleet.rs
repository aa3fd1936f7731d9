//! A fleet of invented images out of the names and versions of a database, for measuring.
//!
//! `fleet DATABASE.cdb DATA_DIRECTORY [IMAGES]`
//!
//! Every image is one of sixty bases of a distribution, with packages of languages of its own.
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::{error::Error, path::Path, time::Instant};

use cofferdam_finding::{Package, PackageKind, SourcePackage};
use cofferdam_vuln::{
    Distribution, Inventory,
    database::{Database, DatabaseError, End},
    fleet::{Added, Store},
    matching::ecosystem_of,
};

const BASES: usize = 60;
const PACKAGES_OF_BASE: usize = 180;
const PACKAGES_OF_APPLICATION: usize = 120;

/// Numbers that look random and are the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound.max(1)).unwrap_or(1);
        usize::try_from((number ^ (number >> 31)) % bound).unwrap_or(0)
    }
}

/// Names of an ecosystem with versions that are just fixed, and so perhaps too old for others.
fn versions(database: &Database, ecosystem: &str) -> Result<Vec<(String, String)>, DatabaseError> {
    let Some(ecosystem) = database.ecosystem(ecosystem)? else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for name in ecosystem.package_names()? {
        for row in ecosystem.rows(name)?.into_iter().take(3) {
            let ends = row.row.ranges.iter().filter_map(|range| match range.end {
                End::Fixed(version) | End::LastAffected(version) => Some(version),
                End::Open => None,
            });
            all.extend(ends.take(1).map(|version| (name.to_owned(), version.to_owned())));
        }
    }
    Ok(all)
}

fn package(kind: PackageKind, (name, version): &(String, String)) -> Package {
    Package {
        kind,
        name: name.clone(),
        version: version.clone(),
        architecture: None,
        source: SourcePackage { name: name.clone(), version: version.clone() },
        purl: format!("pkg:{}/{name}@{version}", kind.name()),
        licenses: Vec::new(),
        module: None,
        location: "usr".into(),
        layer: None,
        owner: None,
        declared: false,
    }
}

fn bases(database: &Database, numbers: &mut Numbers) -> Result<Vec<Inventory>, DatabaseError> {
    let releases = [
        ("debian", "11", "Debian:11", PackageKind::Deb),
        ("debian", "12", "Debian:12", PackageKind::Deb),
        ("debian", "13", "Debian:13", PackageKind::Deb),
        ("alpine", "3.20.0", "Alpine:v3.20", PackageKind::Apk),
        ("almalinux", "9", "AlmaLinux:9", PackageKind::Rpm),
    ];
    let mut bases = Vec::new();
    for number in 0..BASES {
        let (id, version, ecosystem, kind) = releases[number % releases.len()];
        let known = versions(database, ecosystem)?;
        let packages = (0..PACKAGES_OF_BASE.min(known.len()))
            .map(|_| package(kind, &known[numbers.below(known.len())]))
            .collect();
        let distribution = Distribution {
            id: id.into(),
            version_id: Some(version.into()),
            pretty_name: format!("{id} {version}"),
            ..Distribution::default()
        };
        bases.push(Inventory { distribution: Some(distribution), packages, gaps: Vec::new() });
    }
    Ok(bases)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, directory, rest @ ..] = arguments.as_slice() else {
        return Err("usage: fleet DATABASE.cdb DATA_DIRECTORY [IMAGES]".into());
    };
    let count = rest.first().map_or(Ok(10_000), |count| count.parse::<usize>())?;
    let database = Database::open(Path::new(database))?;
    let mut numbers = Numbers(1);
    let bases = bases(&database, &mut numbers)?;
    let languages = [PackageKind::Npm, PackageKind::Pypi, PackageKind::Golang, PackageKind::Maven];
    let mut known = Vec::new();
    for kind in languages {
        known.push((kind, versions(&database, ecosystem_of(kind).unwrap_or_default())?));
    }
    let store = Store::lock(Path::new(directory))?;
    let mut fleet = store.load()?;
    let mut adder = fleet.adder();
    for number in 0..count {
        let mut inventory = bases[numbers.below(bases.len())].clone();
        let (kind, known) = &known[numbers.below(known.len())];
        for _ in 0..PACKAGES_OF_APPLICATION.min(known.len()) {
            inventory.packages.push(package(*kind, &known[numbers.below(known.len())]));
        }
        let name = format!("registry.example/team-{}/app-{number}:1", number % 100);
        let image = Added {
            name: name.clone(),
            digest: None,
            platform: Some("linux/amd64".into()),
            added: 0,
        };
        adder.add(&image, &[name], &inventory)?;
    }
    let start = Instant::now();
    let changes = fleet.rematch(&database)?;
    let matched = start.elapsed();
    println!(
        "{} images, {} packages in one version each, {} matched in {matched:.1?}",
        fleet.len(),
        fleet.package_count(),
        changes.packages_matched
    );
    store.save(fleet)?;
    Ok(())
}
