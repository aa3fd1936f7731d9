//! What advisories say about one version of one package.

use std::{cmp::Ordering, collections::BTreeMap};

use crate::{
    database::{Database, DatabaseError, End, PackageRow, Range, Row, Vulnerability},
    version::{Order, VersionError},
};

/// What is the case with a vulnerability of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State<'a> {
    /// The version is vulnerable.
    Affected {
        /// First version that is not; `None` if there is none yet.
        fixed: Option<&'a str>,
        /// The fix is known only as "after this version".
        last_affected: Option<&'a str>,
    },
    /// The version has the fix.
    Fixed,
    /// No version of the release was ever vulnerable, or only later or earlier ones.
    NotAffected,
}

/// The state that all records about a vulnerability amount to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Combined<'a> {
    pub(super) state: State<'a>,
    /// The record that decided.
    pub(super) decisive: u32,
    /// What it says.
    pub(super) row: Row<&'a str>,
    /// All records that say the same state, for their ratings and references.
    pub(super) records: Vec<u32>,
}

/// What was found out about a package.
#[derive(Debug, Default)]
pub(super) struct Judged<'a> {
    /// By record of the vulnerability.
    pub(super) states: BTreeMap<u32, Combined<'a>>,
    /// Advisories whose own versions cannot be compared, by id.
    pub(super) not_comparable: Vec<(String, VersionError)>,
}

/// Judges `version` by all rows about a package.
pub(super) fn judge<'a>(
    database: &'a Database,
    rows: &[PackageRow<'a>],
    version: &str,
    order: Order,
) -> Result<Judged<'a>, DatabaseError> {
    let mut judged = Judged::default();
    let mut opinions: BTreeMap<u32, Vec<Opinion<'a>>> = BTreeMap::new();
    for row in rows {
        let record = database.record(row.record)?;
        match state(&row.row, version, order) {
            Err(error) => judged.not_comparable.push((record.id.into_owned(), error)),
            Ok(state) => {
                let Vulnerability { about, direct, .. } = record;
                for vulnerability in about {
                    let row = row.clone();
                    let opinion = Opinion { state: state.clone(), direct, row };
                    opinions.entry(vulnerability).or_default().push(opinion);
                }
            }
        }
    }
    judged.states = opinions
        .into_iter()
        .filter_map(|(vulnerability, all)| Some((vulnerability, combine(all, order)?)))
        .collect();
    Ok(judged)
}

struct Opinion<'a> {
    state: State<'a>,
    direct: bool,
    row: PackageRow<'a>,
}

/// A record of the vulnerability itself outweighs updates that mention it. Among equals one that
/// says "vulnerable" outweighs the rest (a first fix may have been incomplete), and of several
/// fixed versions it takes the last.
fn combine<'a>(mut opinions: Vec<Opinion<'a>>, order: Order) -> Option<Combined<'a>> {
    if opinions.iter().any(|opinion| opinion.direct) {
        opinions.retain(|opinion| opinion.direct);
    }
    let rank = |state: &State<'_>| match state {
        State::Affected { .. } => 2,
        State::Fixed => 1,
        State::NotAffected => 0,
    };
    let top = opinions.iter().map(|opinion| rank(&opinion.state)).max()?;
    opinions.retain(|opinion| rank(&opinion.state) == top);
    let records = opinions.iter().map(|opinion| opinion.row.record).collect();
    let decisive = opinions
        .into_iter()
        .reduce(|a, b| if remedy_order(&a.state, &b.state, order).is_lt() { b } else { a })?;
    Some(Combined {
        state: decisive.state,
        decisive: decisive.row.record,
        row: decisive.row.row,
        records,
    })
}

/// The later fix is the greater; none at all is the greatest.
fn remedy_order(a: &State<'_>, b: &State<'_>, order: Order) -> Ordering {
    match (a, b) {
        (State::Affected { fixed: Some(a), .. }, State::Affected { fixed: Some(b), .. }) => {
            order.compare(a, b).unwrap_or(Ordering::Equal)
        }
        (State::Affected { fixed: a, .. }, State::Affected { fixed: b, .. }) => {
            a.is_none().cmp(&b.is_none())
        }
        _ => Ordering::Equal,
    }
}

/// What a row says about a version.
pub(super) fn state<'a>(
    row: &Row<&'a str>,
    version: &str,
    order: Order,
) -> Result<State<'a>, VersionError> {
    let mut has_fix = false;
    for range in &row.ranges {
        if let Some(state) = within(range, version, order)? {
            return Ok(state);
        }
        if let End::Fixed(fixed) = range.end {
            has_fix |= order.compare(version, fixed)?.is_ge();
        }
    }
    Ok(if has_fix { State::Fixed } else { State::NotAffected })
}

fn within<'a>(
    range: &Range<&'a str>,
    version: &str,
    order: Order,
) -> Result<Option<State<'a>>, VersionError> {
    if let Some(introduced) = range.introduced
        && order.compare(version, introduced)?.is_lt()
    {
        return Ok(None);
    }
    let (fixed, last_affected) = match range.end {
        End::Open => (None, None),
        End::Fixed(fixed) if order.compare(version, fixed)?.is_lt() => (Some(fixed), None),
        End::LastAffected(last) if order.compare(version, last)?.is_le() => (None, Some(last)),
        _ => return Ok(None),
    };
    Ok(Some(State::Affected { fixed, last_affected }))
}
