//! `ps`: a container's processes.

use std::process::Command as Program;

use super::Command;
use crate::{
    arguments::{Given, value},
    session::{Ended, Session, id, print},
};

pub(super) const COMMAND: Command = Command {
    name: "ps",
    summary: "list a container's processes",
    help: "\
ps [OPTIONS] ID [PS-OPTIONS]

  --format FORMAT, -f   table (the default), as ps(1) prints it, or json: ids only

PS-OPTIONS are those of ps(1); -ef if none are given. One of its columns has to be PID.
",
    options: &[value("format").or('f')],
    stop: 1,
    passes_code_on: false,
    failed: 1,
    run,
};

fn run(given: &Given, session: &Session) -> Ended {
    let (_, container) = session.find(&id(given)?)?;
    let processes = container.processes()?;
    // The format may also stand after the name, as options of other commands do.
    let rest = &given.words[1..];
    let after = |names: &[&str]| matches!(rest, [name, format] if names.iter().any(|n| name == n) && (format == "json" || format == "table"));
    let (format, options) = if after(&["--format", "-f"]) {
        (rest[1].to_str(), &[][..])
    } else {
        (given.text("format")?, rest)
    };
    match format {
        Some("json") => {
            let json = serde_json::to_string(&processes).map_err(|error| error.to_string())?;
            print(&format!("{json}\n"))
        }
        None | Some("table") => table(&processes, options),
        Some(other) => {
            Err(format!("could not use '{other}' for --format: table or json is wanted").into())
        }
    }
}

/// Those lines of ps(1) that are about the container's processes.
fn table(processes: &[i32], options: &[std::ffi::OsString]) -> Ended {
    let mut program = Program::new("ps");
    if options.is_empty() {
        program.arg("-ef");
    }
    let output = program.args(options).output();
    let output = output.map_err(|error| format!("could not run 'ps': {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        return Err(format!("could not list processes with 'ps': {why}").into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let title = lines.next().unwrap_or_default();
    let column = title.split_whitespace().position(|name| name == "PID");
    let column =
        column.ok_or_else(|| "could not find the column PID in what 'ps' prints".to_owned())?;
    let ours = lines.filter(|line| {
        let pid = line.split_whitespace().nth(column).and_then(|pid| pid.parse().ok());
        pid.is_some_and(|pid: i32| processes.contains(&pid))
    });
    print(&std::iter::once(title).chain(ours).map(|line| format!("{line}\n")).collect::<String>())
}
