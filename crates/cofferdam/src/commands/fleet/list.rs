use std::{io::Write as _, process::ExitCode};

use cofferdam_finding::render::escape;
use cofferdam_vuln::fleet::{self, Listed, Matched};
use serde::Serialize;
use time::OffsetDateTime;

use super::{named, rematch::REPAIR};
use crate::{
    cli::Format,
    error::{CliError, OrFail as _},
    session::{Ended, Session},
    stamp,
};

/// List the images of the index and how many vulnerabilities each has
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct List<'a> {
    schema_version: u32,
    database: Option<&'a Matched>,
    images: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    image: Listed,
    added: String,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let fleet = fleet::read(&session.settings.data_dir()?).hint(REPAIR)?;
    let list = fleet.list();
    if let Format::Json = args.format {
        let images: Result<_, CliError> =
            list.into_iter().map(|image| Ok(Row { added: added(&image)?, image })).collect();
        let list = List { schema_version: 1, database: fleet.matched(), images: images? };
        session.printer.json(&list)?;
        return Ok(ExitCode::SUCCESS);
    }
    let out = session.printer.data();
    let width = list.iter().map(|image| image.name.chars().count()).max().unwrap_or(0).max(5);
    writeln!(out, "{:<width$}  PACKAGES  VULNERABILITIES  FIXABLE  UNKNOWN  OS", "IMAGE")?;
    for image in &list {
        let (name, os) = (escape(&image.name), escape(image.os.as_deref().unwrap_or("-")));
        let old = if image.outdated { "  (read by an earlier version: add it again)" } else { "" };
        writeln!(
            out,
            "{name:<width$}  {:>8}  {:>15}  {:>7}  {:>7}  {os}{old}",
            image.packages,
            image.vulnerabilities,
            image.fixable,
            image.incomplete.len()
        )?;
    }
    if let Some(matched) = fleet.matched() {
        session.printer.message(format!("matched with {}", named(matched)));
    }
    Ok(ExitCode::SUCCESS)
}

fn added(image: &Listed) -> Result<String, CliError> {
    let seconds = i64::try_from(image.added).unwrap_or(0);
    // What is no moment was not written by this program.
    stamp::time(OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH))
}
