//! Which vulnerabilities the installed packages have.
//!
//! Distributions publish advisories for source packages (Debian, Alpine) or for the packages that
//! are installed (the Red Hat family). Every package is looked up by the name that its ecosystem
//! uses, its version compared with the ranges of each advisory, and what all advisories say about
//! one vulnerability of a source package becomes one finding.

mod explain;
mod modules;
mod present;
mod severity;
mod verdict;

pub use explain::explain;

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::{Finding, Gap, Package, PackageKind, Rule};
use time::Date;

use crate::{
    Inventory,
    database::{Database, DatabaseError, Ecosystem},
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
/// # Errors
/// If the database is damaged. What cannot be compared is a gap, not an error.
pub fn match_packages(
    inventory: &Inventory,
    database: &Database,
    today: Date,
) -> Result<Matches, DatabaseError> {
    let mut matches = Matches::default();
    // What the inventory could not find out, it says itself.
    let Some(distribution) = &inventory.distribution else { return Ok(matches) };
    if inventory.packages.is_empty() {
        return Ok(matches);
    }
    let name = distribution.ecosystem();
    let ecosystem = match &name {
        Some(name) => database.ecosystem(name)?,
        None => None,
    };
    let Some(ecosystem) = ecosystem else {
        let object = name.unwrap_or_else(|| distribution.pretty_name.clone());
        let why = format!(
            "the advisory database has nothing about it, so its {} packages were not matched",
            inventory.packages.len()
        );
        matches.gaps.push(Gap { rule: NO_ADVISORY_DATA.into(), object, why });
        return Ok(matches);
    };
    matches.gaps.extend(staleness(&ecosystem, today));
    let matching = Matching::of(&inventory.packages, database, ecosystem)?;
    present::present(matching, &mut matches)?;
    Ok(matches)
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
        packages: &'a [Package],
        database: &'a Database,
        ecosystem: Ecosystem<'a>,
    ) -> Result<Self, DatabaseError> {
        let mut matching =
            Self { database, ecosystem, states: BTreeMap::new(), gaps: BTreeSet::new() };
        let order = Order::of_ecosystem(ecosystem.name);
        for package in packages {
            if order == Some(Order::of_kind(package.kind)) {
                matching.look_up(package)?;
            } else {
                matching.gaps.insert(foreign(package, ecosystem.name));
            }
        }
        Ok(matching)
    }

    fn look_up(&mut self, package: &'a Package) -> Result<(), DatabaseError> {
        let (name, version) = advised(package);
        let order = Order::of_kind(package.kind);
        if let Err(error) = order.compare(version, version) {
            self.gaps.insert(Gap {
                rule: VERSION_NOT_COMPARABLE.into(),
                object: format!("{name} {version}"),
                why: error.to_string(),
            });
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
        PackageKind::Rpm => (&package.name, &package.version),
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
