use std::{io::Write as _, path::PathBuf, process::ExitCode};

use serde::Serialize;

use crate::{
    cli::Format,
    containers::volumes::{Volumes, users},
    session::{Ended, Session},
};

/// List volumes, and the containers that use them
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct List {
    schema_version: u32,
    volumes: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    path: PathBuf,
    used_by: Vec<String>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let volumes = Volumes::of(session)?;
    let mut rows = Vec::new();
    for name in volumes.names()? {
        let path = volumes.path(&name);
        rows.push(Row { name: name.to_string(), used_by: users(&path)?, path });
    }
    match args.format {
        Format::Json => session.printer.json(&List { schema_version: 1, volumes: rows })?,
        Format::Table if rows.is_empty() => session.printer.message("no volumes"),
        Format::Table => {
            let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(4);
            let out = session.printer.data();
            writeln!(out, "{:<width$}  USED BY", "NAME")?;
            for row in rows {
                let line = format!("{:<width$}  {}", row.name, row.used_by.join(", "));
                writeln!(out, "{}", line.trim_end())?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
