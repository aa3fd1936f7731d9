use std::{io::Write as _, process::ExitCode};

use cofferdam_kube::rbac::Grant;
use serde::Serialize;

use super::{super::input::Input, About};
use crate::{
    cli::Format,
    session::{Ended, Session},
};

/// List everybody who may do something
///
/// The answer is the API server's own: verbs, groups, resources and names match as its authorizer
/// matches them. Members of system:masters may always; they are not listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube rbac who-can create pods -n shop dump.json
  cofferdam kube rbac who-can get secrets --name db -n shop dump.json
  cofferdam kube rbac who-can patch widgets.example.org/status dump.json
  cofferdam kube rbac who-can get /metrics dump.json")]
pub(crate) struct Args {
    /// get, list, watch, create, update, patch, delete, impersonate, bind, …
    verb: String,
    /// pods, pods/exec, deployments.apps, or a path: /metrics
    resource: String,
    #[command(flatten)]
    input: Input,
    #[command(flatten)]
    about: About,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct List {
    schema_version: u32,
    subjects: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    subject: String,
    binding: String,
    role: String,
    rule: cofferdam_kube::api::PolicyRule,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let request = args.about.request(&args.verb, &args.resource)?;
    let (_, access) = super::access(&args.input, session)?;
    let grants = access.who_can(&request);
    match args.format {
        Format::Json => {
            let subjects = grants.iter().map(row).collect();
            session.printer.json(&List { schema_version: 1, subjects })?;
        }
        Format::Table => table(&grants, session)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn row(grant: &Grant<'_>) -> Row {
    Row {
        subject: grant.subject.to_string(),
        binding: grant.binding.title(),
        role: grant.role.clone(),
        rule: grant.rule.clone(),
    }
}

fn table(grants: &[Grant<'_>], session: &mut Session) -> Result<(), crate::error::CliError> {
    if grants.is_empty() {
        session.printer.message("nobody, but for members of system:masters");
        return Ok(());
    }
    let rows: Vec<Row> = grants.iter().map(row).collect();
    let width = |of: fn(&Row) -> &str, least: usize| {
        rows.iter().map(|row| of(row).chars().count()).max().unwrap_or_default().max(least)
    };
    let (first, second) = (width(|row| &row.subject, 7), width(|row| &row.binding, 7));
    let out = session.printer.data();
    writeln!(out, "{:<first$}  {:<second$}  ROLE", "SUBJECT", "BINDING")?;
    for row in &rows {
        writeln!(out, "{:<first$}  {:<second$}  {}", row.subject, row.binding, row.role)?;
    }
    Ok(())
}
