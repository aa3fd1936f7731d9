//! Two databases a day apart, for measuring what follows from a day's change.
//!
//! `generation FROM.cdb BEFORE.cdb AFTER.cdb [RECORDS]`
//!
//! Takes the advisories out of a database, changes so many of them (17 by default: a new
//! vulnerability, a fix that appears, another title, in turn), and builds both states.
#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::{collections::BTreeMap, error::Error, fs, path::Path, time::Instant};

use cofferdam_vuln::{
    database::{Builder, Database, DatabaseError, End, Range, Row},
    feed::{Advisory, Affected},
};

/// The advisories that a database was built from, as far as it has kept them.
fn advisories(database: &Database) -> Result<Vec<Advisory>, DatabaseError> {
    let texts = database.texts();
    let mut all = Vec::new();
    for number in 0..u32::try_from(database.record_count()).unwrap_or(u32::MAX) {
        let record = database.record(number)?;
        let text = texts.get(number)?;
        let mut about = Vec::new();
        for other in record.about.iter().filter(|other| **other != number) {
            about.push(database.record(*other)?.id.into_owned());
        }
        all.push(Advisory {
            id: record.id.into_owned(),
            about,
            direct: record.direct,
            title: text.title,
            titles: BTreeMap::new(),
            vectors: text.vectors,
            rating: record.rating,
            aliases: text.aliases,
            references: text.references,
            affected: Vec::new(),
        });
    }
    for ecosystem in database.ecosystems()? {
        for package in ecosystem.package_names()? {
            for row in ecosystem.rows(package)? {
                let index = usize::try_from(row.record).unwrap_or(usize::MAX);
                all[index].affected.push(Affected {
                    ecosystem: ecosystem.name.to_owned(),
                    package: package.to_owned(),
                    row: owned(&row.row),
                });
            }
        }
    }
    Ok(all)
}

fn owned(row: &Row<&str>) -> Row<String> {
    let range = |range: &Range<&str>| Range {
        introduced: range.introduced.map(str::to_owned),
        end: match range.end {
            End::Open => End::Open,
            End::Fixed(version) => End::Fixed(version.to_owned()),
            End::LastAffected(version) => End::LastAffected(version.to_owned()),
        },
    };
    Row {
        ranges: row.ranges.iter().map(range).collect(),
        module: row.module.map(str::to_owned),
        rating: row.rating,
        support_ended: row.support_ended,
        stance: row.stance,
    }
}

fn built(
    database: &Database,
    advisories: &[Advisory],
    generation: u64,
) -> Result<Vec<u8>, DatabaseError> {
    let mut builder = Builder::new();
    for source in &database.header().sources {
        builder.source(source.clone());
    }
    advisories.iter().for_each(|advisory| builder.add(0, advisory));
    builder.finish(generation)
}

/// Changes every so-manieth advisory that has a row, so that the changes lie everywhere.
fn changed(mut advisories: Vec<Advisory>, count: usize) -> Vec<Advisory> {
    let places: Vec<usize> =
        (0..advisories.len()).filter(|index| !advisories[*index].affected.is_empty()).collect();
    let step = (places.len() / count.max(1)).max(1);
    for (number, place) in places.iter().step_by(step).take(count).enumerate() {
        let advisory = &mut advisories[*place];
        match number % 3 {
            0 => {
                let mut new = advisory.clone();
                new.id = format!("CVE-2026-{}", 90_000 + number);
                new.title = format!("A vulnerability of the day, number {number}");
                new.about.clear();
                new.direct = true;
                advisories.push(new);
            }
            1 => {
                for affected in &mut advisory.affected {
                    for range in &mut affected.row.ranges {
                        range.end = End::Fixed(format!("99.{number}-1"));
                    }
                }
            }
            _ => advisory.title.push_str(" (said again, in more words)"),
        }
    }
    advisories
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, before, after, rest @ ..] = arguments.as_slice() else {
        return Err("usage: generation FROM.cdb BEFORE.cdb AFTER.cdb [RECORDS]".into());
    };
    let count = rest.first().map_or(Ok(17), |count| count.parse())?;
    let database = Database::open(Path::new(from))?;
    let old = advisories(&database)?;
    let new = changed(old.clone(), count);
    for (path, advisories, generation) in [(before, old, 1), (after, new, 2)] {
        let start = Instant::now();
        let bytes = built(&database, &advisories, generation)?;
        println!("{path}: {} bytes, built in {:.1?}", bytes.len(), start.elapsed());
        fs::write(path, bytes)?;
    }
    Ok(())
}
