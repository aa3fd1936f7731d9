use std::{fs, path::PathBuf};

use cofferdam_oci::image::Execution;

use super::arguments::Args;
use crate::{
    error::{CliError, OrFail as _},
    images,
    session::Session,
};

/// The root directory, what the image says, the command, and what keeps the image in the store.
pub(crate) fn root(
    args: &Args,
    session: &Session,
) -> Result<(PathBuf, Execution, Vec<String>, Option<impl Sized + use<>>), CliError> {
    // Words after the image may be set apart by `--`, which clap leaves in place there.
    let without_dashes =
        |words: &[String]| words.strip_prefix(&["--".to_owned()]).unwrap_or(words).to_vec();
    if let Some(directory) = &args.rootfs {
        let path = fs::canonicalize(directory)
            .or_fail(|| format!("could not open the root file system '{}'", directory.display()))?;
        return Ok((path, Execution::default(), without_dashes(&args.words), None));
    }
    let Some((name, command)) = args.words.split_first() else {
        return Err(CliError::new("could not run: neither an image nor --rootfs is given")
            .hint("run 'cofferdam run --rootfs DIR -- COMMAND' for a root file system on disk"));
    };
    let store = images::store(session)?;
    let stored = store.find(name)?.ok_or_else(|| {
        CliError::new(format!("could not find image '{name}' in the store"))
            .hint(format!("run 'cofferdam image pull {name}', or --rootfs for a directory"))
    })?;
    let image = store.load(&stored)?;
    let root = store.unpack(&image)?;
    let path = root.path().to_owned();
    Ok((path, image.configuration.config, without_dashes(command), Some(root)))
}
