use std::{collections::BTreeMap, io::Write as _, process::ExitCode};

use cofferdam_kube::{
    api::PolicyRule,
    rbac::{Granted, SubjectId, implicit_groups},
};
use serde::Serialize;

use super::{super::input::Input, About};
use crate::{
    cli::Format,
    error::CliError,
    nearest::nearest,
    session::{Ended, Session},
};

/// List all that a subject may do, or say whether it may do one thing
///
/// A service account is in the groups of service accounts, everybody but system:anonymous is in
/// system:authenticated; further groups of a user are named with --group.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam kube rbac can sa:shop/web dump.json
  cofferdam kube rbac can user:alice --group developers dump.json
  cofferdam kube rbac can sa:shop/web dump.json --verb get --resource secrets -n shop

Exit status:
  0  done; with --verb, it may
  1  with --verb, it may not
  2  wrong usage, or nothing could be read")]
pub(crate) struct Args {
    /// user:NAME, group:NAME or sa:NAMESPACE/NAME
    subject: SubjectId,
    #[command(flatten)]
    input: Input,
    /// A group that the subject is in besides
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// Ask for this verb only
    #[arg(long, requires = "resource")]
    verb: Option<String>,
    /// Ask for this resource or path only
    #[arg(long, requires = "verb")]
    resource: Option<String>,
    #[command(flatten)]
    about: About,
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Serialize)]
struct List {
    schema_version: u32,
    subject: String,
    groups: Vec<String>,
    rules: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    /// Where it holds; all of the cluster if there is none.
    namespace: Option<String>,
    rule: PolicyRule,
    role: String,
    binding: String,
    through: String,
}

#[derive(Serialize)]
struct Answer {
    schema_version: u32,
    allowed: bool,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let (_, access) = super::access(&args.input, session)?;
    if let (Some(verb), Some(resource)) = (&args.verb, &args.resource) {
        let request = args.about.request(verb, resource)?;
        let allowed = access.allows(&args.subject, &args.groups, &request);
        match args.format {
            Format::Json => session.printer.json(&Answer { schema_version: 1, allowed })?,
            Format::Table => {
                writeln!(session.printer.data(), "{}", if allowed { "yes" } else { "no" })?;
            }
        }
        return Ok(ExitCode::from(u8::from(!allowed)));
    }
    if !access.knows(&args.subject) {
        let known: Vec<String> = access.subjects.iter().map(ToString::to_string).collect();
        let subject = args.subject.to_string();
        let hint = nearest(&subject, known.iter().map(String::as_str))
            .map_or_else(String::new, |near| format!("; did you mean '{near}'"));
        session.printer.warning(format_args!("nothing names '{subject}'{hint}"));
    }
    let rows: Vec<Row> = access.granted_to(&args.subject, &args.groups).iter().map(row).collect();
    match args.format {
        Format::Json => {
            let mut groups = implicit_groups(&args.subject);
            groups.extend(args.groups.iter().cloned());
            let subject = args.subject.to_string();
            session.printer.json(&List { schema_version: 1, subject, groups, rules: rows })?;
        }
        Format::Table => table(&rows, session)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn row(granted: &Granted<'_>) -> Row {
    Row {
        namespace: granted.binding.namespace.clone(),
        rule: granted.rule.clone(),
        role: granted.role.clone(),
        binding: granted.binding.title(),
        through: granted.through.to_string(),
    }
}

/// By namespace, what holds everywhere first.
fn table(rows: &[Row], session: &mut Session) -> Result<(), CliError> {
    if rows.is_empty() {
        session.printer.message("nothing");
        return Ok(());
    }
    let mut places: BTreeMap<&Option<String>, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        places.entry(&row.namespace).or_default().push(row);
    }
    let out = session.printer.data();
    for (index, (place, rows)) in places.into_iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        match place {
            None => writeln!(out, "in all of the cluster")?,
            Some(namespace) => writeln!(out, "in namespace {namespace}")?,
        }
        for row in rows {
            writeln!(out, "  {}", shown(&row.rule))?;
            writeln!(out, "      {} by {} as {}", row.role, row.binding, row.through)?;
        }
    }
    Ok(())
}

fn shown(rule: &PolicyRule) -> String {
    let list = |words: &[String]| words.join(", ");
    let mut text = format!("{:<24}", list(&rule.verbs));
    if !rule.non_resource_urls.is_empty() {
        text = format!("{text} {}", list(&rule.non_resource_urls));
    }
    if !rule.resources.is_empty() {
        let named = |group: &String| if group.is_empty() { "core".into() } else { group.clone() };
        let groups: Vec<String> = rule.api_groups.iter().map(named).collect();
        text = format!("{text} {} ({})", list(&rule.resources), groups.join(", "));
    }
    if !rule.resource_names.is_empty() {
        text = format!("{text} named {}", list(&rule.resource_names));
    }
    text
}
