mod export;
mod import;
mod inspect;
mod list;
pub(crate) mod pull;
mod remove;
mod unpack;

use cofferdam_image::{Image, Source};

use crate::{
    error::{CliError, OrFail as _},
    session::{Ended, Session},
};

/// List, inspect, pull and remove images of the store
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cofferdam image pull alpine:3.20
  cofferdam image import root.tar local/debian
  cofferdam image export local/debian docker-archive:debian.tar
  cofferdam image unpack oci:./image ./root
  cofferdam image remove alpine:3.20")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(list::Args),
    Inspect(inspect::Args),
    Pull(pull::Args),
    Import(import::Args),
    Export(export::Args),
    Unpack(unpack::Args),
    Remove(remove::Args),
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    match &args.command {
        Command::List(args) => list::run(args, session),
        Command::Inspect(args) => inspect::run(args, session),
        Command::Pull(args) => pull::run(args, session),
        Command::Import(args) => import::run(args, session),
        Command::Export(args) => export::run(args, session),
        Command::Unpack(args) => unpack::run(args, session),
        Command::Remove(args) => remove::run(args, session),
    }
}

/// The image of a source, for what makes no sense with a bare directory.
fn image_of(source: Source, text: &str) -> Result<Image, CliError> {
    match source {
        Source::Image(image) => Ok(*image),
        Source::Directory(_) => {
            Err(CliError::new(format!("could not use '{text}': it is a directory, not an image")))
                .hint("make it an image first: cofferdam image import")
        }
    }
}

/// `12.3 MB`.
fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

/// Twelve digits of a digest, as people know them.
fn short(digest: &cofferdam_oci::Digest) -> String {
    digest.hex()[..12].to_owned()
}

/// The bytes of all layers as they are stored.
fn stored_size(image: &Image) -> u64 {
    image.layers.iter().map(|layer| layer.descriptor.size).fold(0, u64::saturating_add)
}
