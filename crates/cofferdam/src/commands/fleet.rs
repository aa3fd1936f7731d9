mod add;
mod affected;
mod list;
mod rematch;
mod remove;

use std::{collections::BTreeMap, io::Write};

use cofferdam_finding::{Severity, render::escape};
use cofferdam_vuln::fleet::{Change, Changes, Matched, Rating};
use serde::Serialize;

use crate::session::{Ended, Session};

/// Keep track of many images: which are affected when an advisory appears
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam fleet add registry:quay.io/org/app:1.2 store:debian
  cofferdam fleet list
  cofferdam fleet affected CVE-2024-5535
  cofferdam db update && cofferdam fleet rematch
  cofferdam fleet rematch --fail-on high --format json
  cofferdam fleet remove registry:quay.io/org/app:1.2")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    #[command(visible_alias = "scan")]
    Add(add::Args),
    List(list::Args),
    Affected(affected::Args),
    Rematch(rematch::Args),
    Remove(remove::Args),
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::Add(args) => add::run(args, session),
        Command::List(args) => list::run(args, session),
        Command::Affected(args) => affected::run(args, session),
        Command::Rematch(args) => rematch::run(args, session),
        Command::Remove(args) => remove::run(args, session),
    }
}

/// What JSON says of a change.
#[derive(Debug, Serialize)]
struct Row<'a> {
    vulnerability: &'a str,
    /// As scans say; absent of what no image has any more.
    title: Option<&'a str>,
    severity: Option<Severity>,
    package: &'a str,
    versions: &'a [String],
    fixed_version: Option<&'a str>,
    images: &'a [String],
}

type Ratings = BTreeMap<(String, String), Rating>;

fn rows<'a>(changes: &'a [Change], ratings: &'a Ratings) -> Vec<Row<'a>> {
    let mut rows: Vec<Row<'a>> = changes
        .iter()
        .map(|change| {
            let rating = ratings.get(&(change.id.clone(), change.subject.clone()));
            Row {
                vulnerability: &change.id,
                title: rating.map(|rating| rating.title.as_str()),
                severity: rating.map(|rating| rating.severity),
                package: &change.subject,
                versions: &change.versions,
                fixed_version: change.fixed.as_deref(),
                images: &change.images,
            }
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.severity));
    rows
}

/// Images that a table names for each vulnerability.
const SHOWN: usize = 10;

/// One block for each kind of change, if there is any.
fn table(changes: &Changes, ratings: &Ratings, to: &mut impl Write) -> std::io::Result<()> {
    let parts = [
        ("newly affected", &changes.gained),
        ("affected still, and now there is a fix", &changes.fixable),
        ("no longer affected, by what is known now", &changes.lost),
    ];
    for (title, changes) in parts.into_iter().filter(|(_, changes)| !changes.is_empty()) {
        writeln!(to, "{title}:")?;
        for row in rows(changes, ratings) {
            let fix = row.fixed_version.map_or("no fix".to_owned(), |v| format!("fixed in {v}"));
            let count = match row.images.len() {
                1 => "1 image".to_owned(),
                count => format!("{count} images"),
            };
            writeln!(
                to,
                "  {}{}  {} {}  {}  {count}",
                escape(row.vulnerability),
                row.severity.map(|severity| format!("  {severity}")).unwrap_or_default(),
                escape(row.package),
                escape(&row.versions.join(", ")),
                escape(&fix)
            )?;
            for image in row.images.iter().take(SHOWN) {
                writeln!(to, "      {}", escape(image))?;
            }
            if row.images.len() > SHOWN {
                let more = row.images.len() - SHOWN;
                writeln!(to, "      and {more} more: --format json names them")?;
            }
        }
    }
    Ok(())
}

/// `generation 8 of 2026-11-28`.
fn named(matched: &Matched) -> String {
    format!("generation {} of {}", matched.generation, matched.date)
}
