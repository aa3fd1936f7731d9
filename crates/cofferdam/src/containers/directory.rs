use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use crate::error::{CliError, OrFail as _};

/// `/run/cofferdam` for root, else below the user's own runtime directory or, without one, a
/// directory of the user's in the one for temporary files.
pub(crate) fn runtime_directory() -> Result<PathBuf, CliError> {
    use std::os::unix::fs::MetadataExt as _;
    let user = rustix::process::geteuid();
    let path = if user.is_root() {
        PathBuf::from("/run/cofferdam")
    } else {
        match std::env::var_os("XDG_RUNTIME_DIR").filter(|path| Path::new(path).is_dir()) {
            Some(path) => PathBuf::from(path).join("cofferdam"),
            None => std::env::temp_dir().join(format!("cofferdam-{}", user.as_raw())),
        }
    };
    let failed = || format!("could not use the directory of containers '{}'", path.display());
    match fs::DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        made => made.or_fail(failed)?,
    }
    // In a directory that others may write to, somebody may have been there first.
    let found = fs::symlink_metadata(&path).or_fail(failed)?;
    if !found.is_dir() || found.uid() != user.as_raw() || found.mode() & 0o077 != 0 {
        let why = std::io::Error::other("it is not a directory of this user's alone");
        return Err(why).or_fail(failed);
    }
    Ok(path)
}
