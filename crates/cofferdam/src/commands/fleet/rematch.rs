use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

use cofferdam_finding::Severity;
use cofferdam_vuln::{
    database::Database,
    fleet::{Changes, Matched, Store},
};
use serde::Serialize;

use super::{Row, named, rows, table};
use crate::{
    advisories,
    cli::Format,
    error::{CliError, OrFail as _},
    reporting::severity,
    session::{Ended, Session},
};

/// Match the images of the index with the advisory database again, and say what is new
///
/// Only packages about which the database says something else than before are looked at.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Advisory database [default: the one in the data directory, else the starter database]
    #[arg(long, value_name = "FILE")]
    db: Option<PathBuf>,
    /// Exit with 1 if an image is newly affected by something this severe or worse
    #[arg(long, value_name = "SEVERITY", value_parser = severity())]
    fail_on: Option<Severity>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema_version: u32,
    database: &'a Matched,
    before: &'a Option<Matched>,
    images: usize,
    packages: usize,
    /// Packages (each version counts once) that were matched again.
    matched: usize,
    gained: Vec<Row<'a>>,
    fixable: Vec<Row<'a>>,
    lost: Vec<Row<'a>>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let database = database(args.db.as_ref(), session)?;
    let store = Store::lock(&session.settings.data_dir()?)?;
    let mut fleet = store.load().hint(REPAIR)?;
    if fleet.is_empty() {
        return Err(CliError::new("could not match images: none has been added yet")
            .hint("cofferdam fleet add TARGET… adds images"));
    }
    let changes = fleet.rematch(&database)?;
    let lists = [&changes.gained, &changes.fixable, &changes.lost];
    let ids: BTreeSet<&str> = lists.into_iter().flatten().map(|one| one.id.as_str()).collect();
    let ratings = fleet.rate(&ids, &database)?;
    let matched = fleet.matched().cloned().unwrap_or_default();
    let gained = rows(&changes.gained, &ratings);
    let severe = |least| gained.iter().any(|row| row.severity.is_none_or(|known| known >= least));
    let severe = args.fail_on.is_some_and(severe);
    match args.format {
        Format::Json => session.printer.json(&Answer {
            schema_version: 1,
            database: &matched,
            before: &changes.before,
            images: fleet.len(),
            packages: fleet.package_count(),
            matched: changes.packages_matched,
            gained,
            fixable: rows(&changes.fixable, &ratings),
            lost: rows(&changes.lost, &ratings),
        })?,
        Format::Table => table(&changes, &ratings, session.printer.data())?,
    }
    session.printer.message(summary(&changes, fleet.len(), &matched));
    store.save(fleet)?;
    Ok(if severe { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// What to do about an index that cannot be read.
pub(super) const REPAIR: &str =
    "the index holds nothing that cannot be made again: remove the file and add the images anew";

pub(super) fn database(file: Option<&PathBuf>, session: &Session) -> Result<Database, CliError> {
    match file {
        Some(path) => Database::open(path).hint("cofferdam db --help says how one is made"),
        None => advisories::open(&session.settings),
    }
}

fn summary(changes: &Changes, images: usize, matched: &Matched) -> String {
    let now = named(matched);
    let Changes { topics, topics_changed, packages_matched, .. } = changes;
    let before = changes.before.as_ref().map_or("nothing".to_owned(), named);
    if changes.before.as_ref() == Some(matched) && *packages_matched == 0 {
        return format!("{images} images were matched with {now} already");
    }
    format!(
        "matched {images} images with {now} (before: {before}): {topics_changed} of {topics} \
         names concerned, {packages_matched} packages matched again"
    )
}
