mod build;
mod exchange;
mod keygen;
mod publication;
mod publish;
mod search;
mod status;

use std::path::PathBuf;

use clap::Subcommand;
use cofferdam_vuln::{database::Database, place};

use crate::{
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Show, build and update the advisory database
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam db update
  cofferdam db status --verify
  cofferdam db search CVE-2024-5535
  cofferdam db build --list sources.toml --from ./copies --to advisories.cdb
  cofferdam db update --publication https://advisories.example/cofferdam --trust publisher.pub
  cofferdam db publish --key publisher.key --to ./publication
  cofferdam db export advisories.cdb     and, on a machine without a network:
  cofferdam db import advisories.cdb")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build a database from copies of its sources
    Build(build::Args),
    /// Fetch what has changed of the sources, build a database and put it to use
    Update(build::UpdateArgs),
    /// Show what the database is made of and how old it is
    Status(status::Args),
    /// Put the database of a file to use
    Import(exchange::ImportArgs),
    /// Write the database to a file
    Export(exchange::ExportArgs),
    /// Show what the database says about a vulnerability or a package
    Search(search::Args),
    Keygen(keygen::Args),
    Publish(publish::Args),
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::Build(args) => build::run(args, session),
        Command::Update(args) => build::update(args, session),
        Command::Status(args) => status::run(args, session),
        Command::Import(args) => exchange::import(args, session),
        Command::Export(args) => exchange::export(args, session),
        Command::Search(args) => search::run(args, session),
        Command::Keygen(args) => keygen::run(args, session),
        Command::Publish(args) => publish::run(args, session),
    }
}

/// Where `update` and `import` put the database.
fn own_path(session: &Session) -> Result<PathBuf, CliError> {
    Ok(Database::path_in(&session.settings.data_dir()?))
}

/// Puts `bytes` at `path`, whole or not at all.
fn replace(path: &std::path::Path, bytes: &[u8]) -> Result<(), CliError> {
    place::replace(path, bytes).or_fail(|| format!("could not write database '{}'", path.display()))
}
