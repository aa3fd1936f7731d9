use std::{path::PathBuf, process::ExitCode};

use cofferdam_image::{
    OpenOptions, Source, Target, TargetError,
    store::{Compression, Recipe, Store, Stored},
};
use cofferdam_oci::{Platform, Reference};

use super::short;
use crate::{
    error::CliError,
    images::{self, Reach},
    session::{Ended, Session},
};

/// Copy an image, or a root file system, into the store
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A directory, or a tar archive (plain, gzip or zstd) that is not an image, is a root file system and
becomes an image of one layer that runs /bin/sh.

Examples:
  cofferdam image import docker-archive:saved.tar app:1.2
  cofferdam image import --compress zstd ./root local/debian
  cofferdam image import root.tar.gz local/debian")]
pub(crate) struct Args {
    /// What to import: any target that scan takes, or a tar archive of a root file system
    target: String,
    /// What to call it
    name: Reference,
    /// Which image of a multi-platform one, or what a root file system runs on
    /// [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    /// How the layer of a root file system is stored
    #[arg(long, value_enum, default_value_t)]
    compress: Compress,
    #[command(flatten)]
    reach: Reach,
}

/// How a layer is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Compress {
    // Every tool reads it.
    #[default]
    Gzip,
    // Smaller and faster.
    Zstd,
    // As it is.
    None,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let stored = import(args, session)?;
    session.printer.message(format_args!("imported {} ({})", stored.name, short(&stored.digest())));
    Ok(ExitCode::SUCCESS)
}

fn import(args: &Args, session: &Session) -> Result<Stored, CliError> {
    let target = match Target::parse(&args.target) {
        Ok(Target::Directory(root)) => return root_file_system(args, root, session),
        Ok(target) => target,
        Err(TargetError::Unrecognised(file)) if file.is_file() => {
            return root_file_system(args, file, session);
        }
        Err(error) => return Err(images::parse_error(&args.target, &error)),
    };
    let options = OpenOptions { platform: args.platform.clone(), ..OpenOptions::default() };
    let source = images::locate_target(&args.target, &target, &options, &args.reach, session)?;
    let Source::Image(image) = source else {
        unreachable!("directories were handled above");
    };
    let progress = session.printer.progress();
    let store = images::store(session)?;
    store.import(&image, &args.name, &progress).map_err(|error| images::failed(&error))
}

fn root_file_system(args: &Args, root: PathBuf, session: &Session) -> Result<Stored, CliError> {
    let store: Store = images::store(session)?;
    let mut recipe = Recipe::new(args.name.clone());
    recipe.compression = match args.compress {
        Compress::Gzip => Compression::Gzip,
        Compress::Zstd => Compression::Zstd,
        Compress::None => Compression::None,
    };
    if let Some(platform) = &args.platform {
        recipe.platform = platform.clone();
    }
    let progress = session.printer.progress();
    store.import_root(&root, &recipe, &progress).map_err(|error| images::failed(&error))
}
