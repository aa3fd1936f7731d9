//! The working directory, which has to be inside the container (CVE-2024-21626).

use std::path::Path;

use cofferdam_sys::root::{Links, Root};
use rustix::{io::Errno, process::fchdir};

use crate::error::{Doing, Error};

/// Enters `directory` below `root`, and makes it if it is missing.
///
/// It is resolved below the root and never by links of /proc, so that no descriptor that was
/// left open, and no other process's directory, leads out.
pub(super) fn enter(root: &Root, directory: &Path) -> Result<(), Error> {
    let name = directory.display();
    let handle = match root.handle(directory, Links::Follow) {
        Err(Errno::NOENT) => root.directory(directory, Links::Follow).doing("make", &name)?,
        Err(Errno::LOOP) => {
            let why = "it leads over a link of /proc, or over too many links";
            return Err(std::io::Error::other(why)).doing("enter the directory", &name);
        }
        found => found.doing("enter the directory", &name)?,
    };
    fchdir(&handle).doing("enter the directory", &name)
}
