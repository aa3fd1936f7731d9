//! Ranges of affected versions out of events
//! (<https://ossf.github.io/osv-schema/#affectedrangesevents-fields>).

use std::cmp::Ordering;

use super::schema::{AffectedPackage, Event};
use crate::{
    database::{End, Range},
    version::Order,
};

/// Ranges and versions that one package of one record may have.
const LIMIT: usize = 10_000;

/// The affected versions of a package. None at all means that no version is.
///
/// Ranges of commits are left out. The list of versions counts only where there is no range:
/// Debian's mixes the versions of all releases.
pub(super) fn ranges(
    affected: &AffectedPackage,
    order: Option<Order>,
) -> Result<Vec<Range<String>>, String> {
    let of_versions: Vec<_> =
        affected.ranges.iter().filter(|r| r.kind == "ECOSYSTEM" || r.kind == "SEMVER").collect();
    let events: usize = of_versions.iter().map(|range| range.events.len()).sum();
    if events > LIMIT || affected.versions.len() > LIMIT {
        return Err(format!("a package has more than {LIMIT} events or versions"));
    }
    if of_versions.is_empty() {
        return single_versions(&affected.versions);
    }
    let mut ranges = Vec::new();
    for range in of_versions {
        of_events(&range.events, order, &mut ranges)?;
    }
    let known = &affected.database_specific.last_known_affected_version_range;
    if let Some(end) = last_known(known) {
        ranges.iter_mut().filter(|range| range.end == End::Open).for_each(|r| r.end = end.clone());
    }
    ranges.sort();
    ranges.dedup();
    Ok(ranges)
}

/// Where GitHub knows no fixed version, but which versions are affected: `<= 1.2.3`, `< 2.0`.
fn last_known(text: &str) -> Option<End<String>> {
    let version = |text: &str| {
        let text = text.trim();
        (check(text).is_ok() && !text.contains([' ', ','])).then(|| text.to_owned())
    };
    match text.strip_prefix("<=") {
        Some(last) => version(last).map(End::LastAffected),
        None => version(text.strip_prefix('<')?).map(End::Fixed),
    }
}

fn single_versions(versions: &[String]) -> Result<Vec<Range<String>>, String> {
    if versions.is_empty() {
        return Err("a package has neither a range of versions nor a list of them".into());
    }
    let single = |version: &String| Range {
        introduced: Some(version.clone()),
        end: End::LastAffected(version.clone()),
    };
    versions.iter().map(|version| check(version).map(|()| single(version))).collect()
}

fn check(version: &str) -> Result<(), String> {
    match version.len() {
        1..=300 => Ok(()),
        _ => Err("a version is empty or too long".into()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Introduced,
    Fixed,
    LastAffected,
}

fn of_events(
    events: &[Event],
    order: Option<Order>,
    to: &mut Vec<Range<String>>,
) -> Result<(), String> {
    let mut bounds = Vec::new();
    for event in events {
        bounds.push(match event {
            Event { introduced: Some(version), .. } => (Bound::Introduced, version),
            Event { fixed: Some(version), .. } => (Bound::Fixed, version),
            Event { last_affected: Some(version), .. } => (Bound::LastAffected, version),
            Event { limit: Some(_), .. } => continue,
            _ => return Err("a range has an event that is none".into()),
        });
    }
    for (_, version) in &bounds {
        check(version)?;
    }
    if !bounds.iter().any(|(bound, _)| *bound == Bound::Introduced) {
        return Err("a range does not say where it begins".into());
    }
    sort(&mut bounds, order);
    close(&bounds, to);
    Ok(())
}

/// By version, as the schema asks readers to; as they stand, if versions cannot be compared.
fn sort(bounds: &mut [(Bound, &String)], order: Option<Order>) {
    let Some(order) = order else { return };
    let known = |version: &str| version == "0" || order.compare(version, version).is_ok();
    if bounds.iter().all(|(_, version)| known(version)) {
        bounds.sort_by(|(_, a), (_, b)| match (a.as_str(), b.as_str()) {
            ("0", "0") => Ordering::Equal,
            ("0", _) => Ordering::Less,
            (_, "0") => Ordering::Greater,
            (a, b) => order.compare(a, b).unwrap_or(Ordering::Equal),
        });
    }
}

fn close(bounds: &[(Bound, &String)], to: &mut Vec<Range<String>>) {
    let mut open: Option<Option<String>> = None;
    for (bound, version) in bounds {
        let end = match bound {
            Bound::Introduced => {
                let from = (*version != "0").then(|| (*version).clone());
                open = open.or(Some(from));
                continue;
            }
            // From the beginning to the beginning: nothing is affected.
            Bound::Fixed if *version == "0" => {
                open = None;
                continue;
            }
            Bound::Fixed => End::Fixed((*version).clone()),
            Bound::LastAffected => End::LastAffected((*version).clone()),
        };
        to.extend(open.take().map(|introduced| Range { introduced, end }));
    }
    to.extend(open.map(|introduced| Range { introduced, end: End::Open }));
}
