use std::process::ExitCode;

use cofferdam_finding::{Rule, SCHEMA_VERSION, render};
use serde::Serialize;

use crate::{
    cli::Format,
    session::{Ended, Session},
};

/// List Cofferdam's own rules
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam rules
  cofferdam rules --format json | jq -r '.rules[].id'

Vulnerabilities are rules too, too many to list: cofferdam explain CVE-… shows one.")]
pub(crate) struct Args {
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// The JSON form of the list.
#[derive(Serialize)]
struct List {
    schema_version: u32,
    rules: Vec<&'static Rule>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match args.format {
        Format::Table => {
            let terminal = session.printer.terminal();
            render::rules_table(own(), terminal, session.printer.data())?;
        }
        Format::Json => {
            session
                .printer
                .json(&List { schema_version: SCHEMA_VERSION, rules: own().collect() })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The rules that come with the program.
pub(crate) fn own() -> impl Iterator<Item = &'static Rule> {
    cofferdam_vuln::rules::RULES
        .iter()
        .chain(cofferdam_posture::image::rules())
        .chain(cofferdam_posture::secret::rules())
        .chain(cofferdam_posture::lint::rules())
        .chain(cofferdam_kube::rules::all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_id_and_says_what_why_and_how() {
        let rules: Vec<&Rule> = own().collect();
        for (index, rule) in rules.iter().enumerate() {
            assert!(rules[..index].iter().all(|other| other.id != rule.id), "{}", rule.id);
            let slug = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            assert!(rule.id.bytes().all(slug), "{}", rule.id);
            for text in [&rule.title, &rule.explain.what, &rule.explain.why, &rule.explain.fix] {
                assert!(!text.is_empty(), "{}", rule.id);
            }
        }
    }
}
