use std::process::ExitCode;

use cofferdam_image::{OpenOptions, registry, store::Stored};
use cofferdam_oci::{Platform, Reference};

use super::{megabytes, short, stored_size};
use crate::{
    error::CliError,
    images::{self, Reach},
    session::{Ended, Session},
};

/// Fetch an image from a registry into the store
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Credentials are read where docker and podman keep them: $REGISTRY_AUTH_FILE,
$XDG_RUNTIME_DIR/containers/auth.json, $DOCKER_CONFIG/config.json, and the helper programs that
these files name.")]
pub(crate) struct Args {
    /// The image: alpine:3.20, quay.io/org/app@sha256:…
    reference: Reference,
    /// Which image of a multi-platform one [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    fetch(&args.reference, args.platform.clone(), &args.reach, session)?;
    Ok(ExitCode::SUCCESS)
}

/// Fetches an image into the store, and says so.
pub(crate) fn fetch(
    reference: &Reference,
    platform: Option<Platform>,
    reach: &Reach,
    session: &Session,
) -> Result<Stored, CliError> {
    let store = images::store(session)?;
    let options = OpenOptions { platform, ..OpenOptions::default() };
    let image = registry::open(reference, &options, &reach.options(session))
        .map_err(|error| images::failed(&error))?;
    let progress = session.printer.progress();
    let stored =
        store.import(&image, reference, &progress).map_err(|error| images::failed(&error))?;
    drop(progress);
    session.printer.message(format_args!(
        "pulled {} ({}, {})",
        stored.name,
        short(&stored.digest()),
        megabytes(stored_size(&image))
    ));
    Ok(stored)
}
