mod cgroups;
mod check;
mod database;
mod identity;
mod isolation;
mod network;
mod program;
mod storage;
mod table;

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use serde::Serialize;

use self::check::{Check, Status, Verdict};
use crate::{
    cli::Format,
    session::{Ended, Session},
};

/// Say what works on this machine, and what to do where something does not
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam doctor
  cofferdam doctor --format json | jq '.checks[] | select(.status != \"works\")'

What can be tried is tried, in a child process that ends at once; nothing is changed.
Run it as the user who will run containers: the answers differ for root and for others.

Exit status:
  0  scan and run work, perhaps with something weaker than it could be
  1  scan or run does not work here
  2  wrong usage, or the work could not be done")]
pub(crate) struct Args {
    /// How to write the answers
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The JSON form of the answers.
#[derive(Serialize)]
struct Report {
    schema_version: u32,
    scan: Verdict,
    run: Verdict,
    checks: Vec<Check>,
}

/// Who asks, and where things are kept: what the checks depend on.
struct Machine {
    user: u32,
    group: u32,
    data_directory: PathBuf,
    /// The advisory database that the settings name, if they do.
    database: Option<PathBuf>,
}

impl Machine {
    fn is_root(&self) -> bool {
        self.user == 0
    }
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let machine = Machine {
        user: rustix::process::geteuid().as_raw(),
        group: rustix::process::getegid().as_raw(),
        data_directory: session.settings.data_dir()?,
        database: session.settings.path("scan.db"),
    };
    let report = examine(&machine);
    match args.format {
        Format::Table => {
            let terminal = session.printer.terminal();
            let text = table::table(&report, terminal.columns, terminal.color);
            session.printer.data().write_all(text.as_bytes())?;
        }
        Format::Json => session.printer.json(&report)?,
    }
    let works = [report.scan, report.run].iter().all(|verdict| *verdict != Verdict::Missing);
    Ok(ExitCode::from(u8::from(!works)))
}

fn examine(machine: &Machine) -> Report {
    let mut checks = vec![isolation::kernel()];
    checks.extend(isolation::namespaces(machine));
    checks.push(isolation::user_namespaces(machine));
    checks.push(isolation::overlay(machine));
    checks.push(isolation::idmapped_mounts(machine));
    checks.push(isolation::system_call_filter());
    checks.extend(isolation::security_modules());
    checks.extend(network::checks(machine));
    checks.extend(cgroups::checks(machine));
    checks.extend(identity::checks(machine));
    checks.extend(storage::checks(machine));
    checks.push(database::check(machine));
    checks.push(program::check());
    Report {
        schema_version: 1,
        scan: Verdict::of(&checks, |needs| needs.scan),
        run: Verdict::of(&checks, |needs| needs.run),
        checks,
    }
}
