use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use cofferdam_image::registry::{self, Part};
use cofferdam_oci::Reference;
use cofferdam_vuln::{
    database::Database,
    place::read_bounded,
    publication::{
        ARTIFACT_TYPE, DOCUMENT, DOCUMENT_TYPE, FILE_TYPE, Plan, PublishError, Published,
        SigningKey, publish,
    },
};
use time::OffsetDateTime;

use super::publication::read_key;
use crate::{
    advisories,
    error::{CliError, OrFail as _},
    images::{self, Reach},
    session::{Ended, Session},
};

/// Publish a database, signed, with differences from earlier ones
///
/// The directory can be served by any web server, copied to a mirror or a medium, and is followed by
/// cofferdam db update --publication. Run it again for each new database, or without one before the
/// publication expires.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The database [default: the one in use]
    database: Option<PathBuf>,
    /// File of the private key: see cofferdam db keygen
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Directory of the publication
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Push it as an artefact as well
    #[arg(long, value_name = "registry:REFERENCE")]
    push: Option<String>,
    /// Days after which it expires, unless it is published again
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    expires: u32,
    /// Earlier generations that are kept, with a difference from each
    #[arg(long, value_name = "NUMBER", default_value_t = 14)]
    keep: usize,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn run(args: &Args, session: &Session) -> Ended {
    let reference = args.push.as_deref().map(reference).transpose()?;
    if reference.is_some() && session.offline() {
        return Err(CliError::new("could not push the publication: this run is offline"));
    }
    let key = SigningKey::parse(&read_key(&args.key)?)
        .or_fail(|| format!("could not use key '{}'", args.key.display()))
        .hint("cofferdam db keygen NAME makes one")?;
    let database = match &args.database {
        Some(path) => Database::open(path)?,
        None => advisories::open(&session.settings)?,
    };
    let plan = Plan {
        database: &database,
        directory: &args.to,
        key: &key,
        now: OffsetDateTime::now_utc(),
        days: args.expires,
        keep: args.keep,
    };
    let published = publish(&plan).map_err(|error| shown(&error))?;
    tell(&published, args, session);
    if let Some(reference) = reference {
        let digest = push(&published, &args.to, &reference, args, session)?;
        session.printer.message(format!("pushed '{reference}': {digest}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(published: &Published, args: &Args, session: &Session) {
    let manifest = &published.manifest;
    let what = if published.renewed { "renewed" } else { "published" };
    session.printer.message(format!(
        "{what} generation {} of {} in '{}' as number {}, which holds until {}: {} bytes",
        manifest.generation,
        manifest.date,
        args.to.display(),
        manifest.counter,
        manifest.expires,
        manifest.full.size
    ));
    for delta in &manifest.deltas {
        let from = &delta.from[..12];
        session.printer.detail(format!("difference from {from}: {} bytes", delta.file.size));
    }
    if let Some(delta) = manifest.deltas.first() {
        session.printer.message(format!(
            "{} differences, that from the generation before has {} bytes",
            manifest.deltas.len(),
            delta.file.size
        ));
    }
}

fn shown(error: &PublishError) -> CliError {
    let shown = CliError::new(error.to_string());
    let shown = match std::error::Error::source(error) {
        Some(source) => shown.caused_by(source),
        None => shown,
    };
    match error {
        PublishError::Foreign { .. } => {
            shown.hint("go on with the key that it was begun with, or begin in another directory")
        }
        PublishError::Older { .. } => shown.hint("cofferdam db build --generation NUMBER sets it"),
        _ => shown,
    }
}

fn reference(text: &str) -> Result<Reference, CliError> {
    let attempt = || format!("could not push to '{text}'");
    let name = text.strip_prefix("registry:").or_else(|| text.strip_prefix("oci:"));
    name.unwrap_or(text).parse::<Reference>().or_fail(attempt)
}

/// Everything that the manifest names: blobs that the registry has already are not sent again.
fn push(
    published: &Published,
    directory: &Path,
    reference: &Reference,
    args: &Args,
    session: &Session,
) -> Result<cofferdam_oci::Digest, CliError> {
    let attempt = || format!("could not push '{reference}'");
    let mut parts = vec![Part {
        media_type: DOCUMENT_TYPE.to_owned(),
        title: DOCUMENT.to_owned(),
        bytes: Arc::from(published.document.as_slice()),
    }];
    for file in published.manifest.files() {
        let bytes = read_bounded(&directory.join(&file.path), file.size).or_fail(attempt)?;
        let (media_type, title) = (FILE_TYPE.to_owned(), file.path.clone());
        parts.push(Part { media_type, title, bytes: bytes.into() });
    }
    let pushed = registry::push(reference, ARTIFACT_TYPE, &parts, &args.reach.options(session));
    pushed.map_err(|error| images::failed(&error)).or_fail(attempt)
}
