//! OSV records (<https://ossf.github.io/osv-schema/>), as osv.dev publishes them by ecosystem.

mod events;
mod schema;
mod words;

use std::{collections::BTreeMap, path::Path};

use cofferdam_finding::Severity;

use super::{Advisory, Affected, FeedError, Tally, archive};
use crate::{database::Row, matching::canonical_name, version::Order};
use schema::{AffectedPackage, Record};

/// Reads every record of a zip archive, a zstd-compressed tar archive, a directory or a file, one
/// at a time, and hands those about `ecosystems` to `sink`. `Debian` takes all of its releases,
/// `Debian:12` one. Records about no ecosystem of these still come (without anything affected) if
/// they are about one CVE: its title and vectors serve advisories of others.
///
/// # Errors
/// If the feed cannot be read at all. Single records that cannot be understood are in the tally.
pub fn read(
    path: &Path,
    ecosystems: &[String],
    sink: &mut dyn FnMut(Advisory),
) -> Result<Tally, FeedError> {
    let mut tally = Tally::default();
    archive::each_json(path, &mut tally, &mut |name, bytes, tally| {
        tally.records += 1;
        match parse(bytes, ecosystems) {
            Ok(Parsed::Advisory(advisory)) => sink(*advisory),
            Ok(Parsed::Withdrawn) => tally.withdrawn += 1,
            Ok(Parsed::Irrelevant) => tally.irrelevant += 1,
            Err(why) => tally.broken(name, &why),
        }
    })?;
    Ok(tally)
}

/// What a record turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// An advisory about one of the ecosystems asked for, or about a CVE.
    Advisory(Box<Advisory>),
    /// Taken back by its publisher.
    Withdrawn,
    /// About something else, or about no vulnerability.
    Irrelevant,
}

/// Reads one record.
///
/// # Errors
/// If it is not a record as the schema has it: a sentence that says why.
pub fn parse(json: &[u8], ecosystems: &[String]) -> Result<Parsed, String> {
    let record: Record = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    if record.id.is_empty() || record.id.len() > 200 {
        return Err("its id is empty or too long".into());
    }
    if record.withdrawn.is_some() || words::is_taken_back(&record) {
        return Ok(Parsed::Withdrawn);
    }
    let about = about(&record);
    let direct = is_cve(&record.id) || own_record_of(&record.id).is_some();
    if about.is_empty() && fixes_no_vulnerability(&record.id) {
        return Ok(Parsed::Irrelevant);
    }
    let affected = affected(&record, ecosystems)?;
    if affected.is_empty() && !is_cve(&record.id) {
        return Ok(Parsed::Irrelevant);
    }
    let mut advisory = Advisory {
        about,
        direct,
        title: words::title(&record.summary, &record.details),
        titles: titles(&record),
        vectors: vectors(&record),
        rating: words::rating(&record),
        aliases: aliases(&record),
        references: words::references(&record),
        affected,
        id: record.id,
    };
    if advisory.affected.iter().any(|affected| is_language(&affected.ecosystem)) {
        merge_names(&mut advisory, &record.aliases);
    }
    Ok(Parsed::Advisory(Box::new(advisory)))
}

fn is_language(ecosystem: &str) -> bool {
    !matches!(
        Order::of_ecosystem(ecosystem),
        None | Some(Order::Debian | Order::Rpm | Order::Apk | Order::Alpm)
    )
}

/// Several databases have records of their own about one vulnerability of a language (`GHSA-…`,
/// `PYSEC-…`, `GO-…`, `RUSTSEC-…`). They become one under its CVE or, where it has none, under the
/// name that GitHub gives it; the others are its aliases.
fn merge_names(advisory: &mut Advisory, aliases: &[String]) {
    if advisory.about.len() > 1 {
        return;
    }
    let mut names: Vec<String> = aliases.iter().take(16).cloned().collect();
    names.push(advisory.id.clone());
    let own = advisory.id.clone();
    let rank = |name: &str| match name {
        _ if is_cve(name) => 0,
        _ if name.starts_with("GHSA-") => 1,
        _ if name == own => 2,
        _ => 3,
    };
    names.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
    names.dedup();
    advisory.id = names.remove(0);
    advisory.aliases = names;
    advisory.about = Vec::new();
    advisory.direct = true;
    // The rating is that of the vulnerability, and counts where nothing says it more precisely.
    let rating = advisory.rating.take().filter(|_| advisory.vectors.is_empty());
    for affected in &mut advisory.affected {
        affected.row.rating = affected.row.rating.or(rating);
    }
}

fn is_cve(id: &str) -> bool {
    id.starts_with("CVE-")
}

/// The CVE of which `DEBIAN-CVE-2024-1` is a distribution's own record.
fn own_record_of(id: &str) -> Option<&str> {
    let at = id.find("-CVE-")?;
    let publisher = &id[..at];
    publisher.bytes().all(|byte| byte.is_ascii_uppercase()).then_some(&id[at + 1..])
}

/// The CVEs that a record is about. AlmaLinux, Rocky, Red Hat and Debian name them as `related`
/// or, of late, as `upstream`; language ecosystems as `aliases`.
fn about(record: &Record) -> Vec<String> {
    if is_cve(&record.id) {
        return Vec::new();
    }
    if let Some(cve) = own_record_of(&record.id) {
        return vec![cve.to_owned()];
    }
    let cves = |ids: &[String]| -> Vec<String> {
        let mut cves: Vec<String> = ids.iter().filter(|id| is_cve(id)).cloned().collect();
        cves.sort();
        cves.dedup();
        cves
    };
    [&record.aliases, &record.upstream, &record.related]
        .into_iter()
        .map(|ids| cves(ids))
        .find(|cves| !cves.is_empty())
        .unwrap_or_default()
}

