use std::{collections::BTreeSet, io::Write as _, process::ExitCode};

use cofferdam_finding::{Severity, render::escape};
use cofferdam_vuln::{
    database::Database,
    fleet::{self, AffectedImage, Fleet, Incomplete, Matched},
};
use serde::Serialize;

use super::{named, rematch::REPAIR};
use crate::{
    advisories,
    cli::Format,
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Show which images have a vulnerability
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A CVE, or another name of a vulnerability
    #[arg(value_name = "CVE")]
    id: String,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Answer<'a> {
    schema_version: u32,
    vulnerability: &'a str,
    title: Option<&'a str>,
    severity: Option<Severity>,
    /// Whether the database has a record of it.
    known: bool,
    database: Option<&'a Matched>,
    images: &'a [AffectedImage],
    /// Images about which not everything is known, and which may be affected as well.
    incomplete: &'a [Incomplete],
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let fleet = fleet::read(&session.settings.data_dir()?).hint(REPAIR)?;
    if fleet.is_empty() {
        return Err(CliError::new(format!("could not look for '{}': no image is known", args.id))
            .hint("cofferdam fleet add TARGET… adds images"));
    }
    let database = advisories::open(&session.settings)?;
    let (id, known) = resolve(&args.id, &fleet, &database)?;
    let images = fleet.affected(&id);
    let names: BTreeSet<&str> = images.iter().map(|image| image.name.as_str()).collect();
    let mut incomplete = fleet.incomplete_images();
    incomplete.retain(|image| !names.contains(image.name.as_str()));
    let ratings = fleet.rate(&BTreeSet::from([id.as_str()]), &database)?;
    let worst = ratings.values().max_by_key(|rating| rating.severity);
    let answer = Answer {
        schema_version: 1,
        vulnerability: &id,
        title: worst.map(|rating| rating.title.as_str()),
        severity: worst.map(|rating| rating.severity),
        known,
        database: fleet.matched(),
        images: &images,
        incomplete: &incomplete,
    };
    match args.format {
        Format::Json => session.printer.json(&answer)?,
        Format::Table => table(&answer, session)?,
    }
    if fleet.matched().is_some_and(|matched| matched.checksum != database.checksum()) {
        let message = "the images were matched with another database than the one in use";
        session.printer.warning(message);
        session.printer.hint("cofferdam fleet rematch brings them up to date");
    }
    Ok(ExitCode::SUCCESS)
}

/// The name under which the database has a vulnerability, and whether it has it at all.
fn resolve(id: &str, fleet: &Fleet, database: &Database) -> Result<(String, bool), CliError> {
    let upper = id.to_ascii_uppercase();
    for name in [id, upper.as_str()] {
        if fleet.mentions(name) || database.find_record(name)?.is_some() {
            return Ok((name.to_owned(), true));
        }
    }
    Ok(match database.find_alias(id)? {
        Some(record) => (database.record(record)?.id.into_owned(), true),
        None => (id.to_owned(), false),
    })
}

fn table(answer: &Answer<'_>, session: &mut Session) -> std::io::Result<()> {
    let out = session.printer.data();
    let id = escape(answer.vulnerability);
    if let (Some(severity), Some(title)) = (answer.severity, answer.title) {
        writeln!(out, "{id}  {severity}  {}", escape(title))?;
    }
    for image in answer.images {
        writeln!(out, "{}", escape(&image.name))?;
        for package in &image.packages {
            let fixed = package.fixed_version.as_deref();
            let fixed = fixed.map_or("no fix".to_owned(), |version| format!("fixed in {version}"));
            let (name, version) = (escape(&package.name), escape(&package.version));
            writeln!(
                out,
                "  {name} {version}  {}  {}",
                escape(&package.ecosystem),
                escape(&fixed)
            )?;
        }
    }
    let printer = &session.printer;
    let date = answer.database.map_or("no database".to_owned(), named);
    match (answer.images.len(), answer.known) {
        (0, false) => printer.message(format!("the database has no record of {id}")),
        (1, _) => printer.message(format!("1 image is affected, by {date}")),
        (count, _) => printer.message(format!("{count} images are affected, by {date}")),
    }
    if !answer.incomplete.is_empty() {
        let count = answer.incomplete.len();
        printer.warning(format!(
            "not everything is known about {count} other images, which may be affected as well"
        ));
        printer.hint("--format json says what is not known about each");
    }
    Ok(())
}
