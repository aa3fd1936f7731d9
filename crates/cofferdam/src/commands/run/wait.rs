use std::{
    os::fd::OwnedFd,
    process::{Child, Command, ExitCode},
    time::{Duration, Instant},
};

use cofferdam_sys::signal;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open},
};

use crate::{
    error::{CliError, OrFail as _},
    session::Ended,
};

/// When a container has run for so long, how it is ended.
pub(crate) struct Limit<'a> {
    /// How long it may run.
    pub(crate) age: Duration,
    /// How long it then has to end by itself.
    pub(crate) grace: Duration,
    /// Which signal asks it to.
    pub(crate) signal: i32,
    /// Told that the time has come.
    pub(crate) reached: &'a dyn Fn(),
    /// Ends it at once.
    pub(crate) kill: &'a dyn Fn() -> Result<(), CliError>,
}

/// Runs the runtime to its end; signals to this program are for the container.
pub(crate) fn wait(mut command: Command, limit: Option<&Limit<'_>>) -> Ended {
    let program = command.get_program().display().to_string();
    let attempt = || format!("could not run the container runtime '{program}'");
    let signals = signal::Set::all_but_faults();
    let before = signals.block().map_err(std::io::Error::from).or_fail(attempt)?;
    let queue = signal::Queue::new(&signals).map_err(std::io::Error::from).or_fail(attempt)?;
    // The container would begin with every signal blocked.
    signal::begin_with(&mut command, before);
    let mut child = command
        .spawn()
        .or_fail(attempt)
        .hint("put 'cofferdam-runtime' beside 'cofferdam' or name it in COFFERDAM_RUNTIME")?;
    pass_signals_on(&child, &queue, limit)?;
    let status = child.wait().or_fail(attempt)?;
    let code = match std::os::unix::process::ExitStatusExt::signal(&status) {
        Some(signal) => Some(128 + signal),
        None => status.code(),
    };
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(125)))
}

/// Until the child has ended.
fn pass_signals_on(
    child: &Child,
    queue: &signal::Queue,
    limit: Option<&Limit<'_>>,
) -> Result<(), CliError> {
    let attempt = || "could not wait for the container runtime".to_owned();
    let failed = |error: Errno| std::io::Error::from(error);
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or(Errno::SRCH).map_err(failed).or_fail(attempt)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(failed).or_fail(attempt)?;
    let mut deadline = limit.and_then(|limit| Instant::now().checked_add(limit.age));
    let mut asked = false;
    loop {
        let mut watched = [PollFd::new(&pidfd, PollFlags::IN), PollFd::new(queue, PollFlags::IN)];
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left + Duration::from_micros(100)).ok());
        match poll(&mut watched, left.as_ref()) {
            Err(Errno::INTR) => continue,
            result => result.map_err(failed).or_fail(attempt)?,
        };
        let ended = !watched[0].revents().is_empty();
        while let Some(arrived) = queue.next().map_err(failed).or_fail(attempt)? {
            // What the kernel sends, such as for Ctrl-C, the whole process group has got.
            if arrived.signal != Signal::CHILD && arrived.sender != 0 {
                send(&pidfd, arrived.signal.as_raw()).map_err(failed).or_fail(attempt)?;
            }
        }
        if ended {
            return Ok(());
        }
        if let Some(limit) = limit.filter(|_| deadline.is_some_and(|end| end <= Instant::now())) {
            if asked {
                deadline = None;
                (limit.kill)()?;
            } else {
                asked = true;
                (limit.reached)();
                deadline = Some(Instant::now() + limit.grace);
                send(&pidfd, limit.signal).map_err(failed).or_fail(attempt)?;
            }
        }
    }
}

/// That the process has ended is no error.
fn send(pidfd: &OwnedFd, number: i32) -> rustix::io::Result<()> {
    match signal::send(pidfd, number) {
        Err(Errno::SRCH) => Ok(()),
        sent => sent,
    }
}
