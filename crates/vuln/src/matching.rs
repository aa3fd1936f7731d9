//! Which vulnerabilities the installed packages have.
//!
//! Distributions publish advisories for source packages (Debian, Alpine) or for the packages that
//! are installed (the Red Hat family), languages for packages of their registries. Every package is looked up by the name that its ecosystem
//! uses, its version compared with the ranges of each advisory, and what all advisories say about
//! one vulnerability of a source package becomes one finding.

mod explain;
mod modules;
mod present;
mod severity;
mod upgrade;
mod verdict;
mod vulnerable;
mod why;

pub use explain::explain;
pub use upgrade::upgrades;
pub use vulnerable::{Answer, Vulnerable, advised_name, findings, vulnerabilities};
pub use why::{Consulted, Decision, Installed, Judgement, NotCompared, Why, why};

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use cofferdam_finding::{Finding, Gap, Package, PackageKind, Rule};
use time::Date;

use crate::{
    Inventory,
    database::{Database, DatabaseError, Ecosystem},
    language::python,
    rules::{ADVISORY_DATA_STALE, NO_ADVISORY_DATA, VERSION_NOT_COMPARABLE},
    version::Order,
};
use verdict::{Combined, State};

/// Days after which advisory data counts as stale: distributions publish every day.
pub const STALE_AFTER_DAYS: i64 = 30;

/// What came out of comparing an inventory with a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matches {
    /// One for every vulnerability of a source package, in order of both.
    pub findings: Vec<Finding>,
    /// The vulnerabilities that findings name.
    pub rules: Vec<Rule>,
    /// What could not be compared.
    pub gaps: Vec<Gap>,
    /// How many there are of each state.
    pub counts: Counts,
}

/// How many vulnerabilities of source packages are in which state. One counts once, however many
/// advisories name it and however many packages were built from the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Vulnerable, and a fixed version exists.
    pub affected: usize,
    /// Vulnerable, and none exists.
    pub unfixed: usize,
    /// Not vulnerable any more: the installed version has the fix.
    pub fixed: usize,
    /// Never vulnerable in this release, says the distribution.
    pub not_affected: usize,
}

/// Compares `inventory` with `database`. Reads nothing else; `today` decides whether data is stale.
///
/// Packages of a language that belong to a package of the distribution are not compared where the
/// database knows the distribution: what it says about its package holds, backports included.
///
/// # Errors
/// If the database is damaged. What cannot be compared is a gap, not an error.
pub fn match_packages(
    inventory: &Inventory,
    database: &Database,
    today: Date,
) -> Result<Matches, DatabaseError> {
    let mut matches = Matches::default();
    let mut rules = BTreeMap::new();
    let (own, languages): (Vec<&Package>, Vec<&Package>) =
        inventory.packages.iter().partition(|package| package.kind.is_of_distribution());
    let of_distribution = distribution_ecosystem(inventory, database, own.len(), &mut matches)?;
    let is_known = of_distribution.is_some();
    if let Some(ecosystem) = of_distribution {
        matches.gaps.extend(staleness(&ecosystem, today));
        let matching = Matching::of(&own, database, ecosystem)?;
        present::present(matching, &mut matches, &mut rules)?;
    }
    let mut by_kind: BTreeMap<PackageKind, Vec<&Package>> = BTreeMap::new();
    for package in languages.into_iter().filter(|package| package.owner.is_none() || !is_known) {
        by_kind.entry(package.kind).or_default().push(package);
    }
    for (kind, packages) in by_kind {
        let name = ecosystem_of(kind);
        let ecosystem = match name {
            Some(name) => database.ecosystem(name)?,
            None => None,
        };
        let Some(ecosystem) = ecosystem else {
            matches.gaps.push(no_data(name.unwrap_or(kind.name()), packages.len()));
            continue;
        };
        matches.gaps.extend(staleness(&ecosystem, today));
        let matching = Matching::of(&packages, database, ecosystem)?;
        present::present(matching, &mut matches, &mut rules)?;
    }
    matches.rules.extend(rules.into_values());
    Ok(matches)
}

/// The ecosystem of the distribution, where the database has it; a gap where it does not.
fn distribution_ecosystem<'a>(
    inventory: &Inventory,
    database: &'a Database,
    count: usize,
    matches: &mut Matches,
) -> Result<Option<Ecosystem<'a>>, DatabaseError> {
    // What the inventory could not find out, it says itself.
    let Some(distribution) = inventory.distribution.as_ref().filter(|_| count > 0) else {
        return Ok(None);
    };
    let name = distribution.ecosystem();
    let ecosystem = match &name {
        Some(name) => database.ecosystem(name)?,
        None => None,
    };
    if ecosystem.is_none() {
        let object = name.unwrap_or_else(|| distribution.pretty_name.clone());
        matches.gaps.push(no_data(&object, count));
    }
    Ok(ecosystem)
}

fn no_data(object: &str, count: usize) -> Gap {
    let why = format!(
        "the advisory database has nothing about it, so its {count} packages were not matched"
    );
    Gap { rule: NO_ADVISORY_DATA.into(), object: object.to_owned(), why }
}

