//! Leaving a container to a monitor in the background.

use std::{
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
    process::{Command, Stdio},
};

use cofferdam_sys::exec::close_on_exec_from;

use super::{Kept, Report, runtime};
use crate::error::{CliError, OrFail as _};

/// Starts the container in the background; returns when its program runs.
///
/// `held` is what keeps the image in the store, and is passed on to the monitor.
pub(crate) fn start(mut kept: Kept, held: Option<&impl AsFd>) -> Result<(), CliError> {
    let attempt = || "could not start the container's monitor".to_owned();
    let own = std::env::current_exe().or_fail(attempt)?;
    // Nothing that this process was given may stay open in the background.
    close_on_exec_from(3).map_err(std::io::Error::from).or_fail(attempt)?;
    let held = held.map(inheritable).transpose().or_fail(attempt)?;
    let mut command = Command::new(own);
    command.arg("container-monitor").arg(kept.folder().id().as_str());
    if let Some(held) = &held {
        command.arg("--holding").arg(held.as_raw_fd().to_string());
    }
    command.env("COFFERDAM_RUNTIME", runtime()).current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut monitor = command.spawn().or_fail(attempt)?;
    let said = match monitor.stdout.take() {
        Some(stdout) => Report::read(stdout),
        None => Err(CliError::new(attempt())),
    };
    kept.unlock();
    match said {
        Ok(()) => {
            // It goes on by itself, and is nobody's child when this process has ended.
            kept.hand_over();
            Ok(())
        }
        Err(error) => {
            // It has nothing left to do; what there is of the container goes away with `kept`.
            let _ = monitor.wait();
            Err(error)
        }
    }
}

/// A copy that stays open over execve.
fn inheritable(descriptor: &impl AsFd) -> std::io::Result<OwnedFd> {
    Ok(rustix::io::dup(descriptor)?)
}
