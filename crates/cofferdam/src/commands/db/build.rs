use std::{fs, path::PathBuf, process::ExitCode};

use cofferdam_image::Progress as _;
use cofferdam_vuln::{
    database::Database,
    feed::{Built, SourceList, build},
};

use super::{own_path, replace};
use crate::{
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// Bytes of a list of sources.
const LONGEST_LIST: u64 = 1 << 20;

#[derive(Debug, clap::Args)]
pub(super) struct Sources {
    /// TOML file that lists the sources: see docs/guides/database.md
    #[arg(long, value_name = "FILE")]
    list: PathBuf,
    /// Directory below which the copies of the sources are
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    sources: Sources,
    /// File to write
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Generation that the file says it is
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    generation: u64,
}

#[derive(Debug, clap::Args)]
pub(super) struct UpdateArgs {
    #[command(flatten)]
    sources: Sources,
}

pub(super) fn run(args: &Args, session: &Session) -> Ended {
    let built = from_copies(&args.sources, args.generation, session)?;
    replace(&args.to, &built.bytes)?;
    session.printer.message(format!("wrote '{}'", args.to.display()));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn update(args: &UpdateArgs, session: &Session) -> Ended {
    let path = own_path(session)?;
    let before = Database::open(&path).map_or(0, |database| database.header().generation);
    let built = from_copies(&args.sources, before + 1, session)?;
    replace(&path, &built.bytes)?;
    session.printer.message(format!("updated '{}' to generation {}", path.display(), before + 1));
    Ok(ExitCode::SUCCESS)
}

fn from_copies(sources: &Sources, generation: u64, session: &Session) -> Result<Built, CliError> {
    let attempt = || format!("could not read list of sources '{}'", sources.list.display());
    let length = fs::metadata(&sources.list).or_fail(attempt)?.len();
    if length > LONGEST_LIST {
        return Err(CliError::new(format!("{}: it is too long", attempt())));
    }
    let list = SourceList::parse(&fs::read_to_string(&sources.list).or_fail(attempt)?);
    let list = list.or_fail(attempt)?;
    let progress = session.printer.progress();
    let built = build(&list.source, &sources.from, generation, &mut |source| {
        progress.begin(&source.name, None);
    })
    .hint(format!(
        "put a copy of each source below '{}', at the path that '{}' gives it",
        sources.from.display(),
        sources.list.display()
    ))?;
    drop(progress);
    report(&built, session);
    Ok(built)
}

fn report(built: &Built, session: &Session) {
    for (name, tally) in &built.tallies {
        session.printer.message(format!(
            "{name}: {} records read: {} withdrawn, {} about other things, {} broken",
            tally.records, tally.withdrawn, tally.irrelevant, tally.broken
        ));
        for example in &tally.examples {
            session.printer.warning(format!("{name}: skipped {example}"));
        }
    }
}
