//! `inspect`: what isolation is in force for a container, and where that differs from what its
//! configuration asks for.

use cofferdam_runtime::{
    facts::Facts,
    isolation::{self, Report},
};

use super::Command;
use crate::{
    arguments::{Given, flag, value},
    session::{Ended, Session, only_id, print},
};

pub(super) const COMMAND: Command = Command {
    name: "inspect",
    summary: "compare the isolation in force with the configuration",
    help: "\
inspect --isolation [OPTIONS] ID

  --isolation           read what the kernel says of every process of the container
  --format FORMAT, -f   table (the default) or json

It exits with 0 if nothing differs from the configuration, 1 if something does, 3 with --strict if
nothing differs and something could not be read, and 125 if the container could not be looked at.
",
    options: &[flag("isolation"), value("format").or('f')],
    stop: usize::MAX,
    passes_code_on: true,
    failed: 125,
    run,
};

/// Something differs.
const DIFFERENT: u8 = 1;
/// With `--strict`: something could not be read.
const INCOMPLETE: u8 = 3;

fn run(given: &Given, session: &Session) -> Ended {
    let id = only_id(given)?;
    if !given.is_set("isolation") {
        let why = "could not tell what to inspect: --isolation is wanted, and is all there is";
        return Err(why.to_owned().into());
    }
    let as_json = match given.text("format")? {
        None | Some("table") => false,
        Some("json") => true,
        Some(other) => {
            let why = format!("could not use '{other}' for --format: table or json is wanted");
            return Err(why.into());
        }
    };
    let (_, container) = session.find(&id)?;
    let report = isolation::isolation(&container, &Facts::collect())?;
    print(&if as_json { json(&report)? } else { table(&report) })?;
    Ok(if !report.differences.is_empty() {
        DIFFERENT
    } else if given.is_set("strict") && !report.unknown.is_empty() {
        INCOMPLETE
    } else {
        0
    })
}

fn json(report: &Report) -> Result<String, String> {
    let text = serde_json::to_string_pretty(report).map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

fn table(report: &Report) -> String {
    let stdout = rustix::stdio::stdout();
    let terminal = rustix::termios::isatty(stdout);
    let width = rustix::termios::tcgetwinsize(stdout).map_or(0, |size| size.ws_col);
    let width = if width == 0 { 100 } else { usize::from(width) };
    let coloured = terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    isolation::render(report, width, coloured)
}
