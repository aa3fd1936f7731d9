use std::{fs, path::PathBuf};

use cofferdam_image::store::{Root, Store, Stored};
use cofferdam_oci::image::Execution;

use super::arguments::{Args, Pull};
use crate::{
    commands::image::pull,
    error::{CliError, OrFail as _},
    images,
    session::Session,
};

/// What a container is made from.
pub(crate) struct Origin {
    /// Its root directory.
    pub(crate) path: PathBuf,
    /// The image as it was named.
    pub(crate) image: Option<String>,
    /// What the image says.
    pub(crate) says: Execution,
    /// The command, as far as it is given.
    pub(crate) command: Vec<String>,
    /// What keeps the image in the store.
    pub(crate) held: Option<Root>,
}

/// The root directory, what the image says, the command, and what keeps the image in the store.
pub(crate) fn root(args: &Args, session: &Session) -> Result<Origin, CliError> {
    // Words after the image may be set apart by `--`, which clap leaves in place there.
    let without_dashes =
        |words: &[String]| words.strip_prefix(&["--".to_owned()]).unwrap_or(words).to_vec();
    if let Some(directory) = &args.rootfs {
        let path = fs::canonicalize(directory)
            .or_fail(|| format!("could not open the root file system '{}'", directory.display()))?;
        let command = without_dashes(&args.words);
        let says = Execution::default();
        return Ok(Origin { path, image: None, says, command, held: None });
    }
    let Some((name, command)) = args.words.split_first() else {
        return Err(CliError::new("could not run: neither an image nor --rootfs is given")
            .hint("run 'cofferdam run --rootfs DIR -- COMMAND' for a root file system on disk"));
    };
    let store = images::store(session)?;
    let stored = stored(&store, name, args, session)?;
    let image = store.load(&stored)?;
    let root = store.unpack(&image)?;
    Ok(Origin {
        path: root.path().to_owned(),
        image: Some(name.clone()),
        says: image.configuration.config,
        command: without_dashes(command),
        held: Some(root),
    })
}

/// The image in the store, which it is fetched into if it is to be.
fn stored(store: &Store, name: &str, args: &Args, session: &Session) -> Result<Stored, CliError> {
    if let Some(stored) = store.find(name)? {
        return Ok(stored);
    }
    let missing = || CliError::new(format!("could not find image '{name}' in the store"));
    if args.pull == Pull::Never || session.offline() {
        return Err(missing()
            .hint(format!("run 'cofferdam image pull {name}', or --rootfs for a directory")));
    }
    let reference = name.parse().or_fail(|| missing().message().to_owned())?;
    pull::fetch(&reference, None, &args.reach, session)
        .or_fail(|| missing().message().to_owned())
        .hint("--pull never uses what is in the store only")
}
