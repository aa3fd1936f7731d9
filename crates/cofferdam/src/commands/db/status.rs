use std::{io::Write as _, process::ExitCode};

use cofferdam_finding::render::escape;
use cofferdam_vuln::database::SourceInfo;
use serde::Serialize;
use time::{Date, OffsetDateTime};

use crate::{
    advisories,
    cli::Format,
    session::{Ended, Session},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Check the whole file against its checksum
    #[arg(long)]
    verify: bool,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Status<'a> {
    schema_version: u32,
    database: &'a str,
    format: u32,
    generation: u64,
    bytes: usize,
    checksum: String,
    verified: bool,
    records: usize,
    sources: &'a [SourceInfo],
    ecosystems: Vec<Covered<'a>>,
}

#[derive(Debug, Serialize)]
struct Covered<'a> {
    name: &'a str,
    packages: usize,
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let database = advisories::open(&session.settings)?;
    if args.verify {
        database.verify()?;
    }
    let header = database.header();
    let ecosystems = database.ecosystems()?;
    let status = Status {
        schema_version: 1,
        database: &header.name,
        format: header.format_version,
        generation: header.generation,
        bytes: header.size,
        checksum: format!("sha256:{}", database.checksum()),
        verified: args.verify,
        records: database.record_count(),
        sources: &header.sources,
        ecosystems: ecosystems
            .iter()
            .map(|e| Covered { name: e.name, packages: e.package_count() })
            .collect(),
    };
    match args.format {
        Format::Json => session.printer.json(&status)?,
        Format::Table => table(&status, OffsetDateTime::now_utc().date(), session)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn table(status: &Status<'_>, today: Date, session: &mut Session) -> std::io::Result<()> {
    let out = session.printer.data();
    let verified = if status.verified { " (verified)" } else { "" };
    writeln!(out, "database    {}", escape(status.database))?;
    writeln!(out, "format      {}", status.format)?;
    writeln!(out, "generation  {}", status.generation)?;
    writeln!(out, "size        {} bytes", status.bytes)?;
    writeln!(out, "checksum    {}{verified}", status.checksum)?;
    writeln!(out, "records     {}", status.records)?;
    writeln!(
        out,
        "\n{:<16} {:<10} {:>9} {:>8} {:>7}",
        "SOURCE", "DATE", "AGE", "RECORDS", "BROKEN"
    )?;
    for source in status.sources {
        let age = source.age_days(today).map_or("?".to_owned(), |days| format!("{days} days"));
        let SourceInfo { date, records, broken, .. } = source;
        let name = escape(&source.name);
        writeln!(out, "{name:<16} {date:<10} {age:>9} {records:>8} {broken:>7}")?;
    }
    writeln!(out, "\n{:<32} {:>8}", "ECOSYSTEM", "PACKAGES")?;
    for ecosystem in &status.ecosystems {
        writeln!(out, "{:<32} {:>8}", escape(ecosystem.name), ecosystem.packages)?;
    }
    Ok(())
}
