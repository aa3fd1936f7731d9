use std::{io::Write as _, process::ExitCode};

use cofferdam_finding::render::escape;
use cofferdam_vuln::base::{Base, newer};
use serde::Serialize;

use super::{bases, built, short};
use crate::{
    cli::Format,
    session::{Ended, Session},
};

/// List the base images that are known
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How to write the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct List<'a> {
    schema_version: u32,
    bases: &'a [Base],
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let (_, bases) = bases(session)?;
    if let Format::Json = args.format {
        session.printer.json(&List { schema_version: 1, bases: &bases })?;
        return Ok(ExitCode::SUCCESS);
    }
    let out = session.printer.data();
    let width = bases.iter().map(|base| base.name.chars().count()).max().unwrap_or(0).max(4);
    writeln!(out, "{:<width$}  DIGEST        BUILT       PLATFORM     LAYERS", "NAME")?;
    for base in &bases {
        let newest = if newer(&bases, base).is_none() { "  newest" } else { "" };
        writeln!(
            out,
            "{:<width$}  {}  {:<10}  {:<11}  {:>6}{newest}",
            escape(&base.name),
            short(&base.digest),
            escape(built(base)),
            escape(&base.platform),
            base.layers.len()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
