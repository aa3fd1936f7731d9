//! `list`: every container.

use cofferdam_runtime::{container, state::Summary};

use super::Command;
use crate::{
    arguments::{Given, flag, value},
    session::{Ended, Session, at_most, print},
};

pub(super) const COMMAND: Command = Command {
    name: "list",
    summary: "list containers",
    help: "\
list [OPTIONS]

  --format FORMAT, -f   table (the default) or json
  --quiet, -q           names only
",
    options: &[value("format").or('f'), flag("quiet").or('q')],
    stop: usize::MAX,
    passes_code_on: false,
    failed: 1,
    run,
};

fn run(given: &Given, session: &Session) -> Ended {
    at_most(given, 0)?;
    let mut found = Vec::new();
    if let Some(store) = session.store()? {
        for summary in container::list(&store)? {
            match summary {
                Ok(summary) => found.push(summary),
                Err(error) => session.log.warning(&error.chain().join(": ")),
            }
        }
    }
    if given.is_set("quiet") {
        return print(&found.iter().map(|summary| format!("{}\n", summary.id)).collect::<String>());
    }
    match given.text("format")? {
        None | Some("table") => print(&table(&found)),
        Some("json") => {
            let json = serde_json::to_string(&found).map_err(|error| error.to_string())?;
            print(&format!("{json}\n"))
        }
        Some(other) => {
            Err(format!("could not use '{other}' for --format: table or json is wanted").into())
        }
    }
}

fn table(found: &[Summary]) -> String {
    let title = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned);
    let mut rows = vec![title];
    rows.extend(found.iter().map(|summary| {
        [
            summary.id.clone(),
            summary.pid.to_string(),
            summary.status.to_owned(),
            // A line is a container, whatever its paths are called.
            summary.bundle.display().to_string().escape_debug().to_string(),
            summary.created.clone(),
            summary.owner.clone(),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..6).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}   "));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    rows.iter().map(line).collect()
}