/// The ecosystem of a language, as OSV spells it.
pub const fn ecosystem_of(kind: PackageKind) -> Option<&'static str> {
    Some(match kind {
        PackageKind::Npm => "npm",
        PackageKind::Pypi => "PyPI",
        PackageKind::Golang => "Go",
        PackageKind::Cargo => "crates.io",
        PackageKind::Maven => "Maven",
        PackageKind::Gem => "RubyGems",
        PackageKind::Composer => "Packagist",
        PackageKind::Nuget => "NuGet",
        PackageKind::Hex => "Hex",
        PackageKind::Pub => "Pub",
        PackageKind::Cran => "CRAN",
        PackageKind::Hackage => "Hackage",
        // Who publishes advisories for well-known programs by their own names and versions.
        PackageKind::Generic => "Bitnami",
        _ => return None,
    })
}

fn staleness(ecosystem: &Ecosystem<'_>, today: Date) -> Option<Gap> {
    let (source, age) = ecosystem
        .sources()
        .filter_map(|source| Some((source, source.age_days(today)?)))
        .min_by_key(|(_, age)| *age)?;
    (age > STALE_AFTER_DAYS).then(|| Gap {
        rule: ADVISORY_DATA_STALE.into(),
        object: ecosystem.name.to_owned(),
        why: format!(
            "the newest advisories ({}) are of {}, {age} days old: what was published since is \
             missing",
            source.name, source.date
        ),
    })
}

/// What all advisories say about the installed packages.
struct Matching<'a> {
    database: &'a Database,
    ecosystem: Ecosystem<'a>,
    /// By record of the vulnerability and name of the source package.
    states: BTreeMap<(u32, &'a str), Vec<(&'a Package, Combined<'a>)>>,
    gaps: BTreeSet<Gap>,
}

impl<'a> Matching<'a> {
    fn of(
        packages: &[&'a Package],
        database: &'a Database,
        ecosystem: Ecosystem<'a>,
    ) -> Result<Self, DatabaseError> {
        let mut matching =
            Self { database, ecosystem, states: BTreeMap::new(), gaps: BTreeSet::new() };
        let order = Order::of_ecosystem(ecosystem.name);
        for package in packages {
            match order.filter(|order| Some(*order) == Order::of_kind(package.kind)) {
                Some(order) => matching.look_up(package, order)?,
                None => {
                    matching.gaps.insert(foreign(package, ecosystem.name));
                }
            }
        }
        Ok(matching)
    }

    fn look_up(&mut self, package: &'a Package, order: Order) -> Result<(), DatabaseError> {
        let (name, version) = advised(package);
        let name = &*canonical_name(order, name);
        if let Err(error) = order.compare(version, version) {
            // A language's checkout without a version matters only if it is known for something.
            if package.kind.is_of_distribution() || !self.ecosystem.rows(name)?.is_empty() {
                self.gaps.insert(Gap {
                    rule: VERSION_NOT_COMPARABLE.into(),
                    object: format!("{name} {version}"),
                    why: error.to_string(),
                });
            }
            return Ok(());
        }
        let mut rows = self.ecosystem.rows(name)?;
        rows.retain(|row| modules::concerns(row.row.module, package));
        let judged = verdict::judge(self.database, &rows, version, order)?;
        for (record, error) in judged.not_comparable {
            self.gaps.insert(Gap {
                rule: VERSION_NOT_COMPARABLE.into(),
                object: format!("{record}: {name}"),
                why: error.to_string(),
            });
        }
        for (vulnerability, combined) in judged.states {
            let key = (vulnerability, package.source.name.as_str());
            self.states.entry(key).or_default().push((package, combined));
        }
        Ok(())
    }
}

/// The name and version that advisories of the package's kind speak of.
fn advised(package: &Package) -> (&str, &str) {
    match package.kind {
        PackageKind::Deb | PackageKind::Apk => (&package.source.name, &package.source.version),
        // PEP 440: a comparison with a version that has no local part takes no notice of one.
        PackageKind::Pypi => {
            let public = package.version.split('+').next().unwrap_or_default();
            (&package.name, public)
        }
        _ => (&package.name, &package.version),
    }
}

/// The name under which the database has a package: ecosystems in which different spellings are the
/// same have one here.
pub fn canonical_name(order: Order, name: &str) -> Cow<'_, str> {
    match order {
        Order::Python => python::normalised(name).into(),
        Order::NuGet | Order::Packagist => name.to_ascii_lowercase().into(),
        _ => name.into(),
    }
}

fn foreign(package: &Package, ecosystem: &str) -> Gap {
    Gap {
        rule: NO_ADVISORY_DATA.into(),
        object: format!("{} packages", package.kind.name()),
        why: format!("{ecosystem} publishes no advisories for packages of this kind"),
    }
}

impl Counts {
    fn add(&mut self, state: &State<'_>) {
        match state {
            State::Affected { fixed: Some(_), .. } => self.affected += 1,
            State::Affected { fixed: None, .. } => self.unfixed += 1,
            State::Fixed => self.fixed += 1,
            State::NotAffected => self.not_affected += 1,
        }
    }
}
