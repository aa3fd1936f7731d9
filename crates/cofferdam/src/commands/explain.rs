use std::process::ExitCode;

use cofferdam_finding::{Rule, render};

use super::rules;
use crate::{
    cli::Format,
    error::CliError,
    nearest::nearest,
    session::{Ended, Session},
};

/// Explain a rule or a vulnerability: what it is, why it matters, what to do
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam explain CVE-2023-4911
  cofferdam explain package-database-damaged")]
pub(crate) struct Args {
    /// Id as reports print it
    #[arg(value_name = "RULE")]
    id: String,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let rule = find(&args.id)?;
    match args.format {
        Format::Table => {
            let terminal = session.printer.terminal();
            render::explain(rule, terminal, session.printer.data())?;
        }
        Format::Json => session.printer.json(&rule)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn find(id: &str) -> Result<&'static Rule, CliError> {
    rules::own().find(|rule| rule.id.eq_ignore_ascii_case(id)).ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> CliError {
    let error = CliError::new(format!("could not find rule '{id}'"));
    match nearest(id, rules::own().map(|rule| rule.id.as_ref())) {
        Some(nearest) => error.hint(format!("did you mean '{nearest}'")),
        None => error.hint("cofferdam rules lists the rules"),
    }
}
