//! What to upgrade: of each package the smallest version that closes most.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use cofferdam_finding::{Finding, Package, Status, Upgrade};

use super::{
    advised, canonical_name, distribution_ecosystem, ecosystem_of, modules, present, verdict,
    verdict::State,
};
use crate::{
    Inventory,
    database::{Database, DatabaseError, Ecosystem, PackageRow},
    matching::Matches,
    version::Order,
};

/// Versions that are tried for a package, the newest of those that records name.
const MOST_VERSIONS: usize = 64;

/// Subject, installed version, version to upgrade to.
type Key = (String, String, Option<String>);

/// For every package with open findings, the version that closes most of them, and brings least.
/// The most useful first: by what is exploited, then by how many findings are closed.
///
/// # Errors
/// If the database is damaged.
pub fn upgrades(
    inventory: &Inventory,
    database: &Database,
    findings: &[Finding],
) -> Result<Vec<Upgrade>, DatabaseError> {
    let own = inventory.packages.iter().filter(|package| package.kind.is_of_distribution()).count();
    let of_distribution =
        distribution_ecosystem(inventory, database, own, &mut Matches::default())?;
    let mut all: BTreeMap<Key, (Upgrade, BTreeSet<String>)> = BTreeMap::new();
    for case in cases(inventory, findings) {
        let package = case.packages[0];
        let ecosystem = match package.kind.is_of_distribution() {
            true => of_distribution,
            false => match ecosystem_of(package.kind) {
                Some(name) => database.ecosystem(name)?,
                None => None,
            },
        };
        let order = Order::of_kind(package.kind);
        let Some((ecosystem, order)) = ecosystem.zip(order) else { continue };
        let upgrade = case.upgrade(database, ecosystem, order)?;
        let key = (upgrade.subject.clone(), upgrade.installed.clone(), upgrade.to.clone());
        // Packages of an RPM are looked up by name, and one source has several.
        let (known, names) = all.entry(key).or_insert_with(|| (upgrade.clone(), BTreeSet::new()));
        known.closes = union(&known.closes, &upgrade.closes);
        known.leaves = union(&known.leaves, &upgrade.leaves);
        known.brings = union(&known.brings, &upgrade.brings);
        names.extend(case.packages.iter().map(|package| package.name.clone()));
        let command = present::command(package.kind).filter(|_| known.to.is_some());
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        known.command = command.map(|command| format!("{command} {}", names.join(" ")));
    }
    let exploited: BTreeSet<&str> = findings
        .iter()
        .filter(|finding| finding.exploited().is_some())
        .map(|finding| finding.rule.as_ref())
        .collect();
    let mut upgrades: Vec<Upgrade> = all.into_values().map(|(upgrade, _)| upgrade).collect();
    for upgrade in &mut upgrades {
        let closes = upgrade.closes.iter();
        upgrade.exploited = closes.filter(|id| exploited.contains(id.as_str())).count();
    }
    upgrades.sort_by(|a, b| {
        let useful = |one: &Upgrade| (one.exploited, one.closes.len());
        useful(b)
            .cmp(&useful(a))
            .then_with(|| (&a.subject, &a.installed, &a.to).cmp(&(&b.subject, &b.installed, &b.to)))
    });
    Ok(upgrades)
}

fn union(a: &[String], b: &[String]) -> Vec<String> {
    a.iter().chain(b).collect::<BTreeSet<_>>().into_iter().cloned().collect()
}

/// Packages that advisories know by one name, in one version, and what is open of them.
struct Case<'a> {
    subject: &'a str,
    name: &'a str,
    version: &'a str,
    packages: Vec<&'a Package>,
    open: BTreeSet<&'a str>,
}

