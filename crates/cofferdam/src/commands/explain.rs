use std::process::ExitCode;

use cofferdam_finding::{Rule, render};
use cofferdam_vuln::{database::Database, matching};

use super::rules;
use crate::{
    advisories,
    cli::Format,
    error::CliError,
    nearest::nearest,
    session::{Ended, Session},
    settings::Settings,
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
    let rule = find(&args.id, &session.settings)?;
    match args.format {
        Format::Table => {
            let terminal = session.printer.terminal();
            render::explain(&rule, terminal, session.printer.data())?;
        }
        Format::Json => session.printer.json(&rule)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Own rules have words for names, so that none is mistaken for a vulnerability.
fn find(id: &str, settings: &Settings) -> Result<Rule, CliError> {
    if let Some(rule) = rules::own().find(|rule| rule.id.eq_ignore_ascii_case(id)) {
        return Ok(rule.clone());
    }
    let database = advisories::open(settings)?;
    matching::explain(&database, id)?.ok_or_else(|| unknown(id, &database))
}

fn unknown(id: &str, database: &Database) -> CliError {
    let error = CliError::new(format!("could not find rule '{id}'"));
    if id.bytes().any(|byte| byte.is_ascii_digit()) {
        let date = database.header().date();
        return error.hint(format!(
            "the advisory database has nothing by that name; its oldest data is of {date}: \
             cofferdam db status"
        ));
    }
    match nearest(id, rules::own().map(|rule| rule.id.as_ref())) {
        Some(nearest) => error.hint(format!("did you mean '{nearest}'")),
        None => error.hint("cofferdam rules lists the rules"),
    }
}
