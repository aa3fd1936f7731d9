//! Why a package has a vulnerability, or has it not: every record that was looked at, what it says
//! about the installed version, and which of them decided.

use std::collections::BTreeSet;

use cofferdam_finding::Package;
use serde::Serialize;

use super::{
    Database, DatabaseError, Ecosystem, advised, canonical_name, distribution_ecosystem,
    ecosystem_of, explain::find, modules, present::versions, verdict,
};
use crate::{
    Inventory,
    database::{End, PackageRow},
    matching::{
        Matches,
        verdict::{Combined, Judged, State},
    },
    version::Order,
};

/// Names of packages that a note lists.
const NAMES_TOLD: usize = 10;

/// The answer to the question why something is, or is not, reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Why {
    /// What was asked for: a vulnerability by any of its names, or a package.
    pub asked: String,
    /// The vulnerability that is meant, under its own name; none if a package is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vulnerability: Option<String>,
    /// Its other names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// What was decided, by package.
    pub judgements: Vec<Judgement>,
    /// Packages that were compared with nothing, and why.
    pub not_compared: Vec<NotCompared>,
    /// What else there is to know, in sentences.
    pub notes: Vec<String>,
}

/// What was decided about a vulnerability and an installed package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The vulnerability.
    pub vulnerability: String,
    /// The installed package.
    pub package: Installed,
    /// What a report calls it: the subject of the finding.
    pub subject: String,
    /// Name under which advisories speak of the package.
    pub name: String,
    /// Version that was compared with theirs.
    pub version: String,
    /// Ecosystem in which it was looked up.
    pub ecosystem: String,
    /// How versions are ordered.
    pub order: &'static str,
    /// The outcome.
    pub decision: Decision,
    /// Version that has the fix, for what is affected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixed_version: Option<String>,
    /// Every record about it.
    pub records: Vec<Consulted>,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Package URL.
    pub purl: String,
    /// The file that says that it is installed.
    pub location: String,
}

/// What is the case with a vulnerability of a package, or what one record says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The installed version is vulnerable.
    Affected,
    /// It has the fix.
    Fixed,
    /// It never was vulnerable.
    NotAffected,
    /// The versions cannot be compared: a gap.
    NotComparable,
    /// The record is about another module stream.
    OtherStream,
}

impl Decision {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Affected => "affected",
            Self::Fixed => "fixed",
            Self::NotAffected => "not affected",
            Self::NotComparable => "not comparable",
            Self::OtherStream => "another module stream",
        }
    }
}

/// A record that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consulted {
    /// Its id in the feed.
    pub record: String,
    /// The sources that have records of this ecosystem, with the date of their data.
    pub sources: Vec<String>,
    /// The affected versions.
    pub range: String,
    /// What it says about the version.
    pub says: Decision,
    /// Whether it had a part in the decision.
    pub counts: bool,
    /// Why it says so, and why it does not count.
    pub because: String,
}

/// A package that was compared with nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotCompared {
    /// Package URL.
    pub purl: String,
    /// Why.
    pub why: String,
}

/// Why `asked`, a vulnerability or a package of the inventory, is or is not in the report.
///
/// # Errors
/// If the database is damaged.
pub fn why(inventory: &Inventory, database: &Database, asked: &str) -> Result<Why, DatabaseError> {
    let record = find(database, asked)?;
    let mut answer = Why { asked: asked.to_owned(), ..Why::default() };
    if let Some(record) = record {
        answer.vulnerability = Some(database.record(record)?.id.into_owned());
        answer.aliases = database.texts().get(record)?.aliases;
    }
    let own = inventory.packages.iter().filter(|package| package.kind.is_of_distribution()).count();
    let of_distribution =
        distribution_ecosystem(inventory, database, own, &mut Matches::default())?;
    let meant = match record {
        Some(record) => database.record(record)?.about,
        None => Vec::new(),
    };
    let asked_for = Asked { record, meant, name: asked };
    let mut ecosystems = BTreeSet::new();
    for package in &inventory.packages {
        if record.is_none() && !asked_for.names(package) {
            continue;
        }
        let ecosystem = match package.kind.is_of_distribution() {
            true => of_distribution,
            false => ecosystem_of(package.kind)
                .map(|name| database.ecosystem(name))
                .transpose()?
                .flatten(),
        };
        ecosystems.extend(ecosystem.map(|ecosystem| ecosystem.name));
        let place = Place { package, ecosystem, is_known: of_distribution.is_some() };
        place.explain(database, &asked_for, &mut answer)?;
    }
    answer.judgements.sort_by(|a, b| {
        let key = |one: &Judgement| (one.decision, one.vulnerability.clone(), one.subject.clone());
        key(a).cmp(&key(b)).then_with(|| a.package.purl.cmp(&b.package.purl))
    });
    answer.not_compared.sort();
    answer.not_compared.dedup();
    notes(database, &asked_for, &ecosystems, &mut answer)?;
    Ok(answer)
}

/// What is meant.
struct Asked<'a> {
    record: Option<u32>,
    /// The vulnerabilities that the record is about.
    meant: Vec<u32>,
    name: &'a str,
}

