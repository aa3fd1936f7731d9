//! What the database knows about one vulnerability, whatever is installed.

use std::collections::{BTreeMap, BTreeSet};

use cofferdam_finding::{Explanation, Reference, Rule, Severity, Topic};

use super::{
    present::versions,
    severity::{Opinions, choose},
};
use crate::database::{Database, DatabaseError, Ecosystem, Text};

/// Lines about packages that are listed.
const SHOWN: usize = 40;

/// The rule of the vulnerability (or advisory) `id`, in any case; `None` if the database has none.
/// Reads every row of the database: tens of milliseconds.
///
/// # Errors
/// If the database is damaged.
pub fn explain(database: &Database, id: &str) -> Result<Option<Rule>, DatabaseError> {
    let Some(record) = find(database, id)? else { return Ok(None) };
    let id = database.record(record)?.id.into_owned();
    let text = database.texts().get(record)?;
    let mut said = Vec::new();
    let mut of_package = None;
    for ecosystem in database.ecosystems()? {
        of_package = of_package.max(packages(database, &ecosystem, record, &mut said)?);
    }
    let vectors = text.vectors.iter().map(String::as_str).collect();
    let (severity, rated) =
        choose(&Opinions { of_package, vectors, rater: "the distribution", ..Opinions::default() });
    let title = if text.title.is_empty() { id.clone() } else { text.title.clone() };
    Ok(Some(Rule {
        title: title.clone().into(),
        severity,
        topic: Topic::Vulnerability,
        explain: Explanation {
            what: format!("{title}\n\n{}", listing(&said)).into(),
            why: format!("The vulnerability is {rated}.{}", attacks(database, record)?).into(),
            fix: "Upgrade the package to a version that is not affected and build the image \
                  again. Where there is none yet, see the references for a workaround, remove the \
                  package if nothing needs it, or write a waiver that says why it does not matter."
                .into(),
        },
        references: references(&id, &text).into(),
        id: id.into(),
    }))
}

/// By id, else by another name. Ids are in upper case, but for those of databases that mix (`GHSA-xxxx`).
pub(super) fn find(database: &Database, id: &str) -> Result<Option<u32>, DatabaseError> {
    if let Some(record) = database.find_record(id)? {
        return Ok(Some(record));
    }
    match database.find_record(&id.to_uppercase())? {
        Some(record) => Ok(Some(record)),
        None => database.find_alias(id),
    }
}

/// Adds a line for the packages of the ecosystem of which the record, or an advisory about it, says
/// the same; the worst rating of them. An update of an RPM distribution names hundreds at once.
fn packages(
    database: &Database,
    ecosystem: &Ecosystem<'_>,
    record: u32,
    said: &mut Vec<String>,
) -> Result<Option<Severity>, DatabaseError> {
    let mut worst = None;
    let mut names: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for package in ecosystem.package_names()? {
        for row in ecosystem.rows(package)? {
            if row.record == record || database.record(row.record)?.about.contains(&record) {
                worst = worst.max(row.row.rating);
                names.entry(versions(&row.row)).or_default().insert(package);
            }
        }
    }
    for (versions, names) in names {
        let versions = if versions.is_empty() { "not affected" } else { &versions };
        let shortest = names.iter().min_by_key(|name| name.len()).copied().unwrap_or_default();
        let others = match names.len() {
            1 => String::new(),
            count => format!(" and {} more packages", count - 1),
        };
        said.push(format!("{} {shortest}{others}: {versions}", ecosystem.name));
    }
    Ok(worst)
}

/// What is known of attacks, in sentences.
fn attacks(database: &Database, record: u32) -> Result<String, DatabaseError> {
    let mut text = String::new();
    let Some(threat) = database.threat(record)? else { return Ok(text) };
    if let Some(exploited) = threat.exploited {
        text.push_str(&format!(
            " It is known to be exploited: in CISA's catalogue since {}{}.",
            exploited.since,
            if exploited.ransomware { ", and used by ransomware" } else { "" }
        ));
    }
    if let Some(epss) = threat.epss {
        text.push_str(&format!(
            " EPSS gives it a probability of {} of being exploited within 30 days, more than {} \
             of all vulnerabilities.",
            epss.probability.percent(),
            epss.percentile.percent()
        ));
    }
    Ok(text)
}

fn listing(said: &[String]) -> String {
    if said.is_empty() {
        return "The database names no package that it affects.".to_owned();
    }
    let mut text = String::from("Affected versions:");
    for line in said.iter().take(SHOWN) {
        text.push_str("\n- ");
        text.push_str(line);
    }
    if said.len() > SHOWN {
        text.push_str(&format!("\n- and {} more", said.len() - SHOWN));
    }
    text
}

fn references(id: &str, text: &Text) -> Vec<Reference> {
    let reference = |system: &str, id: &str| Reference {
        system: system.to_owned().into(),
        id: id.to_owned().into(),
    };
    let cve = id.starts_with("CVE-").then(|| reference("CVE", id));
    let aliases = text.aliases.iter().map(|alias| reference("alias", alias));
    let urls = text.references.iter().map(|url| reference("URL", url));
    cve.into_iter().chain(aliases).chain(urls).collect()
}
