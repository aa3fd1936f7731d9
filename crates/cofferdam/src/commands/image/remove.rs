use std::process::ExitCode;

use super::megabytes;
use crate::{
    images,
    session::{Ended, Session},
};

/// Remove images from the store, with all that no other image uses
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Names, or digests or their first digits
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

pub(crate) fn run(args: &Args, session: &mut Session) -> Ended {
    let store = images::store(session)?;
    for text in &args.images {
        let removal = store.remove(text).map_err(|error| images::failed(&error))?;
        let printer = &session.printer;
        for name in &removal.names {
            printer.message(format_args!("removed {name}"));
        }
        printer.detail(format_args!(
            "freed {} in {} blobs and {} unpacked roots",
            megabytes(removal.bytes),
            removal.blobs,
            removal.roots
        ));
        if removal.deferred {
            printer.message("its content is deleted at the next removal: the store is in use");
        }
        if removal.roots_in_use > 0 {
            printer.message("its unpacked root stays until no container uses it any more");
        }
    }
    Ok(ExitCode::SUCCESS)
}