impl Asked<'_> {
    /// Whether a package is asked for.
    fn names(&self, package: &Package) -> bool {
        let bare = self.name.split_once(':').map_or(self.name, |(kind, name)| {
            if kind == package.kind.name() { name } else { self.name }
        });
        [&package.name, &package.source.name, &package.purl]
            .into_iter()
            .any(|name| name.eq_ignore_ascii_case(bare) || name == self.name)
    }

    /// Whether a row is about what is asked for.
    fn concerns(&self, database: &Database, row: &PackageRow<'_>) -> Result<bool, DatabaseError> {
        let Some(record) = self.record else { return Ok(true) };
        let about = database.record(row.record)?.about;
        Ok(row.record == record || about.iter().any(|one| self.meant.contains(one)))
    }
}

/// A package and where it is looked up.
struct Place<'a> {
    package: &'a Package,
    ecosystem: Option<Ecosystem<'a>>,
    /// Whether the database knows the distribution.
    is_known: bool,
}

impl<'a> Place<'a> {
    fn explain(
        &self,
        database: &'a Database,
        asked: &Asked<'_>,
        answer: &mut Why,
    ) -> Result<(), DatabaseError> {
        let mut not_compared = |why: String| {
            answer.not_compared.push(NotCompared { purl: self.package.purl.clone(), why });
        };
        let Some(ecosystem) = self.ecosystem else {
            // With a vulnerability in mind, every package without data would be one too many.
            if asked.record.is_none() {
                not_compared("the database has nothing about its ecosystem".to_owned());
            }
            return Ok(());
        };
        let order = Order::of_ecosystem(ecosystem.name);
        let Some(order) = order.filter(|order| Some(*order) == Order::of_kind(self.package.kind))
        else {
            not_compared(format!("{} has no advisories for packages of its kind", ecosystem.name));
            return Ok(());
        };
        let (name, version) = advised(self.package);
        let name = canonical_name(order, name);
        let mut rows = Vec::new();
        for row in ecosystem.rows(&name)? {
            if asked.concerns(database, &row)? {
                rows.push(row);
            }
        }
        if let Some(owner) = self.package.owner.as_ref().filter(|_| self.is_known) {
            if asked.record.is_none() || !rows.is_empty() {
                not_compared(format!(
                    "it belongs to the package {owner} of the distribution, whose advisories decide"
                ));
            }
            return Ok(());
        }
        if rows.is_empty() {
            if asked.record.is_none() {
                not_compared(format!("no record of {} names {name}", ecosystem.name));
            }
            return Ok(());
        }
        let compared = Compared { place: self, database, ecosystem, order, name: &name, version };
        compared.explain(&rows, asked, answer)
    }

    fn subject(&self) -> String {
        let source = &self.package.source.name;
        match self.package.kind.is_of_distribution() {
            true => source.clone(),
            false => format!("{}:{source}", self.package.kind.name()),
        }
    }
}

/// A package that is compared with the rows about it.
struct Compared<'a, 'b> {
    place: &'b Place<'a>,
    database: &'a Database,
    ecosystem: Ecosystem<'a>,
    order: Order,
    name: &'b str,
    version: &'b str,
}

