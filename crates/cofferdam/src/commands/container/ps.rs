use std::{collections::BTreeMap, io::Write as _, process::ExitCode};

use cofferdam_finding::render::escape;
use cofferdam_runtime::record::Reason;
use serde::Serialize;

use super::ago;
use crate::{
    cli::Format,
    commands::run::label,
    containers::{Found, Standing, all, process_id},
    error::CliError,
    session::{Ended, Session},
};

/// List containers that run, or all there are
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam ps
  cofferdam ps --all --format json
  cofferdam ps --all --filter label=app=web --filter status=ended")]
pub(crate) struct Args {
    /// List those that have ended too
    #[arg(short, long)]
    all: bool,
    /// List only those of this label or status; of several, those that all are true of
    #[arg(long, value_name = "label=KEY[=VALUE]|status=STATUS", value_parser = filter)]
    filter: Vec<Filter>,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone)]
enum Filter {
    /// A key, and the value that it has to have.
    Label(String, Option<String>),
    Status(String),
}

fn filter(text: &str) -> Result<Filter, String> {
    const NAMES: [&str; 7] =
        ["starting", "running", "paused", "waiting", "unattended", "ended", "vanished"];
    match text.split_once('=') {
        Some(("label", text)) => {
            let (key, value) = label(text)?;
            Ok(Filter::Label(key, text.contains('=').then_some(value)))
        }
        Some(("status", name)) if NAMES.contains(&name) => Ok(Filter::Status(name.to_owned())),
        _ => {
            Err(format!("label=KEY, label=KEY=VALUE or status= of {} is wanted", NAMES.join(", ")))
        }
    }
}

#[derive(Debug, Serialize)]
struct List {
    schema_version: u32,
    containers: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: String,
    image: Option<String>,
    command: Vec<String>,
    created: String,
    status: &'static str,
    /// Its first process on this machine.
    pid: Option<i32>,
    started: Option<String>,
    ended: Option<String>,
    exit_code: Option<u8>,
    reason: Option<&'static str>,
    restarts: u32,
    labels: BTreeMap<String, String>,
    #[serde(skip)]
    standing: Standing,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let mut rows = Vec::new();
    for (id, found) in all()? {
        match found.and_then(|found| row(&found)) {
            Ok(row) if is_wanted(args, &row) => rows.push(row),
            Ok(_) => {}
            Err(error) => {
                session.printer.warning(format_args!("{id}: {}", error.message()));
                error.causes().iter().for_each(|cause| session.printer.warning(cause));
            }
        }
    }
    match args.format {
        Format::Json => session.printer.json(&List { schema_version: 1, containers: rows })?,
        Format::Table => table(&rows, session)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn is_wanted(args: &Args, row: &Row) -> bool {
    let asks_for_status = args.filter.iter().any(|filter| matches!(filter, Filter::Status(_)));
    (args.all || asks_for_status || row.standing.is_alive())
        && args.filter.iter().all(|filter| match filter {
            Filter::Status(name) => row.status == name,
            Filter::Label(key, value) => row
                .labels
                .get(key)
                .is_some_and(|found| value.as_ref().is_none_or(|value| value == found)),
        })
}

fn row(found: &Found) -> Result<Row, CliError> {
    let standing = found.standing()?;
    let (record, condition) = (&found.record, &found.condition);
    Ok(Row {
        name: record.name.clone(),
        image: record.image.clone(),
        command: record.command.clone(),
        created: record.created.clone(),
        status: standing.as_str(),
        pid: process_id(found)?,
        started: condition.started.clone(),
        ended: condition.ended.clone(),
        exit_code: found.exit_code(),
        reason: found.reason().map(Reason::as_str),
        restarts: condition.restarts,
        labels: record.labels.clone(),
        standing,
    })
}

fn table(rows: &[Row], session: &mut Session) -> Result<(), CliError> {
    if rows.is_empty() {
        session.printer.message("no containers; cofferdam run starts one");
        return Ok(());
    }
    let heading = ["NAME", "IMAGE", "COMMAND", "CREATED", "STATUS"].map(str::to_owned);
    let lines = rows.iter().map(|row| {
        let created = ago::since(&row.created).map(|time| format!("{time} ago"));
        [
            row.name.clone(),
            // What an image or its user says is escaped: it may be written for the terminal.
            escape(row.image.as_deref().unwrap_or("-")).into_owned(),
            escape(&cut(&row.command.join(" "))).into_owned(),
            created.unwrap_or_default(),
            status(row),
        ]
    });
    let lines: Vec<_> = std::iter::once(heading).chain(lines).collect();
    let mut widths = [0; 5];
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for line in &lines {
        let mut text = String::new();
        for (width, cell) in widths.iter().zip(line) {
            text.push_str(&format!("{cell:<width$}  "));
        }
        writeln!(session.printer.data(), "{}", text.trim_end())?;
    }
    Ok(())
}

/// As much of a command as fits.
fn cut(command: &str) -> String {
    const MOST: usize = 30;
    match command.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &command[..end]),
        None => command.to_owned(),
    }
}

/// `running for 5 minutes`, `ended (3) 2 hours ago`.
fn status(row: &Row) -> String {
    let since = |time: &Option<String>| time.as_deref().and_then(ago::since).unwrap_or_default();
    match row.standing {
        Standing::Running if row.started.is_none() => "running".into(),
        Standing::Running => format!("running for {}", since(&row.started)),
        Standing::Waiting => format!("waiting to start again ({} times so far)", row.restarts),
        Standing::Unattended => "running, without its monitor".into(),
        Standing::Vanished => "ended unseen, without its monitor".into(),
        Standing::Ended => {
            let code = row.exit_code.map(|code| format!(" ({code})")).unwrap_or_default();
            let why = match row.reason {
                Some("stopped") => "stopped",
                Some("max-age") => "ended by its age",
                Some("failed") => "failed to start",
                _ => "ended",
            };
            format!("{why}{code} {} ago", since(&row.ended))
        }
        Standing::Starting | Standing::Paused => row.status.to_owned(),
    }
}
