mod add;
mod check;
mod list;
mod remove;

use cofferdam_vuln::base::{
    Base,
    store::{BaseError, Bases},
};

use crate::{
    error::CliError,
    session::{Ended, Session},
};

/// Know base images: what came from them, and whether an image is behind the newest
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam base add registry:debian:12 --name debian:12
  cofferdam base list
  cofferdam base check registry:quay.io/org/app:1.2
  cofferdam base check --fail-behind oci:./image
  cofferdam base remove debian:12")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Add(add::Args),
    List(list::Args),
    Check(check::Args),
    Remove(remove::Args),
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::Add(args) => add::run(args, session),
        Command::List(args) => list::run(args, session),
        Command::Check(args) => check::run(args, session),
        Command::Remove(args) => remove::run(args, session),
    }
}

/// The bases of the data directory, those that can be read; the others are warned of.
fn bases(session: &Session) -> Result<(Bases, Vec<Base>), CliError> {
    let store = Bases::of(&session.settings.data_dir()?);
    let (bases, broken) = store.all()?;
    for error in broken {
        session.printer.warning(described(&error));
    }
    Ok((store, bases))
}

/// An error with its causes, on one line.
fn described(error: &BaseError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

/// Twelve digits of a digest, as people know them.
fn short(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..12).unwrap_or(hex)
}

/// When a base was built, as far as it says.
fn built(base: &Base) -> &str {
    base.created.as_deref().and_then(|created| created.get(..10)).unwrap_or("an unknown day")
}
