use std::process::ExitCode;

use cofferdam_finding::render::escape;
use cofferdam_vuln::database::{Database, DatabaseError, End, Row};
use serde::Serialize;

use crate::{
    advisories,
    cli::Format,
    session::{Ended, Session, exit_code},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A CVE, the id of an advisory, or the name of a package
    term: String,
    /// Only this ecosystem: Debian:12
    #[arg(long, value_name = "NAME")]
    ecosystem: Option<String>,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Answer {
    schema_version: u32,
    /// The record, where the term is the id of one.
    record: Option<Record>,
    packages: Vec<Hit>,
}

#[derive(Debug, Serialize)]
struct Record {
    id: String,
    title: String,
    /// CVSS vectors.
    vectors: Vec<String>,
    aliases: Vec<String>,
    references: Vec<String>,
}

/// What is said about a package.
#[derive(Debug, Serialize)]
struct Hit {
    ecosystem: String,
    package: String,
    record: String,
    versions: String,
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let database = advisories::open(&session.settings)?;
    let found = database.find_record(&args.term)?;
    let record = found.map(|record| describe(&database, record)).transpose()?;
    let answer = Answer { schema_version: 1, record, packages: hits(&database, args, found)? };
    match args.format {
        Format::Json => session.printer.json(&answer)?,
        Format::Table => table(&answer, session.printer.data())?,
    }
    if answer.record.is_none() && answer.packages.is_empty() {
        session.printer.message(format!("the database has nothing about '{}'", args.term));
        return Ok(exit_code(cofferdam_finding::ExitStatus::Findings));
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(database: &Database, record: u32) -> Result<Record, DatabaseError> {
    let text = database.texts().get(record)?;
    Ok(Record {
        id: database.record(record)?.id.into_owned(),
        title: text.title,
        vectors: text.vectors,
        aliases: text.aliases,
        references: text.references,
    })
}

/// Advisories are foreign text, which must not steer the terminal.
fn table(answer: &Answer, out: &mut impl std::io::Write) -> std::io::Result<()> {
    if let Some(record) = &answer.record {
        writeln!(out, "{} {}", escape(&record.id), escape(&record.title))?;
        for line in record.vectors.iter().chain(&record.aliases).chain(&record.references) {
            writeln!(out, "  {}", escape(line))?;
        }
    }
    for Hit { ecosystem, package, record, versions } in &answer.packages {
        let [ecosystem, package, record, versions] =
            [ecosystem, package, record, versions].map(|text| escape(text));
        writeln!(out, "{ecosystem:<28} {package:<24} {record:<18} {versions}")?;
    }
    Ok(())
}

fn hits(
    database: &Database,
    args: &Args,
    vulnerability: Option<u32>,
) -> Result<Vec<Hit>, DatabaseError> {
    let mut hits = Vec::new();
    for ecosystem in database.ecosystems()? {
        if args.ecosystem.as_deref().is_some_and(|wanted| wanted != ecosystem.name) {
            continue;
        }
        let names = match vulnerability {
            Some(_) => ecosystem.package_names()?,
            None => vec![args.term.as_str()],
        };
        for package in names {
            for row in ecosystem.rows(package)? {
                let record = database.record(row.record)?;
                let concerns = |v| row.record == v || record.about.contains(&v);
                if vulnerability.is_none_or(concerns) {
                    hits.push(Hit {
                        ecosystem: ecosystem.name.to_owned(),
                        package: package.to_owned(),
                        record: record.id.into_owned(),
                        versions: versions(&row.row),
                    });
                }
            }
        }
    }
    Ok(hits)
}

fn versions(row: &Row<&str>) -> String {
    let ranges = row.ranges.iter().map(|range| {
        let from = range.introduced.map(|version| format!("from {version}, "));
        let to = match range.end {
            End::Open => "no fix".to_owned(),
            End::Fixed(version) => format!("fixed in {version}"),
            End::LastAffected(version) => format!("up to {version}"),
        };
        from.unwrap_or_default() + &to
    });
    let mut text = ranges.collect::<Vec<_>>().join("; ");
    if text.is_empty() {
        text.push_str("not affected");
    }
    if let Some(module) = row.module.filter(|module| !module.is_empty()) {
        text.push_str(&format!(" ({module})"));
    }
    text
}
