use std::{io::Write as _, process::ExitCode};

use cofferdam_finding::render::escape;
use cofferdam_image::store::{Store, Stored};
use serde::Serialize;
use time::OffsetDateTime;

use super::{megabytes, short, stored_size};
use crate::{
    cli::Format,
    error::CliError,
    images,
    session::{Ended, Session},
};

/// List the images of the store
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct List {
    schema_version: u32,
    images: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    digest: String,
    platform: Option<String>,
    /// Bytes of the layers as stored; absent if the image is damaged.
    size: Option<u64>,
    imported: Option<String>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let store = images::store(session)?;
    let images = store.list().map_err(|error| images::failed(&error))?;
    match args.format {
        Format::Json => {
            let images = images.iter().map(|stored| row(&store, stored)).collect();
            session.printer.json(&List { schema_version: 1, images })?;
        }
        Format::Table => table(&store, &images, session)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn row(store: &Store, stored: &Stored) -> Row {
    Row {
        name: stored.name.clone(),
        digest: stored.digest().to_string(),
        platform: stored.platform.as_ref().map(ToString::to_string),
        size: store.load(stored).ok().map(|image| stored_size(&image)),
        imported: date(stored.imported),
    }
}

/// RFC 3339, in UTC.
pub(super) fn date(seconds: u64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?).ok()?;
    time.format(&time::format_description::well_known::Rfc3339).ok()
}

fn table(store: &Store, images: &[Stored], session: &mut Session) -> Result<(), CliError> {
    if images.is_empty() {
        session.printer.message("the store has no images; cofferdam image pull fetches one");
        return Ok(());
    }
    let heading = ["NAME", "DIGEST", "PLATFORM", "SIZE", "IMPORTED"].map(str::to_owned);
    let rows = images.iter().map(|stored| {
        let Row { name, platform, size, imported, .. } = row(store, stored);
        [
            escape(&name).into_owned(),
            short(&stored.digest()),
            escape(&platform.unwrap_or_default()).into_owned(),
            size.map_or_else(|| "damaged".to_owned(), megabytes),
            imported.map(|date| date[..10].to_owned()).unwrap_or_default(),
        ]
    });
    let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        writeln!(session.printer.data(), "{}", line.trim_end())?;
    }
    Ok(())
}