fn cases<'a>(inventory: &'a Inventory, findings: &'a [Finding]) -> Vec<Case<'a>> {
    let mut by_purl: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in &inventory.packages {
        by_purl.entry(&package.purl).or_default().push(package);
    }
    let mut cases: BTreeMap<(&str, &str, &str), Case<'a>> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.status == Status::Fail) {
        let purls: BTreeSet<&str> = finding
            .evidence
            .iter()
            .filter_map(|evidence| Some(evidence.package.as_ref()?.purl.as_str()))
            .collect();
        for package in purls.iter().filter_map(|purl| by_purl.get(purl)).flatten() {
            let (name, version) = advised(package);
            let case = cases.entry((&finding.subject, name, version)).or_insert_with(|| Case {
                subject: &finding.subject,
                name,
                version,
                packages: Vec::new(),
                open: BTreeSet::new(),
            });
            if !case.packages.iter().any(|known| known.name == package.name) {
                case.packages.push(package);
            }
            case.open.insert(&finding.rule);
        }
    }
    cases.into_values().collect()
}

impl Case<'_> {
    fn upgrade(
        &self,
        database: &Database,
        ecosystem: Ecosystem<'_>,
        order: Order,
    ) -> Result<Upgrade, DatabaseError> {
        let name = canonical_name(order, self.name);
        let mut rows = ecosystem.rows(&name)?;
        rows.retain(|row| modules::concerns(row.row.module, self.packages[0]));
        let now = affected(database, &rows, self.version, order)?;
        let mut best: Option<Try<'_>> = None;
        for version in candidates(&rows, self.version, order) {
            let then = affected(database, &rows, version, order)?;
            let closes = self.open.iter().filter(|id| !then.contains(**id)).count();
            let brings = then.difference(&now).count();
            let attempt = Try { version, closes, brings, then };
            let is_better = |best: &Try<'_>| attempt.closes_more(best);
            if attempt.closes > 0 && best.as_ref().is_none_or(is_better) {
                best = Some(attempt);
            }
        }
        let then = best.as_ref().map_or(&now, |best| &best.then);
        let (leaves, closes): (Vec<&str>, Vec<&str>) = match &best {
            Some(best) => self.open.iter().copied().partition(|id| best.then.contains(*id)),
            None => (self.open.iter().copied().collect(), Vec::new()),
        };
        let texts = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
        Ok(Upgrade {
            subject: self.subject.to_owned(),
            installed: self.version.to_owned(),
            closes: texts(closes),
            leaves: texts(leaves),
            brings: then.difference(&now).cloned().collect(),
            to: best.map(|best| best.version.to_owned()),
            exploited: 0,
            command: None,
        })
    }
}

/// A version that was tried.
struct Try<'a> {
    version: &'a str,
    closes: usize,
    brings: usize,
    then: BTreeSet<String>,
}

impl Try<'_> {
    /// Whether it leaves less than a smaller version does.
    fn closes_more(&self, smaller: &Self) -> bool {
        let gain = |one: &Self| one.closes.checked_sub(one.brings);
        match gain(self).cmp(&gain(smaller)) {
            Ordering::Equal => self.brings < smaller.brings,
            ordering => ordering.is_gt(),
        }
    }
}

/// The vulnerabilities that a version has.
fn affected(
    database: &Database,
    rows: &[PackageRow<'_>],
    version: &str,
    order: Order,
) -> Result<BTreeSet<String>, DatabaseError> {
    let judged = verdict::judge(database, rows, version, order)?;
    let mut ids = BTreeSet::new();
    for (vulnerability, combined) in judged.states {
        if matches!(combined.state, State::Affected { .. }) {
            ids.insert(database.record(vulnerability)?.id.into_owned());
        }
    }
    Ok(ids)
}

/// The versions that records name as fixed and that are newer than `installed`, in their order.
fn candidates<'a>(rows: &[PackageRow<'a>], installed: &str, order: Order) -> Vec<&'a str> {
    let fixed = rows.iter().flat_map(|row| &row.row.ranges).filter_map(|range| match range.end {
        crate::database::End::Fixed(fixed) => Some(fixed),
        _ => None,
    });
    let is_newer =
        |version: &&str| order.compare(version, installed).is_ok_and(|side| side.is_gt());
    let distinct: BTreeSet<&str> = fixed.filter(is_newer).collect();
    let mut versions: Vec<&str> = distinct.into_iter().collect();
    versions.sort_by(|a, b| order.compare(a, b).unwrap_or(Ordering::Equal));
    versions.split_off(versions.len().saturating_sub(MOST_VERSIONS))
}
