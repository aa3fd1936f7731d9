use std::{io::Write as _, process::ExitCode};

use cofferdam_vuln::database::{Database, DatabaseError, End, Row};

use crate::{
    advisories,
    session::{Ended, Session, exit_code},
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A CVE, the id of an advisory, or the name of a package
    term: String,
    /// Only this ecosystem: Debian:12
    #[arg(long, value_name = "NAME")]
    ecosystem: Option<String>,
}

/// What is said about a package, as a line.
struct Hit {
    ecosystem: String,
    package: String,
    record: String,
    versions: String,
}

pub(super) fn run(args: &Args, session: &mut Session) -> Ended {
    let database = advisories::open(&session.settings)?;
    let record = database.find_record(&args.term)?;
    let hits = hits(&database, args, record)?;
    if let Some(record) = record {
        let text = database.texts().get(record)?;
        writeln!(session.printer.data(), "{} {}", args.term, text.title)?;
        for line in text.vectors.iter().chain(&text.aliases).chain(&text.references) {
            writeln!(session.printer.data(), "  {line}")?;
        }
    }
    for hit in &hits {
        let Hit { ecosystem, package, record, versions } = hit;
        writeln!(session.printer.data(), "{ecosystem:<28} {package:<24} {record:<18} {versions}")?;
    }
    if hits.is_empty() && record.is_none() {
        session.printer.message(format!("the database has nothing about '{}'", args.term));
        return Ok(exit_code(cofferdam_finding::ExitStatus::Findings));
    }
    Ok(ExitCode::SUCCESS)
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
