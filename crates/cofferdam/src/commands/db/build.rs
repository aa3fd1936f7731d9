use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use cofferdam_image::{Progress as _, download::Options};
use cofferdam_vuln::{
    database::{Builder, Database},
    feed::{self, Built, Fetched, Source, SourceList, build_onto},
};
use time::OffsetDateTime;

use super::{own_path, publication, replace};
use crate::{
    bounded,
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
    /// Database to add the sources to, instead of beginning with an empty one
    #[arg(long, value_name = "FILE")]
    onto: Option<PathBuf>,
    /// Generation that the file says it is
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    generation: u64,
}

#[derive(Debug, clap::Args)]
pub(super) struct UpdateArgs {
    /// TOML file that lists the sources [default: where they are published]
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// Directory with copies of the sources, instead of fetching them
    #[arg(long, value_name = "DIR", requires = "list")]
    from: Option<PathBuf>,
    /// Build the database even if no source has changed
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    publication: publication::Args,
}

pub(super) fn run(args: &Args, session: &Session) -> Ended {
    let sources = listed(&args.sources.list)?.source;
    let builder = match &args.onto {
        Some(base) => Builder::onto(&verified(base)?)?,
        None => Builder::new(),
    };
    let built = from_copies(builder, &sources, &args.sources.from, args.generation, session)?;
    replace(&args.to, &built.bytes)?;
    session.printer.message(format!("wrote '{}'", args.to.display()));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn update(args: &UpdateArgs, session: &Session) -> Ended {
    if let Some(location) = args.publication.location(args.list.is_some(), session) {
        return publication::follow(&location, &args.publication, session);
    }
    let path = own_path(session)?;
    let before = Database::open(&path).ok();
    let generation = before.as_ref().map_or(0, |database| database.header().generation) + 1;
    let list = match &args.list {
        Some(file) => listed(file)?,
        None => SourceList::published(),
    };
    let mut unfinished = None;
    let (sources, copies) = match &args.from {
        Some(directory) => (list.source, directory.clone()),
        None => {
            let copies = path.with_file_name("feeds");
            let mark = Unfinished::begin(&copies)?;
            let fetched = from_publishers(&list.source, &copies, session)?;
            let current = before.is_some_and(|before| is_built_from(&before, &fetched));
            if current && !mark.before && !args.force {
                mark.end();
                session.printer.message("the database is up to date: no source has changed");
                return Ok(ExitCode::SUCCESS);
            }
            unfinished = Some(mark);
            (fetched.sources, copies)
        }
    };
    let built = from_copies(Builder::new(), &sources, &copies, generation, session)?;
    replace(&path, &built.bytes)?;
    if let Some(mark) = unfinished {
        mark.end();
    }
    session.printer.message(format!("updated '{}' to generation {generation}", path.display()));
    Ok(ExitCode::SUCCESS)
}

fn is_built_from(database: &Database, fetched: &Fetched) -> bool {
    let names = database.header().sources.iter().map(|source| &source.name);
    fetched.changed.is_empty() && names.eq(fetched.sources.iter().map(|source| &source.name))
}

/// A mark that copies may be newer than the database, until that is built from them.
struct Unfinished {
    mark: PathBuf,
    /// Whether an earlier update left its mark.
    before: bool,
}

impl Unfinished {
    fn begin(copies: &Path) -> Result<Self, CliError> {
        let mark = copies.join("unfinished");
        let before = mark.exists();
        fs::create_dir_all(copies)
            .and_then(|()| fs::write(&mark, b""))
            .or_fail(|| format!("could not use the copies in '{}'", copies.display()))?;
        Ok(Self { mark, before })
    }

    /// Without effect the next update builds once more than is needed.
    fn end(self) {
        let _ = fs::remove_file(self.mark);
    }
}

fn listed(file: &Path) -> Result<SourceList, CliError> {
    let attempt = || format!("could not read list of sources '{}'", file.display());
    SourceList::parse(&bounded::text(file, LONGEST_LIST, attempt)?).or_fail(attempt)
}

fn from_publishers(
    sources: &[Source],
    copies: &Path,
    session: &Session,
) -> Result<Fetched, CliError> {
    if session.offline() {
        return Err(CliError::new("could not fetch advisories: this run is offline")
            .hint("name copies of the sources with --list and --from, or carry a database here: cofferdam db import"));
    }
    let progress = session.printer.progress();
    let today = OffsetDateTime::now_utc().date();
    let fetched = feed::fetch(sources, copies, &Options::default(), today, &progress);
    fetched.hint(
        "behind a proxy set HTTPS_PROXY; for a mirror write a list with its addresses: --list",
    )
}

/// The database at `path`, compared with its checksum: damage is not to be built upon.
fn verified(path: &Path) -> Result<Database, CliError> {
    let database = Database::open(path)?;
    database.verify()?;
    Ok(database)
}

fn from_copies(
    builder: Builder,
    sources: &[Source],
    copies: &Path,
    generation: u64,
    session: &Session,
) -> Result<Built, CliError> {
    let progress = session.printer.progress();
    let built = build_onto(builder, sources, copies, generation, &mut |source| {
        progress.begin(&source.name, None);
    });
    drop(progress);
    let built = built.hint(format!(
        "put a copy of each source below '{}', at the path that the list gives it",
        copies.display()
    ))?;
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
