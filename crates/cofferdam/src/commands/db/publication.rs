use std::{path::Path, process::ExitCode};

use cofferdam_image::{download, registry};
use cofferdam_vuln::publication::{
    EnvelopeError, Follow, How, Location, LocationError, PublicKey, State, UpdateError, update,
};
use time::OffsetDateTime;

use crate::{
    bounded,
    error::{CliError, OrFail as _},
    images::Reach,
    session::{Ended, Session},
};

/// Bytes that the file of a key may have.
pub(super) const LONGEST_KEY: u64 = 4096;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Follow a signed publication: a directory, an https address or oci:REFERENCE
    #[arg(long, value_name = "LOCATION", conflicts_with_all = ["list", "from", "force"])]
    publication: Option<String>,
    /// Public key that it has to be signed with: a file or ed25519:BASE64; may be given several
    /// times [default: those of the last time]
    #[arg(long, value_name = "KEY")]
    trust: Vec<String>,
    #[command(flatten)]
    reach: Reach,
}

impl Args {
    /// The publication that is followed, unless sources are listed.
    pub(super) fn location(&self, is_listed: bool, session: &Session) -> Option<String> {
        let set = session.settings.text("db.publication").filter(|_| !is_listed);
        self.publication.clone().or_else(|| set.map(str::to_owned))
    }
}

pub(super) fn follow(location: &str, args: &Args, session: &Session) -> Ended {
    let location = Location::parse(location)?;
    let mut trusted = Vec::new();
    let set = session.settings.text("db.trust").unwrap_or_default().split(',');
    let set: Vec<&str> = set.map(str::trim).filter(|key| !key.is_empty()).collect();
    let given = args.trust.iter().map(String::as_str);
    for key in if args.trust.is_empty() { set } else { given.collect() } {
        trusted.push(public_key(key)?);
    }
    let data_directory = session.settings.data_dir()?;
    let progress = session.printer.progress();
    let download = download::Options::default();
    let registry: registry::Options = args.reach.options(session);
    let follow = Follow {
        location: &location,
        trusted: &trusted,
        data_directory: &data_directory,
        now: OffsetDateTime::now_utc(),
        offline: session.offline(),
        download: &download,
        registry: &registry,
    };
    let outcome = update(&follow, &progress);
    drop(progress);
    let outcome = outcome.map_err(|error| shown(&error, &data_directory))?;
    if let Some(why) = &outcome.fallback {
        session
            .printer
            .warning(format!("the difference could not be used, so all was fetched: {why}"));
    }
    let what = format!("generation {} of {}", outcome.generation, outcome.date);
    session.printer.message(match outcome.how {
        How::UpToDate => format!("the database is up to date: {what}"),
        How::Delta => format!("updated to {what} by a difference of {} bytes", outcome.fetched),
        How::Full => format!("updated to {what}: {} bytes", outcome.fetched),
    });
    Ok(ExitCode::SUCCESS)
}

/// A key that is named on one line, or the file that it is in.
fn public_key(text: &str) -> Result<PublicKey, CliError> {
    let attempt = || format!("could not use key '{text}'");
    if text.starts_with("ed25519:") {
        return text.parse::<PublicKey>().or_fail(attempt);
    }
    read_key(Path::new(text))?.parse::<PublicKey>().or_fail(attempt)
}

/// The text of a key's file.
pub(super) fn read_key(path: &Path) -> Result<String, CliError> {
    bounded::text(path, LONGEST_KEY, || format!("could not read key '{}'", path.display()))
}

/// The error with what can be done about it.
fn shown(error: &UpdateError, data_directory: &Path) -> CliError {
    let shown = CliError::new(error.to_string());
    let shown = match std::error::Error::source(error) {
        Some(source) => shown.caused_by(source),
        None => shown,
    };
    let state = State::path_in(data_directory);
    match error {
        UpdateError::NoTrust(_) => {
            shown.hint("name the publisher's public key: --trust FILE, or the setting db.trust")
        }
        UpdateError::Envelope { source: EnvelopeError::Untrusted, .. } => shown.hint(
            "if the publisher has a new key, get it on another way than this one and name it with \
             --trust",
        ),
        UpdateError::Rollback { .. } | UpdateError::Equivocal { .. } => shown.hint(format!(
            "somebody may want you to use outdated advisories; if the publisher has begun anew, \
             remove '{}'",
            state.display()
        )),
        UpdateError::Expired { .. } => shown.hint(
            "the publisher has stopped, or somebody keeps newer publications from you; check the \
             clock, another mirror, or carry a database here: cofferdam db import",
        ),
        UpdateError::Location(LocationError::Offline(_)) => {
            shown.hint("name a directory with a copy of the publication")
        }
        UpdateError::Location(LocationError::Registry { source, .. }) => match source.hint() {
            Some(hint) => shown.hint(hint),
            None => shown,
        },
        UpdateError::State(_) => shown.hint(format!(
            "without it nobody knows which publications were seen; if that does not matter, remove \
             '{}'",
            state.display()
        )),
        _ => shown,
    }
}