impl<'a> Compared<'a, '_> {
    fn explain(
        &self,
        rows: &[PackageRow<'a>],
        asked: &Asked<'_>,
        answer: &mut Why,
    ) -> Result<(), DatabaseError> {
        let concerns =
            |row: &&PackageRow<'_>| modules::concerns(row.row.module, self.place.package);
        let in_stream: Vec<PackageRow<'a>> = rows.iter().filter(concerns).cloned().collect();
        let judged = verdict::judge(self.database, &in_stream, self.version, self.order)?;
        let mut vulnerabilities = BTreeSet::new();
        for row in rows {
            vulnerabilities.extend(self.database.record(row.record)?.about);
        }
        vulnerabilities.retain(|one| asked.record.is_none() || asked.meant.contains(one));
        for vulnerability in vulnerabilities {
            let judgement = self.judgement(vulnerability, rows, &judged)?;
            answer.judgements.push(judgement);
        }
        Ok(())
    }

    fn judgement(
        &self,
        vulnerability: u32,
        rows: &[PackageRow<'a>],
        judged: &Judged<'a>,
    ) -> Result<Judgement, DatabaseError> {
        let combined = judged.states.get(&vulnerability);
        let mut records = Vec::new();
        for row in rows {
            let record = self.database.record(row.record)?;
            if record.about.contains(&vulnerability) {
                records.push(self.consulted(row, record.direct, combined)?);
            }
        }
        let fixed_version = match combined.map(|combined| &combined.state) {
            Some(State::Affected { fixed: Some(fixed), .. }) => Some((*fixed).to_owned()),
            _ => None,
        };
        let package = self.place.package;
        Ok(Judgement {
            vulnerability: self.database.record(vulnerability)?.id.into_owned(),
            package: Installed {
                name: package.name.clone(),
                version: package.version.clone(),
                purl: package.purl.clone(),
                location: package.location.clone(),
            },
            subject: self.place.subject(),
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            ecosystem: self.ecosystem.name.to_owned(),
            order: self.order.name(),
            decision: match combined {
                Some(combined) => decision(&combined.state),
                None if records.iter().any(|one| one.says == Decision::NotComparable) => {
                    Decision::NotComparable
                }
                None => Decision::OtherStream,
            },
            fixed_version,
            records,
        })
    }

    fn consulted(
        &self,
        row: &PackageRow<'a>,
        direct: bool,
        combined: Option<&Combined<'a>>,
    ) -> Result<Consulted, DatabaseError> {
        let (says, mut because) = self.says(row);
        let record = self.database.record(row.record)?.id.into_owned();
        let counts = combined.is_some_and(|combined| combined.records.contains(&row.record))
            && !matches!(says, Decision::NotComparable | Decision::OtherStream);
        if let Some(combined) = combined.filter(|_| !counts) {
            let decisive = self.database.record(combined.decisive)?;
            let decider = &decisive.id;
            let why = match decisive.direct && !direct {
                true => format!("{decider} is about this vulnerability alone, and decides"),
                false => format!("{decider} outweighs it"),
            };
            because = format!("{because}; {why}");
        }
        let sources = self.ecosystem.sources();
        Ok(Consulted {
            record,
            sources: sources.map(|source| format!("{} of {}", source.name, source.date)).collect(),
            range: match versions(&row.row) {
                none if none.is_empty() => "no version".to_owned(),
                range => range,
            },
            says,
            counts,
            because,
        })
    }

    /// What a row says about the version, and why.
    fn says(&self, row: &PackageRow<'a>) -> (Decision, String) {
        let version = self.version;
        if !modules::concerns(row.row.module, self.place.package) {
            let installed = self.place.package.module.as_deref().unwrap_or("none");
            let stream = row.row.module.unwrap_or("none");
            let why = format!("it is about module stream '{stream}', installed is '{installed}'");
            return (Decision::OtherStream, why);
        }
        match verdict::state(&row.row, version, self.order) {
            Err(error) => (Decision::NotComparable, error.to_string()),
            Ok(state @ State::Affected { .. }) => {
                (decision(&state), format!("{version} is in the range"))
            }
            Ok(State::Fixed) => {
                let fixed = row.row.ranges.iter().rev().find_map(|range| match range.end {
                    End::Fixed(fixed) => Some(fixed),
                    _ => None,
                });
                let fixed = fixed.unwrap_or_default();
                (Decision::Fixed, format!("{version} is not older than {fixed}, which has the fix"))
            }
            Ok(State::NotAffected) if row.row.ranges.is_empty() => {
                (Decision::NotAffected, "it says that no version is affected".to_owned())
            }
            Ok(State::NotAffected) => {
                (Decision::NotAffected, format!("{version} is outside of the range"))
            }
        }
    }
}

fn decision(state: &State<'_>) -> Decision {
    match state {
        State::Affected { .. } => Decision::Affected,
        State::Fixed => Decision::Fixed,
        State::NotAffected => Decision::NotAffected,
    }
}

/// Says what no package could be asked for.
fn notes(
    database: &Database,
    asked: &Asked<'_>,
    looked_up: &BTreeSet<&str>,
    answer: &mut Why,
) -> Result<(), DatabaseError> {
    if asked.record.is_none() {
        if answer.judgements.is_empty() && answer.not_compared.is_empty() {
            answer.notes.push(format!(
                "the database has no vulnerability '{0}', and no installed package is called {0}; \
                 its oldest data is of {1}",
                asked.name,
                database.header().date()
            ));
        }
        return Ok(());
    }
    let mut elsewhere = Vec::new();
    for ecosystem in database.ecosystems()? {
        let mut names = Vec::new();
        for name in ecosystem.package_names()? {
            for row in ecosystem.rows(name)? {
                if asked.concerns(database, &row)? && names.last() != Some(&name) {
                    names.push(name);
                }
            }
        }
        if names.is_empty() {
            continue;
        }
        if !looked_up.contains(ecosystem.name) {
            elsewhere.push(ecosystem.name);
        } else if !answer.judgements.iter().any(|one| one.ecosystem == ecosystem.name) {
            answer.notes.push(format!(
                "in {} it is known of {}: none of that was compared here",
                ecosystem.name,
                listed(&names)
            ));
        }
    }
    let silent = looked_up.iter().filter(|name| {
        !answer.judgements.iter().any(|one| one.ecosystem == **name)
            && !answer.notes.iter().any(|note| note.starts_with(&format!("in {name} it is known")))
    });
    let silent: Vec<&str> = silent.copied().collect();
    if !silent.is_empty() {
        answer.notes.push(format!(
            "no record about it names a package of {}; no record does not mean not affected",
            listed(&silent)
        ));
    }
    if !elsewhere.is_empty() {
        answer.notes.push(format!("it is also known in {}", listed(&elsewhere)));
    }
    Ok(())
}

fn listed(names: &[&str]) -> String {
    let told = names.iter().take(NAMES_TOLD).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}
