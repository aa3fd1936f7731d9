//! Ending containers.

use std::{
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use cofferdam_runtime::{container::Container, identity::Identity};
use cofferdam_sys::signal;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::Signal,
};

use super::Found;
use crate::error::{CliError, OrFail as _};

/// How long those may take who have only to note that a container has ended.
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks a container to end, ends it when it has not within `grace`, and waits until whoever keeps
/// it has noted that.
pub(crate) fn stop(found: &Found, number: i32, grace: Duration) -> Result<(), CliError> {
    found.folder.ask_to_stop()?;
    if let Some(container) = found.container()?
        && let Some(pidfd) = process(&container)?
    {
        send(&container, number)?;
        if !ends_within(&pidfd, grace)? {
            kill(&container)?;
            if !ends_within(&pidfd, PATIENCE)? {
                let id = found.id();
                return Err(CliError::new(format!("could not stop '{id}': it does not die"))
                    .hint("a process that waits for a device cannot be ended until that answers"));
            }
        }
    }
    until_noted(found)
}

/// Ends a container at once.
pub(crate) fn end(found: &Found) -> Result<(), CliError> {
    stop(found, Signal::KILL.as_raw(), Duration::ZERO)
}

/// Waits until the keeper of a container that has ended is done with it.
fn until_noted(found: &Found) -> Result<(), CliError> {
    let keeper = found.condition.keeper;
    let Some(pidfd) = open(keeper)? else { return Ok(()) };
    if found.record.detached {
        // It may be waiting for the time to start the container again.
        match signal::send(&pidfd, Signal::USR1.as_raw()) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(error) => {
                return Err(std::io::Error::from(error))
                    .or_fail(|| format!("could not wake the monitor of '{}'", found.id()));
            }
        }
    }
    if ends_within(&pidfd, PATIENCE)? {
        return Ok(());
    }
    let text = format!("could not wait for the process {} that keeps '{}'", keeper.pid, found.id());
    Err(CliError::new(text).hint("it is still there after 20 seconds"))
}

/// A descriptor of a container's first process, if that is alive.
pub(crate) fn process(container: &Container) -> Result<Option<OwnedFd>, CliError> {
    container.state().init.map_or(Ok(None), open)
}

/// A descriptor of a process, if that is alive.
pub(crate) fn open(process: Identity) -> Result<Option<OwnedFd>, CliError> {
    process.open().or_fail(|| format!("could not open process '{}'", process.pid))
}

/// Sends a signal to a container's first process; that it is gone is no error.
fn send(container: &Container, number: i32) -> Result<(), CliError> {
    match container.kill(number, false) {
        Err(cofferdam_runtime::Error::Refused { .. }) => Ok(()),
        sent => Ok(sent?),
    }
}

fn kill(container: &Container) -> Result<(), CliError> {
    Ok(container.kill(Signal::KILL.as_raw(), true)?)
}

/// Whether the process ends in that time.
pub(crate) fn ends_within(pidfd: &OwnedFd, time: Duration) -> Result<bool, CliError> {
    let deadline = Instant::now() + time;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], left.as_ref()) {
            Ok(0) => return Ok(false),
            Ok(_) => return Ok(true),
            Err(Errno::INTR) => {}
            Err(error) => {
                return Err(std::io::Error::from(error))
                    .or_fail(|| "could not wait for a process".to_owned());
            }
        }
    }
}

/// Waits until whoever keeps the container has ended.
pub(crate) fn wait_for_keeper(found: &Found) -> Result<(), CliError> {
    let Some(pidfd) = open(found.condition.keeper)? else { return Ok(()) };
    while !ends_within(&pidfd, Duration::from_secs(3600))? {}
    Ok(())
}