/// Bug fix and enhancement updates of the Red Hat family (`ALBA-…`, `RHEA-…`).
fn fixes_no_vulnerability(id: &str) -> bool {
    let kind = id.split('-').next().unwrap_or_default();
    kind.len() == 4 && (kind.ends_with("BA") || kind.ends_with("EA"))
}

fn aliases(record: &Record) -> Vec<String> {
    let mut aliases: Vec<String> =
        record.aliases.iter().filter(|id| !is_cve(id)).take(8).cloned().collect();
    let updates = ["DSA-", "DLA-"];
    let related = record.related.iter().filter(|id| updates.iter().any(|u| id.starts_with(u)));
    if is_cve(&record.id) {
        aliases.extend(related.take(8).cloned());
    }
    aliases
}

fn vectors(record: &Record) -> Vec<String> {
    let all = record.severity.iter().filter(|severity| severity.kind.starts_with("CVSS"));
    all.map(|severity| severity.score.clone()).filter(|v| v.len() <= 300).take(8).collect()
}

/// `* gupnp: allows DNS rebinding … (CVE-2021-33516)`, as the Red Hat family lists what it fixes.
fn titles(record: &Record) -> BTreeMap<String, String> {
    let mut titles = BTreeMap::new();
    for line in record.details.lines() {
        let Some(item) = line.trim_start().strip_prefix("* ") else { continue };
        let Some((title, ids)) = item.rsplit_once('(') else { continue };
        for id in ids.trim_end().trim_end_matches(')').split([',', ' ']).filter(|id| is_cve(id)) {
            titles.insert(id.to_owned(), words::shorten(title));
        }
    }
    titles
}

fn affected(record: &Record, ecosystems: &[String]) -> Result<Vec<Affected>, String> {
    let mut all = Vec::new();
    for affected in &record.affected {
        let Some(package) = &affected.package else { continue };
        let Some(ecosystem) = ecosystem(&package.ecosystem, ecosystems) else { continue };
        if package.name.is_empty() || package.name.len() > 300 {
            return Err("the name of a package is empty or too long".into());
        }
        if is_legacy(affected) && has_current(record, affected) {
            continue;
        }
        let order = Order::of_ecosystem(&ecosystem);
        let row = Row {
            ranges: events::ranges(affected, order)?,
            module: module(record, affected),
            rating: affected.ecosystem_specific.rating().or(affected.database_specific.rating()),
            support_ended: affected.ecosystem_specific.urgency == "end-of-life",
            stance: None,
        };
        let name = order.map_or(package.name.as_str().into(), |o| canonical_name(o, &package.name));
        let one = Affected { ecosystem, package: name.into_owned(), row };
        // The same package comes once for every repository that it is in.
        if !all.contains(&one) {
            all.push(one);
        }
    }
    Ok(all)
}

/// The ecosystem under which something is kept, if it is asked for. Red Hat's are repositories:
/// those of a release of Enterprise Linux become one; layered products and extended-support
/// releases are left out, since nothing in an image says that it follows them.
fn ecosystem(name: &str, wanted: &[String]) -> Option<String> {
    let kept = match name.strip_prefix("Red Hat:enterprise_linux:") {
        Some(rest) => {
            let major = rest.split([':', '.']).next()?;
            format!("Red Hat:enterprise_linux:{major}")
        }
        None if name.starts_with("Red Hat:") => return None,
        None => name.to_owned(),
    };
    let is_wanted = wanted.iter().any(|wanted| {
        kept.strip_prefix(wanted.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    });
    is_wanted.then_some(kept)
}

/// Rocky's records name the builds of past minor releases too, told apart only by their purl.
fn is_legacy(affected: &AffectedPackage) -> bool {
    affected.package.as_ref().is_some_and(|package| package.purl.contains("-legacy"))
}

fn has_current(record: &Record, legacy: &AffectedPackage) -> bool {
    let key = |affected: &AffectedPackage| {
        affected.package.as_ref().map(|p| (p.ecosystem.clone(), p.name.clone()))
    };
    record.affected.iter().any(|other| !is_legacy(other) && key(other) == key(legacy))
}

/// The module stream of a modular build. Records have it only in their summary (`Important:
/// nodejs:20 security update`), and the fact of it in versions (`….module_el8.9.0+…`).
fn module(record: &Record, affected: &AffectedPackage) -> Option<String> {
    let is_modular = affected.ranges.iter().flat_map(|range| &range.events).any(|event| {
        event.fixed.iter().chain(&event.last_affected).any(|version| version.contains(".module"))
    });
    is_modular.then(|| words::module_stream(&record.summary).unwrap_or_default())
}

impl schema::DatabaseSpecific {
    /// RustSec's advisories that are about no vulnerability
    /// (<https://github.com/rustsec/advisory-db#advisory-format>, "informational").
    fn rating(&self) -> Option<Severity> {
        Some(match self.informational.as_str() {
            "unmaintained" | "notice" => Severity::Info,
            "unsound" => Severity::Low,
            _ => return None,
        })
    }
}

impl schema::EcosystemSpecific {
    /// Debian's urgency: <https://security-team.debian.org/security_tracker.html>, "Severity
    /// levels". Unimportant means that no package that Debian ships is vulnerable in practice.
    fn rating(&self) -> Option<Severity> {
        Some(match self.urgency.as_str() {
            "unimportant" => Severity::Info,
            "low" => Severity::Low,
            "medium" => Severity::Medium,
            "high" => Severity::High,
            _ => return None,
        })
    }
}
