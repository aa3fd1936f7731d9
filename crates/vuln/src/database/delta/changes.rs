//! What two databases say differently.

use std::{cmp::Ordering, collections::BTreeMap};

use super::{
    super::{
        Database, DatabaseError, Ecosystem, PackageRow, Row, Texts, Vulnerability, lookup::id_order,
    },
    edits::{Edits, PackageEdit, RecordEdit},
};

/// The changes that lead from `base` to `target`.
pub(super) fn between(base: &Database, target: &Database) -> Result<Edits, DatabaseError> {
    let mut edits = Edits {
        generation: target.header().generation,
        sources: target.header().sources.clone(),
        ..Edits::default()
    };
    for ecosystem in target.ecosystems()? {
        edits.ecosystems.push((ecosystem.name.to_owned(), ecosystem.source_bits()));
    }
    let pair = Pair { base, target };
    pair.records(&mut edits)?;
    pair.packages(&mut edits)?;
    Ok(edits)
}

struct Pair<'a> {
    base: &'a Database,
    target: &'a Database,
}

/// A record with its place taken out: what it says, whatever number it has.
#[derive(PartialEq, Eq)]
struct Said {
    about: Vec<String>,
    direct: bool,
    rating: Option<cofferdam_finding::Severity>,
    text: super::super::Text,
}

fn said(
    database: &Database,
    texts: &Texts<'_>,
    record: &Vulnerability<'_>,
) -> Result<Said, DatabaseError> {
    let mut about = Vec::new();
    for other in record.about.iter().filter(|other| **other != record.record) {
        about.push(database.record(*other)?.id.into_owned());
    }
    let text = texts.get(record.record)?;
    Ok(Said { about, direct: record.direct, rating: record.rating, text })
}

fn count(database: &Database) -> u32 {
    u32::try_from(database.record_count()).unwrap_or(u32::MAX)
}

impl Pair<'_> {
    /// Records that are new or different, and what is known of attacks. Records that no row needs any
    /// more need no word: they are not written.
    fn records(&self, edits: &mut Edits) -> Result<(), DatabaseError> {
        let (old_texts, new_texts) = (self.base.texts(), self.target.texts());
        let mut number = 0;
        for new in 0..count(self.target) {
            let new = self.target.record(new)?;
            let mut old = None;
            while number < count(self.base) {
                let record = self.base.record(number)?;
                match id_order(&record.id, &new.id) {
                    Ordering::Less => number += 1,
                    Ordering::Equal => {
                        old = Some(record);
                        break;
                    }
                    Ordering::Greater => break,
                }
            }
            let now = said(self.target, &new_texts, &new)?;
            let (before, threat_before) = match &old {
                Some(old) => {
                    let said = said(self.base, &old_texts, old)?;
                    (Some(said), self.base.threat(old.record)?)
                }
                None => (None, None),
            };
            let id = new.id.clone().into_owned();
            let threat = self.target.threat(new.record)?;
            if threat != threat_before {
                edits.threats.push((id.clone(), threat));
            }
            if before.as_ref() != Some(&now) {
                let Said { about, direct, rating, text } = now;
                edits.records.push(RecordEdit { id, about, direct, rating, text });
            }
        }
        Ok(())
    }

    fn packages(&self, edits: &mut Edits) -> Result<(), DatabaseError> {
        let mut ecosystems: BTreeMap<&str, [Option<Ecosystem<'_>>; 2]> = BTreeMap::new();
        for (side, database) in [self.base, self.target].into_iter().enumerate() {
            for ecosystem in database.ecosystems()? {
                ecosystems.entry(ecosystem.name).or_default()[side] = Some(ecosystem);
            }
        }
        for (name, [old, new]) in ecosystems {
            let mut packages: BTreeMap<&str, ()> = BTreeMap::new();
            for ecosystem in [old, new].into_iter().flatten() {
                packages.extend(ecosystem.package_names()?.into_iter().map(|name| (name, ())));
            }
            for package in packages.into_keys() {
                let rows = |side: Option<Ecosystem<'_>>, database| match side {
                    Some(ecosystem) => with_ids(database, ecosystem.rows(package)?),
                    None => Ok(Vec::new()),
                };
                let edit = difference(&rows(old, self.base)?, &rows(new, self.target)?);
                if let Some((removed, added)) = edit {
                    let (ecosystem, package) = (name.to_owned(), package.to_owned());
                    edits.packages.push(PackageEdit { ecosystem, package, removed, added });
                }
            }
        }
        Ok(())
    }
}

type Rows = Vec<(String, Row<String>)>;

fn with_ids(database: &Database, rows: Vec<PackageRow<'_>>) -> Result<Rows, DatabaseError> {
    let with_id = |row: PackageRow<'_>| {
        let id = database.record(row.record)?.id.into_owned();
        Ok((id, row.row.map(|text| (*text).to_owned())))
    };
    rows.into_iter().map(with_id).collect()
}

/// What is only in one of two lists in the order of a database; `None` if nothing is.
fn difference(old: &Rows, new: &Rows) -> Option<(Vec<u32>, Rows)> {
    let order = |a: &(String, Row<String>), b: &(String, Row<String>)| {
        id_order(&a.0, &b.0).then_with(|| a.1.cmp(&b.1))
    };
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let (mut at, mut then) = (0, 0);
    while at < old.len() || then < new.len() {
        let ordering = match (old.get(at), new.get(then)) {
            (Some(a), Some(b)) => order(a, b),
            (Some(_), None) => Ordering::Less,
            _ => Ordering::Greater,
        };
        match ordering {
            Ordering::Equal => (at, then) = (at + 1, then + 1),
            Ordering::Less => {
                removed.push(u32::try_from(at).unwrap_or(u32::MAX));
                at += 1;
            }
            Ordering::Greater => {
                added.push(new[then].clone());
                then += 1;
            }
        }
    }
    (!removed.is_empty() || !added.is_empty()).then_some((removed, added))
}
