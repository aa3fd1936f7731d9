//! The match of single packages, for who keeps the answers: no texts, no report.

use cofferdam_finding::{Finding, Package, Rule};

use super::{Matches, Matching, advised, canonical_name, modules, present, verdict};
use crate::{
    database::{Database, DatabaseError, Ecosystem},
    version::Order,
};

/// What a database says about a package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The vulnerabilities that it has, in the database's order.
    pub vulnerabilities: Vec<Vulnerable>,
    /// Whether something about it could not be compared, so that there may be more.
    pub undecided: bool,
}

/// A vulnerability that a package has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vulnerable {
    /// `CVE-2024-5535`.
    pub id: String,
    /// The first version that does not have it; `None` if there is none yet.
    pub fixed: Option<String>,
}

/// The vulnerabilities of `package` by the advisories of `ecosystem`: those that
/// [`match_packages`](super::match_packages) makes findings of.
///
/// # Errors
/// If the database is damaged.
pub fn vulnerabilities(
    package: &Package,
    database: &Database,
    ecosystem: &Ecosystem<'_>,
) -> Result<Answer, DatabaseError> {
    let undecided = Answer { undecided: true, ..Answer::default() };
    let order = Order::of_ecosystem(ecosystem.name);
    let Some(order) = order.filter(|order| Some(*order) == Order::of_kind(package.kind)) else {
        return Ok(undecided);
    };
    let (name, version) = advised(package);
    let mut rows = ecosystem.rows(&canonical_name(order, name))?;
    if order.compare(version, version).is_err() {
        let matters = package.kind.is_of_distribution() || !rows.is_empty();
        return Ok(if matters { undecided } else { Answer::default() });
    }
    rows.retain(|row| modules::concerns(row.row.module, package));
    let judged = verdict::judge(database, &rows, version, order)?;
    let mut answer = Answer { undecided: !judged.not_comparable.is_empty(), ..Answer::default() };
    for (record, combined) in judged.states {
        let verdict::State::Affected { fixed, .. } = combined.state else { continue };
        let id = database.record(record)?.id.into_owned();
        answer.vulnerabilities.push(Vulnerable { id, fixed: fixed.map(str::to_owned) });
    }
    Ok(answer)
}

/// The name under which advisories of `ecosystem` speak of `package`.
pub fn advised_name(package: &Package, ecosystem: &str) -> String {
    let (name, _) = advised(package);
    match Order::of_ecosystem(ecosystem) {
        Some(order) => canonical_name(order, name).into_owned(),
        None => name.to_owned(),
    }
}

/// The findings about `packages`, all of one ecosystem, and the vulnerabilities that they name.
///
/// # Errors
/// If the database is damaged.
pub fn findings(
    packages: &[&Package],
    database: &Database,
    ecosystem: Ecosystem<'_>,
) -> Result<(Vec<Finding>, Vec<Rule>), DatabaseError> {
    let mut matches = Matches::default();
    let mut rules = std::collections::BTreeMap::new();
    let matching = Matching::of(packages, database, ecosystem)?;
    present::present(matching, &mut matches, &mut rules)?;
    Ok((matches.findings, rules.into_values().collect()))
}
