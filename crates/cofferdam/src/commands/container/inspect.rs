use std::process::{Command, ExitCode};

use cofferdam_runtime::{
    ContainerId,
    record::{Condition, Record},
    state::Summary,
};
use serde::Serialize;

use crate::{
    commands::run::wait,
    containers::{self, process_id, runtime},
    session::{Ended, Session},
};

/// Show all that is known of a container, as JSON
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam container inspect web
  cofferdam container inspect --isolation web")]
pub(crate) struct Args {
    /// Which container
    name: ContainerId,
    /// Show what isolation is in force instead, by the kernel's own account
    #[arg(long)]
    isolation: bool,
}

#[derive(Debug, Serialize)]
struct Inspection<'a> {
    schema_version: u32,
    name: &'a str,
    status: &'static str,
    pid: Option<i32>,
    /// What was asked for.
    record: &'a Record,
    /// How it is doing, as its keeper last knew.
    condition: &'a Condition,
    /// What the runtime says; absent when it has ended.
    runtime: Option<Summary>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let found = containers::find(&args.name)?;
    if args.isolation {
        found.running("look into")?;
        let mut command = Command::new(runtime());
        command.arg("inspect").arg("--isolation").arg(args.name.as_str());
        return wait(command, None);
    }
    let inspection = Inspection {
        schema_version: 1,
        name: found.id().as_str(),
        status: found.standing()?.as_str(),
        pid: process_id(&found)?,
        record: &found.record,
        condition: &found.condition,
        runtime: found.container()?.map(|container| container.summary()).transpose()?,
    };
    session.printer.json(&inspection)?;
    Ok(ExitCode::SUCCESS)
}
