use std::{path::PathBuf, process::ExitCode};

use cofferdam_image::{store::Store, unpack::Policy};
use cofferdam_oci::Platform;

use super::{inspect, megabytes};
use crate::{
    images::{self, Reach},
    session::{Ended, Session},
};

/// Unpack an image into a new directory
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The image: a name or digest of the store, or any target that scan takes
    image: String,
    /// The directory to make
    directory: PathBuf,
    /// Keep set-user-id and set-group-id bits of files
    #[arg(long)]
    keep_setid: bool,
    /// Make device nodes, as root
    #[arg(long)]
    devices: bool,
    /// Which image of a multi-platform one [default: this machine's]
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    platform: Option<Platform>,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let image = inspect::find(&args.image, args.platform.clone(), &args.reach, session)?;
    let policy =
        Policy { keep_setid: args.keep_setid, create_devices: args.devices, ..Policy::standard() };
    let outcome = Store::unpack_to(&image, &args.directory, policy)
        .map_err(|error| images::failed(&error))?;
    let printer = &session.printer;
    for (count, what) in [
        (outcome.devices_skipped, "device nodes were left out; --devices makes them"),
        (outcome.setid_stripped, "files lost their set-id bits; --keep-setid keeps them"),
        (outcome.xattrs_skipped, "extended attributes were left out"),
        (outcome.owners_squashed, "files belong to you instead of their owner"),
    ] {
        if count > 0 {
            printer.message(format_args!("{count} {what}"));
        }
    }
    printer.message(format_args!(
        "unpacked {} entries, {}, into {}",
        outcome.entries,
        megabytes(outcome.bytes),
        args.directory.display()
    ));
    Ok(ExitCode::SUCCESS)
}
